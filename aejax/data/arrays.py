"""Arrays from `.npy` and `.npz` files: images or vectors."""

import contextlib
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from aejax.data.dataset import Dataset, Standardiser, encode_labels, hold_out
from aejax.files import InputError

KEYS = ("train", "train_labels", "test", "test_labels")


def read_parts(path: Path, scratch: Path | None = None) -> tuple[dict[str, np.ndarray], tuple[str, ...]]:
    """The arrays of a file under the names in `KEYS`, as they are, and notes; "train" is always there.

    Args:
      path: an .npy or .npz file.
      scratch: a folder. With it the arrays are memory-mapped, those of an .npz unpacked there first.
    Raises:
      InputError: unreadable, pickled objects, or no array that is clearly the data.
    """
    with _reading(path):
        with open(path, "rb") as file:   # opened here: np.load forgets to close a damaged one
            if scratch is not None and not zipfile.is_zipfile(path):
                return {"train": np.load(path, mmap_mode="r", allow_pickle=False)}, ()
            loaded = np.load(file, allow_pickle=False)
            if isinstance(loaded, np.ndarray):
                return {"train": loaded}, ()
            names = list(loaded.files)
            wanted = _wanted(names, path)
            parts = {part: loaded[name] if scratch is None else _unpack(loaded.zip, name, scratch)
                     for part, name in wanted.items()}
        left = [name for name in names if name not in wanted.values()]
        return parts, (f"ignored in {path.name}: {', '.join(left)}",) if left else ()


def _unpack(archive: zipfile.ZipFile, name: str, scratch: Path) -> np.ndarray:
    member = f"{name}.npy" if f"{name}.npy" in archive.namelist() else name
    return np.load(archive.extract(member, scratch), mmap_mode="r", allow_pickle=False)


@contextlib.contextmanager
def _reading(path: Path) -> Iterator[None]:
    """Turns what a damaged file leads to into one line."""
    try:
        yield
    except InputError:
        raise
    except (OSError, ValueError, EOFError, KeyError, zipfile.BadZipFile, zlib.error,
            NotImplementedError) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        if "pickle" in reason:   # numpy takes whatever it does not know for a pickle
            raise InputError(f"{path}: holds Python objects (pickle), which could run code and are never "
                             "loaded, or is no array file at all; save plain numbers") from error
        raise InputError(f"{path}: cannot be read ({reason}); replace the file") from error


def _wanted(names: list[str], path: Path) -> dict[str, str]:
    """{part: the array's name in the file}."""
    if "train" in names:
        return {name: name for name in KEYS if name in names}
    if len(names) == 1:
        return {"train": names[0]}
    held = "the arrays " + ", ".join(names) if names else "no arrays"
    raise InputError(f"{path}: holds {held}; name the training data 'train' (and 'test', 'train_labels', "
                     "'test_labels'), or save one array alone")


def load_arrays(path: Path, *, seed: int = 0) -> Dataset:
    """A `.npy` or `.npz` file as a `Dataset`.

    (N, H, W) gets a channel axis; uint8 is kept; other integers and booleans become uint8; floats become
    float32 and must be finite and lie in [0, 1] or [−1, 1], except that (N, F) outside of both is
    standardised as a table.

    Raises:
      InputError: unreadable, too few examples, numbers that are neither bytes nor in range, labels that do
        not fit.
    """
    plan = plan_arrays(path, seed=seed)
    arrays = {name: to_float32(x, path, name) if plan.floats else x for name, x in plan.arrays.items()}
    data = {part: arrays[name] if rows is None else arrays[name][rows] for part, (name, rows) in plan.rows.items()}
    data, found, standardiser, more = to_data(data, path)
    return Dataset(data["train"], plan.labels["train"], data["test"], plan.labels["test"], path.stem,
                   plan.label_names, f"{path.stem}: arrays in {path}", standardiser, found, (*plan.notes, *more))


@dataclass(frozen=True)
class Plan:
    """Which rows of which array belong to which part, before any is converted.

    Attributes:
      arrays: "train" and, where the file has it, "test", as they are in the file.
      rows: {"train": (name of its array, rows or None for all), "test": …}.
      labels: {"train": int32 or None, "test": …}.
      label_names: the name of each label, or None.
      notes: what a user must know of it.
    """

    arrays: dict[str, np.ndarray]
    rows: dict[str, tuple[str, np.ndarray | None]]
    labels: dict[str, np.ndarray | None]
    label_names: tuple[str, ...] | None
    notes: tuple[str, ...]

    @property
    def floats(self) -> bool:
        """Whether every array holds floats."""
        return all(x.dtype.kind == "f" for x in self.arrays.values())


