"""What the command line's verbs do, given their parsed flags (dataclasses of `aejax.cli`)."""

import inspect
import json
import logging
from pathlib import Path
from typing import Any

import jax
import numpy as np

from aejax import data as sources
from aejax import figures, metrics, variants
from aejax.applications.reconstruction import reconstruct as reconstruct_images
from aejax.compare import COLUMNS, corruption_of, write_report
from aejax.compare import compare as run_comparison
from aejax.files import write_array, write_picture
from aejax.recipes import NETWORKS, Recipe, build, nearest
from aejax.runs import check_folder, device, load
from aejax.trackers import Progress
from aejax.types import InputError, Range
from aejax.workflows import Row, Training, check_training, results, train_run

logger = logging.getLogger("aejax")


def keep_compiled_programs() -> None:
    """Keeps compiled programs between processes in the user's cache folder, unless JAX was told another place."""
    if jax.config.jax_compilation_cache_dir is None:
        jax.config.update("jax_compilation_cache_dir", str(sources.cache_dir() / "xla"))
        jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)   # ours compile in less than its 1 s


def compare(flags: Any, *, command: str) -> None:
    """`aejax compare`: the last line printed is the page's absolute path."""
    check_training(training := _training(flags))
    output = check_folder(flags.output, overwrite=flags.overwrite)
    dataset = _load(flags)
    _say_device()
    page = run_comparison(dataset, training, output, command=command, code_dim=flags.code_dim,
                          over_complete=flags.over_complete, source=_source(flags),
                          progress=lambda name: [Progress(name)])
    _print_table(json.loads((output / "results.json").read_text())["rows"])
    print(page)


def train(flags: Any, *, command: str) -> None:
    """`aejax train VARIANT`: trains into a run folder, measures it, writes its report."""
    nearest(flags.variant, variants.NAMES, "variant")
    check_training(training := _training(flags))
    output = check_folder(flags.output or Path("runs") / flags.variant, overwrite=flags.overwrite)
    _recipe(flags, shape=(28, 28, 1), range=(0.0, 1.0))   # names and options are checked before data are read
    dataset = _load(flags)
    recipe = _recipe(flags, dataset.shape, dataset.range)
    _say_device()
    trained = train_run(recipe, dataset, training, output, command=command, source=_source(flags),
                        callbacks=[Progress(flags.variant)])
    page = write_report({flags.variant: trained}, dataset, training, output, command=command,
                        corruption=recipe.corruption or corruption_of(dataset),
                        title=f"A {flags.variant} autoencoder of {dataset.name}")
    _print_table(json.loads((output / "results.json").read_text())["rows"])
    print(page)


def evaluate(flags: Any, *, command: str) -> None:
    """`aejax evaluate RUN`: the run's numbers on test data and the baselines', as a table or JSON."""
    run = load(flags.run)
    trained_on = run.config["data"]["load"]
    if flags.data is None and trained_on is None:
        raise InputError(f"{run.path} does not say how its data were loaded: name them with --data")
    arguments = {"size": run.shape[:2] if len(run.shape) == 3 else None} if flags.data else dict(trained_on)
    source = flags.data or arguments.pop("source")
    dataset = sources.load(source, **arguments | _given(data_dir=flags.data_dir))
    if dataset.shape != run.shape:
        raise InputError(f"{dataset.name}: examples of shape {dataset.shape}, but {run.path} takes {run.shape}")
    if flags.data is None and dataset.digest != run.config["data"]["sha256"]:
        logger.warning("%s has changed since the run was trained on it (its sha256 differs)", source)
    rows = results({run.path.resolve().name: run}, dataset, run.recipe.corruption or corruption_of(dataset)).rows
    if flags.json:
        print(json.dumps({"run": str(run.path), "data": dataset.name, "examples": len(dataset.test), "rows": rows}))
    else:
        _print_table(rows)


def reconstruct(flags: Any, *, command: str) -> None:
    """`aejax reconstruct RUN PICTURES`: PNG files (or reconstructions.npy for arrays and tables) and a figure."""
    run = load(flags.run)
    inputs = sources.read_inputs(flags.pictures, run.shape, run.config["data"]["standardiser"])
    targets = [flags.output / f"{name}.png" for name in inputs.names] if inputs.pictures else [
        flags.output / "reconstructions.npy"]
    figure = flags.output / "figure.png"
    while figure in targets:   # a picture of that name
        figure = figure.with_name(f"_{figure.name}")
    for target in (*targets, figure) if inputs.pictures else targets:
        if target.exists() and not flags.overwrite:
            raise InputError(f"{target} exists: choose another --output, or add --overwrite")
    for note in inputs.notes:
        logger.info("%s", note)
    outputs = reconstruct_images(run.ae, run.params, inputs.x)
    if not inputs.pictures:
        write_array(targets[0], inputs.restore(outputs))
        print(targets[0].resolve())
        return
    unit = np.clip(metrics.to_unit(outputs, run.ae.range), 0, 1)
    for target, image in zip(targets, unit, strict=True):
        write_picture(target, np.rint(image * 255).astype(np.uint8))
    given = np.asarray(metrics.to_unit(inputs.x, run.ae.range))
    figures.image_rows(figure, [("input", given[:10]), ("reconstruction", unit[:10])])
    error = metrics.mse(given, unit)
    print(f"{len(unit)} pictures, mean squared error {float(error.mean()):.5f} on the [0, 1] scale")
    print(figure.resolve())


