"""`aejax compare`, `aejax train` and `aejax sweep`."""

import dataclasses
import inspect
import itertools
import json
import logging
import shlex
import typing
from pathlib import Path
from typing import Any

import jax
import numpy as np

from aejax import codecs, variants
from aejax.compare import compare as run_comparison
from aejax.compare import corruption_of, write_report
from aejax.flags.common import DeviceFlags, HostFlags
from aejax.flags.training import Train
from aejax.grids import run_grid, table
from aejax.measured_noise import noise_of
from aejax.recipes import NETWORKS, UNBOUNDED, Recipe, blind, build, nearest, told
from aejax.runs import check_folder
from aejax.trackers import Progress
from aejax.train import TrainingInterruptedError
from aejax.train.hosts import by_first, initialize
from aejax.types import InputError, Range
from aejax.verbs.common import given, load, numbers, print_aligned, print_table, say_device, source_of
from aejax.workflows import Training, check_training, parts, train_run

logger = logging.getLogger("aejax")


def compare(flags: Any, *, command: str) -> None:
    """`aejax compare`: the last line printed is the page's absolute path."""
    check_training(training := _training(flags))
    output = check_folder(flags.output, overwrite=flags.overwrite)
    dataset = load(flags)
    say_device()
    page = run_comparison(dataset, training, output, command=command, code_dim=flags.code_dim,
                          over_complete=flags.over_complete, precision=flags.precision, source=source_of(flags),
                          progress=lambda name: [Progress(name)])
    print_table(json.loads((output / "results.json").read_text())["rows"])
    print(page)


def train(flags: Any, *, command: str) -> None:
    """`aejax train VARIANT`: trains into a run folder, measures it, writes its report."""
    nearest(flags.variant, variants.NAMES, "variant")
    if flags.resume and flags.overwrite:
        raise InputError("--resume goes on with a run, --overwrite replaces it: leave one of them out")
    if flags.pixel_epochs is not None and (flags.variant != "quantised" or flags.pixel_epochs < 1):
        raise InputError(f"--pixel-epochs {flags.pixel_epochs}: a number from 1 on, for quantised alone")
    if flags.levels is not None and (flags.pixel_epochs is None or not 2 <= flags.levels <= 256):
        raise InputError(f"--levels {flags.levels}: a number from 2 to 256, together with --pixel-epochs")
    first = _join(flags)
    check_training(training := _training(flags))
    output = Path(flags.output or Path("runs") / flags.variant).expanduser()
    going_on = flags.resume and (output / "checkpoints").is_dir()
    by_first(lambda: check_folder(output, overwrite=flags.overwrite or going_on))
    flags = _measured(flags)
    _recipe(flags, shape=(28, 28, 1), range=(0.0, 1.0))   # names and options are checked before data are read
    dataset = load(flags)
    recipe = _recipe(flags, dataset.shape, dataset.range)
    pictures = dataset.train.dtype == np.uint8 and len(dataset.shape) == 3
    if flags.pixel_epochs and not pictures:
        raise InputError(f"--pixel-epochs: lossless coding is for pictures of uint8, {dataset.name} holds none")
    say_device()
    try:
        trained = train_run(recipe, dataset, training, output, command=command, source=source_of(flags),
                            callbacks=[Progress(flags.variant)], checkpoint_every=flags.checkpoint_every,
                            resume=flags.resume)
    except TrainingInterruptedError:
        if first:
            raise
    if not first:
        return
    if flags.variant == "quantised" and pictures:
        codecs.prepare(output, trained.ae, trained.params, parts(dataset, training)[0], seed=flags.seed,
                       pixel_epochs=flags.pixel_epochs, levels=flags.levels or 256, callbacks=[Progress("pixels")])
    page = write_report({flags.variant: trained}, dataset, training, output, command=command,
                        corruption=recipe.corruption or corruption_of(dataset),
                        title=f"A {flags.variant} autoencoder of {dataset.name}")
    print_table(json.loads((output / "results.json").read_text())["rows"])
    print(page)


