"""What a trained run is given: pictures, arrays or rows of a table, brought to the shape that the run takes."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from aejax.data.arrays import as_bytes, read_parts
from aejax.data.dataset import Standardiser
from aejax.data.pictures import list_pictures, read_pictures
from aejax.data.tables import read_table
from aejax.files import PICTURE_SUFFIXES, InputError, read_picture


@dataclasses.dataclass(frozen=True)
class Inputs:
    """Examples for a run.

    Attributes:
      x: uint8 or float32, (N, *shape).
      names: of the pictures, unique, without suffix; empty for arrays and tables.
      files: of the pictures; empty for arrays and tables.
      skipped: why a picture was left out, a line for each.
      columns: of a .csv or .parquet file; else empty.
      standardiser: what the run's table was standardised with, or None.
      notes: what was done to the inputs.
    """

    x: np.ndarray
    names: tuple[str, ...] = ()
    standardiser: Standardiser | None = None
    notes: tuple[str, ...] = ()
    files: tuple[Path, ...] = ()
    skipped: tuple[str, ...] = ()
    columns: tuple[str, ...] = ()

    @property
    def pictures(self) -> bool:
        """Whether the inputs came as picture files."""
        return bool(self.names)

    def restore(self, x: np.ndarray) -> np.ndarray:
        """Outputs of the run back in the units of the inputs."""
        return x if self.standardiser is None else self.standardiser.invert(x)


def read_inputs(source: str | Path, shape: tuple[int, ...], standardiser: Any = None, *,
                label_column: str | None = None, columns: Sequence[str] = (), skip_damaged: bool = False) -> Inputs:
    """Reads a picture, a folder of pictures, or an .npy, .npz, .csv or .parquet file for a run of datum `shape`.

    Pictures are resized and turned grey or RGB as `shape` asks, which the notes say. `standardiser` is the run's, as
    {"mean": …, "std": …}; arrays and tables of such a run come in their own units. `label_column` of a table is left
    out, and its other columns are brought into the order of `columns`, the run's, if known. With `skip_damaged` the
    pictures of a folder that cannot be read are skipped, unless none can.

    Raises:
      InputError: missing, unreadable, or of another shape than the run takes.
    """
    path = Path(source).expanduser()
    if not path.exists():
        raise InputError(f"{path}: no such file or folder; check the path")
    if path.is_dir() or path.suffix.lower() in PICTURE_SUFFIXES:
        return _read_pictures(path, shape, skip_damaged)
    found = ()
    if path.suffix.lower() in (".npy", ".npz"):
        parts, notes = read_parts(path)
        x = parts.get("test", parts["train"])
    elif path.suffix.lower() in (".csv", ".parquet"):
        table = read_table(path, label_column)
        x, notes, found = table.values, table.notes, table.columns
        if columns and found != tuple(columns):
            x, found = x[:, _order(found, columns, path)], tuple(columns)
    else:
        raise InputError(f"{path}: neither a picture nor a folder, .npy, .npz, .csv or .parquet file")
    if len(shape) == 3 and shape[2] == 1 and x.shape[1:] == shape[:2]:
        x = x[..., None]
    if x.shape[1:] != shape:
        raise InputError(f"{path}: examples of shape {x.shape[1:]}, but the run takes {shape}")
    if not len(x) or x.dtype.kind not in "biuf":
        raise InputError(f"{path}: {len(x)} examples of {x.dtype}; expected numbers, one example per row")
    if x.dtype.kind in "iu" and standardiser is None:   # as `load` reads what a run is trained on
        parts, more = as_bytes({"x": x}, str(x.dtype), path)
        x, notes = parts["x"], (*notes, *more)
    if x.dtype != np.uint8:
        x = x.astype(np.float32)
        if not np.isfinite(x).all():
            raise InputError(f"{path}: {(~np.isfinite(x)).sum()} values are missing or not finite; fill or remove them")
    if standardiser is None:
        return Inputs(x, notes=tuple(notes), columns=found)
    scale = Standardiser(*(np.asarray(standardiser[part], np.float32) for part in ("mean", "std")))
    return Inputs(scale.apply(x), standardiser=scale, notes=tuple(notes), columns=found)


def _order(found: tuple[str, ...], wanted: Sequence[str], path: Path) -> list[int]:
    """Where each wanted column stands among those found."""
    for name, others in [*((name, found) for name in wanted), *((name, wanted) for name in found)]:
        if name not in others:
            problem = f"no column {name!r}" if others is found else f"a column {name!r} that the run does not know"
            raise InputError(f"{path}: {problem}; the run was trained on {', '.join(wanted[:10])}"
                             f"{' …' if len(wanted) > 10 else ''}")
    return [found.index(name) for name in wanted]


def _read_pictures(path: Path, shape: tuple[int, ...], skip_damaged: bool) -> Inputs:
    if len(shape) != 3 or shape[2] not in (1, 3):
        raise InputError(f"{path}: pictures, but the run takes examples of shape {shape}; give an array or a table")
    paths = list(list_pictures(path).paths) if path.is_dir() else [path]
    if not paths:
        raise InputError(f"{path}: holds no picture; give a folder with some")
    skipped = ()
    try:
        images, notes = read_pictures(paths, shape[:2], path)
    except InputError:
        damaged = {file: reason for file in paths if (reason := _damage(file))} if skip_damaged else {}
        paths, skipped = [file for file in paths if file not in damaged], tuple(damaged.values())
        if not damaged or not paths:
            raise
        images, notes = read_pictures(paths, shape[:2], path)
    if images.shape[3] != shape[2]:
        notes = (*notes, f"pictures turned {'grey' if shape[2] == 1 else 'RGB'}, as the run takes them")
        weights = np.array([0.299, 0.587, 0.114])   # luma, ITU-R BT.601
        images = (np.rint(images @ weights)[..., None].astype(np.uint8) if shape[2] == 1
                  else np.repeat(images, 3, axis=3))
    names = [file.relative_to(path).with_suffix("").as_posix().replace("/", "-") if path.is_dir() else file.stem
             for file in paths]
    if _clash(names):   # a.png beside a.jpg
        names = [f"{name}-{file.suffix[1:]}" for name, file in zip(names, paths, strict=True)]
    if _clash(names):   # x/a.png beside x-a.png
        names = [f"{i}-{name}" for i, name in enumerate(names, 1)]
    return Inputs(images, tuple(names), notes=notes, files=tuple(paths), skipped=skipped)


def _damage(file: Path) -> str | None:
    """Why a picture cannot be read."""
    try:
        read_picture(file)
    except InputError as error:
        return str(error)
    return None


def _clash(names: list[str]) -> bool:
    """Whether two would be one file; some file systems do not tell A from a."""
    return len({name.lower() for name in names}) < len(names)
