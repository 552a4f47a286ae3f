"""`aejax compare` and `aejax train`."""

import inspect
import json
from pathlib import Path
from typing import Any

from aejax import data as sources
from aejax import variants
from aejax.compare import compare as run_comparison
from aejax.compare import corruption_of, write_report
from aejax.recipes import NETWORKS, Recipe, build, nearest
from aejax.runs import check_folder
from aejax.trackers import Progress
from aejax.types import InputError, Range
from aejax.verbs.common import given, load, print_table, say_device, size
from aejax.workflows import Training, check_training, train_run


def compare(flags: Any, *, command: str) -> None:
    """`aejax compare`: the last line printed is the page's absolute path."""
    check_training(training := _training(flags))
    output = check_folder(flags.output, overwrite=flags.overwrite)
    dataset = load(flags)
    say_device()
    page = run_comparison(dataset, training, output, command=command, code_dim=flags.code_dim,
                          over_complete=flags.over_complete, source=_source(flags),
                          progress=lambda name: [Progress(name)])
    print_table(json.loads((output / "results.json").read_text())["rows"])
    print(page)


def train(flags: Any, *, command: str) -> None:
    """`aejax train VARIANT`: trains into a run folder, measures it, writes its report."""
    nearest(flags.variant, variants.NAMES, "variant")
    check_training(training := _training(flags))
    output = check_folder(flags.output or Path("runs") / flags.variant, overwrite=flags.overwrite)
    _recipe(flags, shape=(28, 28, 1), range=(0.0, 1.0))   # names and options are checked before data are read
    dataset = load(flags)
    recipe = _recipe(flags, dataset.shape, dataset.range)
    say_device()
    trained = train_run(recipe, dataset, training, output, command=command, source=_source(flags),
                        callbacks=[Progress(flags.variant)])
    page = write_report({flags.variant: trained}, dataset, training, output, command=command,
                        corruption=recipe.corruption or corruption_of(dataset),
                        title=f"A {flags.variant} autoencoder of {dataset.name}")
    print_table(json.loads((output / "results.json").read_text())["rows"])
    print(page)


def _training(flags: Any) -> Training:
    return Training(epochs=flags.epochs, batch_size=flags.batch_size, learning_rate=flags.learning_rate,
                    seed=flags.seed, validation=flags.validation, patience=flags.patience)


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
    network = {"name": flags.network, "shape": list(shape), "code_dim": flags.code_dim} | given(
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
    options = given(weight=flags.weight, sparsity=flags.sparsity, target=flags.target, method=flags.method,
                     chunk_size=flags.chunk_size)
    details = given(rate=flags.rate, std=flags.std, fill=flags.fill, size=flags.block_size, factor=flags.factor)
    corruption = None
    if details and "corruption" not in inspect.signature(getattr(variants, flags.variant)).parameters:
        raise InputError(f"--{next(iter(details))} does not apply to {flags.variant}, which corrupts nothing")
    if flags.corruption or details:
        corruption = {"name": flags.corruption or "masking_noise"} | details
    recipe = Recipe(flags.variant, network, loss, corruption, options)
    build(recipe)
    return recipe


def _source(flags: Any) -> dict[str, Any]:
    """The arguments of `data.load`, for the run's config; a path is kept absolute."""
    path = Path(flags.data).expanduser()
    named = flags.data in sources.NAMES or not path.exists()
    return {"source": flags.data if named else str(path.resolve()), "data_dir": flags.data_dir and str(flags.data_dir),
            "size": size(flags.size), "label_column": flags.label_column, "seed": flags.seed}