def sweep(flags: Any, *, command: str) -> None:
    """`aejax sweep VARIANT`: trains a grid, writes its table and plot, says how to train the best as a run."""
    nearest(flags.variant, variants.NAMES, "variant")
    grid = _grid(flags.grid)
    if flags.patience is not None:
        raise InputError("--patience does not apply to sweep: every model trains for --epochs")
    for field in dataclasses.fields(DeviceFlags) + dataclasses.fields(HostFlags):
        if getattr(flags, field.name) != field.default:
            raise InputError(f"--{field.name.replace('_', '-')} does not apply to sweep, which trains all models "
                             "on one device")
    if flags.pixel_epochs is not None or flags.levels is not None:
        raise InputError("--pixel-epochs and --levels do not apply to sweep: train the best as a run, which compresses")
    if flags.seeds < 1:
        raise InputError(f"--seeds must be at least 1, got {flags.seeds}")
    flags = _measured(flags)
    points = [dict(zip(grid, values, strict=True)) for values in itertools.product(*grid.values())]
    for point in points:   # everything is checked before data are read
        check_training(_training(changed := dataclasses.replace(flags, **point)))
        _recipe(changed, shape=(28, 28, 1), range=(0.0, 1.0))
    output = check_folder(flags.output or Path("runs") / f"sweep-{flags.variant}", overwrite=flags.overwrite)
    dataset = load(flags)
    say_device()
    result = run_grid(lambda **values: _recipe(dataclasses.replace(flags, **values), dataset.shape, dataset.range),
                      dataset, _training(flags), grid, range(flags.seed, flags.seed + flags.seeds), output,
                      command=command, source=source_of(flags), callbacks=[Progress(flags.variant)])
    print_aligned(table(result), left=())
    if result.best is None:
        raise FloatingPointError(f"every point diverged with some seed; {output / 'results.csv'} says which: lower the "
                                 "learning rate, or look at the data")
    inside = [name for name in grid if name not in _OUTSIDE_THE_LOSS]
    if inside:
        logger.info("note: the loss contains %s, so that points minimise different objectives: the least loss need not "
                    "be the best model", " and ".join(inside))
    print(f"the best as a run: {_train_command(dataclasses.replace(flags, **result.best.values))}")
    print((output / "results.csv").resolve())


_OUTSIDE_THE_LOSS = ("learning_rate", "network", "code_dim", "activation", "code_activation", "chunk_size")
_NOT_SWEPT = ("variant", "output", "widths", "channels", "tied", "patches", "blind", "noise_from",
              "pixel_epochs", "levels", "discriminator_widths")


def _grid(texts: tuple[str, ...]) -> dict[str, list[Any]]:
    """{name: values} from "rate=0.1,0.3" …, each value of the kind that the flag of that name has."""
    if not texts:
        raise InputError("nothing to sweep: add --grid, for example --grid learning_rate=0.001,0.01")
    known = ("learning_rate", *(name for name in vars(Train)["__annotations__"] if name not in _NOT_SWEPT))
    kinds = typing.get_type_hints(Train)
    grid: dict[str, list[Any]] = {}
    for text in texts:
        name, _, values = text.partition("=")
        name = nearest(name.strip().lstrip("-").replace("-", "_"), known, "name in --grid")
        kind = next(kind for kind in (*typing.get_args(kinds[name]), kinds[name]) if kind in (int, float, str))
        try:
            found = [kind(value.strip() or "?") for value in values.split(",")]
        except ValueError:
            found = []
        if "?" in found or len(set(found)) < max(len(found), 1):
            wanted = {int: "whole numbers", float: "numbers", str: "names"}[kind]
            raise InputError(f"--grid {text}: give different {wanted} with commas between, for example "
                             f"{'code_dim=10,30' if kind is int else 'rate=0.1,0.3'}")
        if name in grid:
            raise InputError(f"--grid {name} is given twice: put all its values into one")
        grid[name] = found
    return grid


def _train_command(flags: Any) -> str:
    """`aejax train` with these flags, those at their defaults left out; its seed is the sweep's first."""
    words = ["aejax", "train", flags.variant]
    for field in dataclasses.fields(Train):
        value = getattr(flags, field.name)
        if field.name not in ("variant", "output", "overwrite") and value != field.default:
            words += [f"--{field.name.replace('_', '-')}"] + ([] if value is True else [str(value)])
    return shlex.join(words)


def _join(flags: Any) -> bool:
    """Joins the other processes, where there are any; whether this is the first, which alone writes and speaks."""
    if flags.coordinator == "auto" and flags.process_id is None and flags.process_count is None:
        initialize()
    elif (flags.coordinator, flags.process_id, flags.process_count) != (None, None, None):
        initialize(flags.coordinator, flags.process_id, flags.process_count)
    if jax.process_index() > 0:
        logger.setLevel(logging.ERROR)
    return jax.process_index() == 0


def _devices(text: str | None) -> str | int | None:
    if text in (None, "all"):
        return text
    try:
        return int(text)
    except ValueError:
        raise InputError(f"--devices {text}: give all, or a number") from None


