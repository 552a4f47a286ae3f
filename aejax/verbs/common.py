"""What several verbs share: reading data as the flags or a run say, guarding earlier results, and printing."""

import logging
import math
import os
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import jax
import numpy as np

from aejax import data as sources
from aejax import detection
from aejax.compare import COLUMNS
from aejax.data.dataset import Standardiser
from aejax.files import atomic
from aejax.measuring import Row
from aejax.runs import Run, device
from aejax.types import InputError

logger = logging.getLogger("aejax")
Picture = TypeVar("Picture")


def keep_compiled_programs() -> None:
    """Keeps compiled programs between processes in the user's cache folder, unless JAX was told another place.

    Where nothing can be written there, programs that it already holds are used; where it cannot be made, none are kept.
    """
    if jax.config.jax_compilation_cache_dir is not None:
        return
    folder = sources.cache_dir() / "xla"
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        return logger.info("compiled programs are not kept: %s: %s", folder, error.strerror or error)
    jax.config.update("jax_compilation_cache_dir", str(folder))
    least = 0.0 if os.access(folder, os.W_OK) else math.inf   # ours compile in less than JAX's 1 s
    jax.config.update("jax_persistent_cache_min_compile_time_secs", least)


def say_device() -> None:
    """Tells people what the computation runs on."""
    logger.info("device: %s", device())


def load(flags: Any, source: str | None = None) -> sources.Dataset:
    """The data that the flags name."""
    return sources.load(source or flags.data, data_dir=flags.data_dir, size=size(flags.size),
                        label_column=flags.label_column, seed=getattr(flags, "seed", 0),
                        patches=size(getattr(flags, "patches", None), "patches"))


def data_of(run: Run, *, data: str | None = None, data_dir: Path | None = None, resize: bool = False,
            otherwise: str = "name them with --data") -> sources.Dataset:
    """What a run was trained on, loaded as its config says, or `data` instead; of the shape that the run takes.

    Says when the data have changed since. `resize` is for pictures of another size in `data`, `otherwise` what to do
    about a run that does not say how its data were loaded.

    Raises:
      InputError: such a run, or data of another shape.
    """
    trained_on = run.config["data"]["load"]
    in_part = trained_on is None and data is None
    if in_part:
        trained_on = detection.source_of(run)
    if data is None and trained_on is None:
        raise InputError(f"{run.path} does not say how its data were loaded: {otherwise}")
    if data is None:
        arguments = dict(trained_on)
    else:
        arguments = {"source": data, "size": run.shape[:2] if resize and len(run.shape) == 3 else None}
    source = arguments.pop("source")
    found = sources.load(source, **arguments | given(data_dir=data_dir))
    if found.shape != run.shape:
        raise InputError(f"{found.name}: examples of shape {found.shape}, but {run.path} takes {run.shape}")
    if in_part:
        logger.info("%s: part of its training data set the threshold, the run learned from the rest", source)
    elif data is None and found.digest != run.config["data"]["sha256"]:
        logger.warning("%s has changed since the run was trained on it (its sha256 differs)", source)
    return found


def refuse_to_replace(targets: Iterable[Path], overwrite: bool, flag: str = "output") -> None:
    """Refuses results that are there already, unless `overwrite`; changes nothing. `flag` named the place.

    Raises:
      InputError: naming the first of them.
    """
    for target in targets:
        if target.exists() and not overwrite:
            raise InputError(f"{target} exists: choose another --{flag}, or add --overwrite")


def readable(paths: Collection[Path], read: Callable[[Path], Picture], skipped: list[Path],
             ) -> Iterator[tuple[Path, Picture]]:
    """Each path with what `read` makes of it; those that it refuses are named, and added to `skipped`.

    Raises:
      InputError: that of `read`, if the path is the only one.
    """
    for path in paths:
        try:
            picture = read(path)
        except InputError as error:
            if len(paths) == 1:
                raise
            logger.warning("skipped: %s", error)
            skipped.append(path)
        else:
            yield path, picture


def in_units(run: Run, x: np.ndarray) -> np.ndarray:
    """Rows of a table in the units that it came in; images as they are."""
    scale = run.config["data"]["standardiser"]
    if scale is None:
        return x
    return Standardiser(*(np.asarray(scale[part], np.float32) for part in ("mean", "std"))).invert(x)


def write_arrays(path: Path, arrays: Mapping[str, np.ndarray]) -> None:
    """Writes a compressed .npz file, whole or not at all."""
    with atomic(path) as temporary, temporary.open("wb") as file:
        np.savez_compressed(file, **arrays)


def size(text: str | None, flag: str = "size") -> tuple[int, int] | None:
    """Height and width of "32x32"."""
    if text is None:
        return None
    parts = text.lower().split("x")
    if len(parts) not in (1, 2) or not all(part.isdigit() for part in parts):
        raise InputError(f"--{flag} {text}: give height x width in pixels, for example 32x32")
    return int(parts[0]), int(parts[-1])


def numbers(text: str | None, flag: str) -> list[int] | None:
    """Whole numbers of "512,256"."""
    if text is None:
        return None
    try:
        return [int(part) for part in text.split(",")]
    except ValueError:
        raise InputError(f"--{flag} {text}: give whole numbers with commas between, for example 512,256") from None


def source_of(flags: Any) -> dict[str, Any]:
    """The arguments of `data.load`, for the run's config; a path is kept absolute."""
    path = Path(flags.data).expanduser()
    named = flags.data in sources.NAMES or not path.exists()
    return {"source": flags.data if named else str(path.resolve()), "data_dir": flags.data_dir and str(flags.data_dir),
            "size": size(flags.size), "label_column": flags.label_column, "seed": flags.seed,
            "patches": size(getattr(flags, "patches", None), "patches")}


def given(**options: Any) -> dict[str, Any]:
    """The options that were given."""
    return {name: value for name, value in options.items() if value is not None}


def print_table(rows: list[Row]) -> None:
    """The results as aligned text."""
    columns = [column for column in COLUMNS if any(row.get(column.key) is not None for row in rows)]
    cells = [[column.header for column in columns]]
    cells += [["–" if row.get(c.key) is None else c.format.format(row[c.key]) for c in columns] for row in rows]
    print_aligned(cells)


def print_aligned(cells: Sequence[Sequence[str]], left: Sequence[int] = (0,)) -> None:
    """Lines of cells as columns, those in `left` aligned at the left."""
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    for line in cells:
        print("  ".join(text.ljust(w) if i in left else text.rjust(w)
                        for i, (text, w) in enumerate(zip(line, widths, strict=True))).rstrip())
