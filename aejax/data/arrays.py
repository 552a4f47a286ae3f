"""Arrays from `.npy` and `.npz` files: images or vectors."""

import zipfile
import zlib
from pathlib import Path

import numpy as np

from aejax.data.dataset import Dataset, Standardiser, encode_labels, hold_out
from aejax.files import InputError

KEYS = ("train", "train_labels", "test", "test_labels")


def read_parts(path: Path) -> tuple[dict[str, np.ndarray], tuple[str, ...]]:
    """The arrays of a file under the names in `KEYS`, as they are, and notes; "train" is always there.

    Raises:
      InputError: unreadable, pickled objects, or no array that is clearly the data.
    """
    try:
        with open(path, "rb") as file:   # opened here: np.load forgets to close a damaged one
            loaded = np.load(file, allow_pickle=False)
            if isinstance(loaded, np.ndarray):
                return {"train": loaded}, ()
            names = list(loaded.files)
            wanted = _wanted(names, path)
            parts = {part: loaded[name] for part, name in wanted.items()}
        left = [name for name in names if name not in wanted.values()]
        return parts, (f"ignored in {path.name}: {', '.join(left)}",) if left else ()
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
    parts, notes = read_parts(path)
    given = {name: parts.get(name) for name in ("train_labels", "test_labels")}
    labels, label_names = encode_labels(given, path)
    for name in ("train", "test"):
        if name in parts:
            _check_shape(parts[name], labels[f"{name}_labels"], path, name)
    data = {name: parts[name] for name in ("train", "test") if name in parts}
    if all(part.dtype.kind == "f" for part in data.values()):   # before the split: errors count as the file does
        parts |= {name: to_float32(part, path, name) for name, part in data.items()}
    if "test" not in parts:
        kept, held, note = hold_out(len(parts["train"]), seed, path)
        known = labels["train_labels"]
        labels = {"train_labels": None if known is None else known[kept],
                  "test_labels": None if known is None else known[held]}
        parts, notes = {"train": parts["train"][kept], "test": parts["train"][held]}, (*notes, note)
    if parts["train"].shape[1:] != parts["test"].shape[1:]:
        raise InputError(f"{path}: train is {parts['train'].shape}, test is {parts['test'].shape}; bring "
                         "them to one shape")
    data, found, standardiser, more = _convert({name: parts[name] for name in ("train", "test")}, path)
    return Dataset(data["train"], labels["train_labels"], data["test"], labels["test_labels"], path.stem,
                   label_names, f"{path.stem}: arrays in {path}", standardiser, found, (*notes, *more))


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


def _convert(data: dict[str, np.ndarray], path: Path):
    """(train, test) -> the same as uint8 or float32, their range, a standardiser or None, notes."""
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
    if data["train"].ndim == 3:
        data = {name: part[..., None] for name, part in data.items()}
    return data, found, standardiser, notes


def as_bytes(data: dict[str, np.ndarray], dtypes: str, path: Path):
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


def to_float32(x: np.ndarray, path: Path, name: str) -> np.ndarray:
    """Any float array as float32.

    Raises:
      InputError: values that are not finite in float32; it gives their number and the first place.
    """
    with np.errstate(over="ignore"):
        x = x.astype(np.float32)
    if not np.isfinite(x).all():
        bad = ~np.isfinite(x)
        first = tuple(int(i) for i in np.argwhere(bad)[0])
        raise InputError(f"{path}: {int(bad.sum())} values of {name} are not finite, the first at {first}; "
                         "remove or replace them")
    return x