def plan_arrays(path: Path, *, scratch: Path | None = None, seed: int = 0) -> Plan:
    """Reads a file, memory-mapped with `scratch`, and cuts it into parts: 80/20 by `seed` where it has no "test".

    Raises:
      InputError: as `read_parts`; too few examples; labels or shapes that do not fit.
    """
    parts, notes = read_parts(path, scratch)
    known, label_names = encode_labels({name: parts.get(f"{name}_labels") for name in ("train", "test")}, path)
    arrays = {name: parts[name] for name in ("train", "test") if name in parts}
    for name, x in arrays.items():
        _check_shape(x, known[name], path, name)
    if "test" in arrays:
        if arrays["train"].shape[1:] != arrays["test"].shape[1:]:
            raise InputError(f"{path}: train is {arrays['train'].shape}, test is {arrays['test'].shape}; bring "
                             "them to one shape")
        return Plan(arrays, {name: (name, None) for name in arrays}, known, label_names, notes)
    kept, held, note = hold_out(len(arrays["train"]), seed, path)
    labels = known["train"]
    return Plan(arrays, {"train": ("train", kept), "test": ("train", held)},
                {name: None if labels is None else labels[rows] for name, rows in (("train", kept), ("test", held))},
                label_names, (*notes, note))


def _check_shape(x: np.ndarray, labels: np.ndarray | None, path: Path, name: str) -> None:
    if x.ndim < 2 or not np.prod(x.shape[1:], dtype=object):
        raise InputError(f"{path}: {name} has shape {x.shape}; expected (examples, features), (examples, "
                         "height, width) or (examples, height, width, channels)")
    if len(x) < (2 if name == "train" else 1):
        raise InputError(f"{path}: {name} has {len(x)} example{'' if len(x) == 1 else 's'}, at least 2 are "
                         "needed; add data")
    if labels is not None and labels.shape != (len(x),):
        raise InputError(f"{path}: {name}_labels has shape {labels.shape} for {len(x)} examples of {name}; "
                         f"expected ({len(x)},)")


def to_data(data: dict[str, np.ndarray], path: Path | str):
    """{part: array} -> the same as uint8 or float32 data, their range, a standardiser or None, notes.

    Raises:
      InputError: numbers that are neither bytes nor within a range.
    """
    kinds = {part.dtype.kind for part in data.values()}
    dtypes = " and ".join(sorted({str(part.dtype) for part in data.values()}))
    notes, standardiser, found = (), None, (0.0, 1.0)
    if kinds <= set("b"):
        data = {name: part.astype(np.uint8) * np.uint8(255) for name, part in data.items()}
        notes = ("bool converted to uint8: True is 255",)
    elif kinds <= set("iu"):
        data, notes = as_bytes(data, dtypes, path)
    elif kinds == {"f"}:
        low, high = min(part.min() for part in data.values()), max(part.max() for part in data.values())
        found = next(((a, 1.0) for a in (0.0, -1.0) if a <= low and high <= 1), None)
        if found is None and data["train"].ndim == 2:
            standardiser = Standardiser.fit(data["train"])
            data = {name: standardiser.apply(part) for name, part in data.items()}
            notes = ("a table: every column standardised, (x - mean) / std of the training part",)
        elif found is None:
            raise InputError(f"{path}: floats outside the range: min {low:g}, max {high:g}; scale to [0, 1] "
                             "or save uint8")
    else:
        raise InputError(f"{path}: arrays of {dtypes}; save uint8, or floats in [0, 1]")
    if next(iter(data.values())).ndim == 3:
        data = {name: part[..., None] for name, part in data.items()}
    return data, found, standardiser, notes


def as_bytes(data: dict[str, np.ndarray], dtypes: str, path: Path | str):
    """Integer arrays as uint8, and notes.

    Raises:
      InputError: numbers that are no bytes.
    """
    if dtypes == "uint8":
        return data, ()
    low, high = min(part.min() for part in data.values()), max(part.max() for part in data.values())
    if low < 0 or high > 255:
        raise InputError(f"{path}: {dtypes} from {low} to {high}; only 0 to 255 can be images; scale to "
                         "uint8, or save a table as float32")
    return ({name: part.astype(np.uint8) for name, part in data.items()}, (f"{dtypes} converted to uint8",))


def to_float32(x: np.ndarray, path: Path | str, name: str, start: int = 0) -> np.ndarray:
    """Any float array as float32; `start` is the place of its first row in the whole.

    Raises:
      InputError: values that are not finite in float32; it gives their number and the first place.
    """
    with np.errstate(over="ignore"):
        x = x.astype(np.float32)
    if not np.isfinite(x).all():
        bad = ~np.isfinite(x)
        row, *rest = (int(i) for i in np.argwhere(bad)[0])
        first = (start + row, *rest)
        raise InputError(f"{path}: {int(bad.sum())} values of {name} are not finite, the first at {first}; "
                         "remove or replace them")
    return x