def _training(flags: Any) -> Training:
    return Training(devices=_devices(flags.devices), parallel=flags.parallel,
                    epochs=flags.epochs, batch_size=flags.batch_size, learning_rate=flags.learning_rate,
                    seed=flags.seed, validation=flags.validation, patience=flags.patience)


def _recipe(flags: Any, shape: tuple[int, ...], range: Range | None) -> Recipe:
    """The recipe that the flags of `train` describe; a flag that nothing takes is an error."""
    nearest(flags.network, tuple(NETWORKS), "network")
    free = "identity" if flags.network == "dense" and flags.variant in UNBOUNDED else None
    network = {"name": flags.network, "shape": list(shape)} | given(
        code_dim=30 if flags.code_dim is None and flags.network not in ("unet", "spatial") else flags.code_dim,
        vector_dim=flags.vector_dim if flags.network == "spatial" else None,
        widths=numbers(flags.widths, "widths"), channels=numbers(flags.channels, "channels"),
        activation=flags.activation, code_activation=flags.code_activation or free, tied=flags.tied or None,
        precision=None if flags.precision == "float32" else flags.precision)
    loss: dict[str, Any] = {"name": flags.loss}
    if flags.loss != "cross_entropy":
        plain = range is None or flags.network == "unet"   # which adds to its input, and needs nothing that saturates
        needed = "identity" if plain else "tanh" if range[0] < 0 else "sigmoid"
        loss["activation"] = flags.output_activation or needed
        if range is None and loss["activation"] == "identity":
            loss["range"] = None
        elif range == (-1.0, 1.0) and loss["activation"] == "identity":
            loss["range"] = range
    elif flags.output_activation:
        raise InputError("--output-activation does not apply to cross_entropy, whose output is a sigmoid")
    elif flags.network == "unet":
        raise InputError("cross_entropy does not suit a unet, which adds to its input: take squared_error")
    taken = inspect.signature(getattr(variants, flags.variant)).parameters
    options = given(weight=flags.weight, hessian_weight=flags.hessian_weight, sparsity=flags.sparsity,
                    target=flags.target, method=flags.method, samples=flags.samples, chunk_size=flags.chunk_size,
                    step=flags.step, kernel=flags.kernel, regulariser=flags.regulariser,
                    regulariser_weight=flags.regulariser_weight, codebook_size=flags.codebook_size,
                    commitment=flags.commitment, widths=numbers(flags.discriminator_widths, "discriminator-widths"),
                    vector_dim=None if flags.network == "spatial" else flags.vector_dim,
                    beta=flags.beta, warm_up=flags.warm_up, free_bits=flags.free_bits)
    if flags.samples is not None and "method" in taken and flags.method != "hutchinson":
        raise InputError("--samples applies to --method hutchinson alone: the other methods are exact")
    details = given(rate=flags.rate, std=flags.std, fill=flags.fill, size=flags.block_size, factor=flags.factor,
                    peak=flags.peak, slope=flags.slope, floor=flags.floor)
    if "std" in taken and "std" in details:   # the variant's own noise, which corrupts no input
        options["std"] = details.pop("std")
    corruption = None
    if (details or flags.blind) and "corruption" not in taken:
        raise InputError(f"--{next(iter(details), 'blind')} does not apply to {flags.variant}, which corrupts nothing")
    if flags.corruption or details or flags.blind:
        corruption = {"name": flags.corruption or "masking_noise"} | details
        if corruption["name"] == "hidden_regions" and flags.rate is not None:
            corruption["rate"] = [flags.rate, flags.rate]
        corruption = blind(corruption) if flags.blind else corruption
    recipe = Recipe(flags.variant, told(network, corruption, range), loss, corruption, options)
    build(recipe)
    return recipe


def _measured(flags: Any) -> Any:
    """The flags with the noise of --noise-from, which is printed, as if it had been given."""
    if flags.noise_from is None:
        return flags
    for name in ("corruption", "slope", "floor"):
        if getattr(flags, name) not in (None, "signal_dependent_noise"):
            raise InputError(f"--noise-from measures the noise, a signal_dependent_noise: leave out --{name}")
    level = noise_of(flags.noise_from)
    print(f"noise of {flags.noise_from}: variance {level.slope:.3g} x + {level.floor:.3g}, a std of "
          f"{level.floor ** 0.5:.3g} at black and {(level.slope + level.floor) ** 0.5:.3g} at white")
    return dataclasses.replace(flags, noise_from=None, corruption="signal_dependent_noise", slope=float(level.slope),
                               floor=float(level.floor))
