"""`aejax compare`, `aejax train` and `aejax sweep`."""

import dataclasses
import itertools
import json
import logging
import shlex
import typing
from pathlib import Path
from typing import Any

import jax
import numpy as np

from aejax import codecs, tracking, variants
from aejax.compare import compare as run_comparison
from aejax.compare import corruption_of, write_report
from aejax.flags.common import DeviceFlags, HostFlags
from aejax.flags.training import Train
from aejax.grids import run_grid, table
from aejax.recipes import Recipe, build, nearest
from aejax.runs import check_folder
from aejax.trackers import Progress
from aejax.train import TrainingInterruptedError
from aejax.train.hosts import by_first, initialize
from aejax.types import InputError
from aejax.verbs.common import load, print_aligned, print_table, say_device, source_of
from aejax.verbs.recipes import recipe_of, with_measured_noise
from aejax.workflows import Training, check_training, parts, suited, train_run

logger = logging.getLogger("aejax")


def compare(flags: Any, *, command: str) -> None:
    """`aejax compare`: the last line printed is the page's absolute path."""
    check_training(training := _training(flags, 64))
    output = check_folder(flags.output, overwrite=flags.overwrite)
    dataset = load(flags)
    training = suited(training, dataset, flags.batch_size)
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
    tracking.check(followers := [] if flags.track is None else [name.strip() for name in flags.track.split(",")])
    first = _join(flags)
    check_training(training := _training(flags))
    output = Path(flags.output or Path("runs") / flags.variant).expanduser()
    going_on = flags.resume and (output / "checkpoints").is_dir()
    by_first(lambda: check_folder(output, overwrite=flags.overwrite or going_on))
    flags = with_measured_noise(flags)
    recipe_of(flags, shape=(28, 28, 1), range=(0.0, 1.0))   # names and options are checked before data are read
    dataset = load(flags)
    recipe = recipe_of(flags, dataset.shape, dataset.range)
    training = suited(training, dataset, flags.batch_size)
    pictures = dataset.train.dtype == np.uint8 and len(dataset.shape) == 3
    if flags.pixel_epochs and not pictures:
        raise InputError(f"--pixel-epochs: lossless coding is for pictures of uint8, {dataset.name} holds none")
    say_device()
    watching = [Progress(flags.variant), *tracking.trackers(
        followers, output, ae=build(recipe), examples=dataset.train, config=dataclasses.asdict(recipe))]
    try:
        trained = train_run(recipe, dataset, training, output, command=command, source=source_of(flags),
                            callbacks=watching, checkpoint_every=flags.checkpoint_every,
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
    logger.info("next: %s", _following(recipe, output, pictures))


def _following(recipe: Recipe, output: Path, pictures: bool) -> str:
    """The command that most people type after this training."""
    if recipe.variant != "denoising" or not pictures:
        return shlex.join(["aejax", "explore" if pictures else "evaluate", str(output)])
    corruption = recipe.corruption or {}   # none of its own where the data came noisy
    verb, more = {"hidden_regions": ("inpaint", "PICTURE --mask MASK"),
                  "downsample": ("upscale", f"PICTURES --factor {corruption.get('factor', 2)}"),
                  }.get(corruption.get("name"), ("denoise", "PICTURES"))
    return f"{shlex.join(['aejax', verb, str(output)])} {more}"


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
    for name, why in (("pixel_epochs", "compresses"), ("levels", "compresses"), ("track", "is tracked")):
        if getattr(flags, name) is not None:
            raise InputError(f"--{name.replace('_', '-')} does not apply to sweep: train the best as a run, which "
                             f"{why}")
    if flags.seeds < 1:
        raise InputError(f"--seeds must be at least 1, got {flags.seeds}")
    flags = with_measured_noise(flags)
    points = [dict(zip(grid, values, strict=True)) for values in itertools.product(*grid.values())]
    for point in points:   # everything is checked before data are read
        check_training(_training(changed := dataclasses.replace(flags, **point)))
        recipe_of(changed, shape=(28, 28, 1), range=(0.0, 1.0))
    output = check_folder(flags.output or Path("runs") / f"sweep-{flags.variant}", overwrite=flags.overwrite)
    dataset = load(flags)
    say_device()
    result = run_grid(lambda **values: recipe_of(dataclasses.replace(flags, **values), dataset.shape, dataset.range),
                      dataset, suited(_training(flags), dataset, flags.batch_size), grid,
                      range(flags.seed, flags.seed + flags.seeds), output,
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


_OUTSIDE_THE_LOSS = ("learning_rate", "network", "code_dim", "activation", "code_activation", "chunk_size", "style_dim")
_NOT_SWEPT = ("variant", "output", "widths", "channels", "mapping_widths", "tied", "patches", "blind", "noise_from",
              "pixel_epochs", "levels", "discriminator_widths", "track")


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


def _training(flags: Any, batch_size: int = 256) -> Training:
    return Training(devices=_devices(flags.devices), parallel=flags.parallel,
                    epochs=flags.epochs, batch_size=batch_size if flags.batch_size is None else flags.batch_size,
                    learning_rate=flags.learning_rate, seed=flags.seed, validation=flags.validation,
                    patience=flags.patience)