def data(flags: Any, *, command: str) -> None:
    """`aejax data check PATH`: what is in the data, and what is wrong with them."""
    found = sources.check(flags.path, size=_size(flags.size), label_column=flags.label_column, data_dir=flags.data_dir)
    if flags.json:
        print(json.dumps(found))
    else:
        for name, value in found.items():
            if name != "warnings":
                print(f"{name.replace('_', ' '):<20} {json.dumps(value) if isinstance(value, (dict, list)) else value}")
        for warning in found["warnings"]:
            print(f"warning: {warning}")
    if flags.output or (not flags.json and found["kind"] == "images"):
        try:
            dataset = _load(flags, source=flags.path)
        except InputError as error:   # such data are what a check is for: the report stands, only the grid is missing
            if flags.output:
                raise
            return print(f"no grid of samples: {error}")
        if len(dataset.shape) != 3:
            raise InputError(f"{flags.path}: no images, so there is no grid to draw: leave --output out")
        path = flags.output or Path("data-check.png")
        pick = np.unique(np.linspace(0, len(dataset.train) - 1, 48).astype(int))
        names = None if dataset.train_labels is None else [
            str(label if dataset.label_names is None else dataset.label_names[label])
            for label in dataset.train_labels[pick]]
        figures.samples(path, np.asarray(metrics.to_unit(dataset.train[pick], dataset.range)), labels=names)
        print(path.resolve())


def _say_device() -> None:
    logger.info("device: %s", device())


def _training(flags: Any) -> Training:
    return Training(epochs=flags.epochs, batch_size=flags.batch_size, learning_rate=flags.learning_rate,
                    seed=flags.seed, validation=flags.validation, patience=flags.patience)


def _load(flags: Any, source: str | None = None) -> sources.Dataset:
    return sources.load(source or flags.data, data_dir=flags.data_dir, size=_size(flags.size),
                        label_column=flags.label_column, seed=getattr(flags, "seed", 0))


def _size(text: str | None) -> tuple[int, int] | None:
    if text is None:
        return None
    parts = text.lower().split("x")
    if len(parts) not in (1, 2) or not all(part.isdigit() for part in parts):
        raise InputError(f"--size {text}: give height x width in pixels, for example 32x32")
    return int(parts[0]), int(parts[-1])


def _numbers(text: str | None, flag: str) -> list[int] | None:
    if text is None:
        return None
    try:
        return [int(part) for part in text.split(",")]
    except ValueError:
        raise InputError(f"--{flag} {text}: give whole numbers with commas between, for example 512,256") from None


def _recipe(flags: Any, shape: tuple[int, ...], range: Range | None) -> Recipe:
    """The recipe that the flags of `train` describe; a flag that nothing takes is an error."""
    nearest(flags.network, tuple(NETWORKS), "network")
    network = {"name": flags.network, "shape": list(shape), "code_dim": flags.code_dim} | _given(
        widths=_numbers(flags.widths, "widths"), channels=_numbers(flags.channels, "channels"),
        activation=flags.activation, code_activation=flags.code_activation, tied=flags.tied or None)
    loss: dict[str, Any] = {"name": flags.loss}
    if flags.loss != "cross_entropy":
        needed = "identity" if range is None else "tanh" if range[0] < 0 else "sigmoid"
        loss["activation"] = flags.output_activation or needed
        if range is None and loss["activation"] == "identity":
            loss["range"] = None
        elif range == (-1.0, 1.0) and loss["activation"] == "identity":
            loss["range"] = range
    elif flags.output_activation:
        raise InputError("--output-activation does not apply to cross_entropy, whose output is a sigmoid")
    options = _given(weight=flags.weight, sparsity=flags.sparsity, target=flags.target, method=flags.method,
                     chunk_size=flags.chunk_size)
    details = _given(rate=flags.rate, std=flags.std, fill=flags.fill, size=flags.block_size, factor=flags.factor)
    corruption = None
    if details and "corruption" not in inspect.signature(getattr(variants, flags.variant)).parameters:
        raise InputError(f"--{next(iter(details))} does not apply to {flags.variant}, which corrupts nothing")
    if flags.corruption or details:
        corruption = {"name": flags.corruption or "masking_noise"} | details
    recipe = Recipe(flags.variant, network, loss, corruption, options)
    build(recipe)
    return recipe


def _given(**options: Any) -> dict[str, Any]:
    return {name: value for name, value in options.items() if value is not None}


def _source(flags: Any) -> dict[str, Any]:
    """The arguments of `data.load`, for the run's config; a path is kept absolute."""
    path = Path(flags.data).expanduser()
    named = flags.data in sources.NAMES or not path.exists()
    return {"source": flags.data if named else str(path.resolve()), "data_dir": flags.data_dir and str(flags.data_dir),
            "size": _size(flags.size), "label_column": flags.label_column, "seed": flags.seed}


def _print_table(rows: list[Row]) -> None:
    """The results as aligned text."""
    columns = [column for column in COLUMNS if any(row.get(column.key) is not None for row in rows)]
    cells = [[column.header for column in columns]]
    cells += [["–" if row.get(c.key) is None else c.format.format(row[c.key]) for c in columns] for row in rows]
    widths = [max(len(line[i]) for line in cells) for i in range(len(columns))]
    for line in cells:
        print("  ".join(text.ljust(w) if i == 0 else text.rjust(w)
                        for i, (text, w) in enumerate(zip(line, widths, strict=True))))
