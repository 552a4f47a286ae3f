"""`load`: one door to every source of data."""

import dataclasses
import difflib
import logging
import os
from pathlib import Path

import numpy as np

from aejax.data import arrays, digits, pictures, places, prepared, published, shards, tables
from aejax.data import patches as patching
from aejax.data.dataset import Dataset
from aejax.files import InputError, resize

log = logging.getLogger("aejax")

NAMES = ("mnist_mini", *published.SHA256)
ARRAY_SUFFIXES = (".npy", ".npz")
TABLE_SUFFIXES = (".csv", ".parquet")
Size = int | tuple | list | None   # (H, W), or an int for a square


def load(source: str | os.PathLike = "mnist_mini", *, data_dir: str | os.PathLike | None = None,
         size: Size = None, label_column: str | None = None, seed: int = 0,
         patches: Size = None) -> Dataset:
    """Loads a data set by its name or its path, whole, into memory.

    Which source was used, and what was done to the data, is logged (logger "aejax") and stands in `source`
    and `notes`; one source never silently stands in for another.

    Args:
      source: "mnist_mini" (comes with the library); "mnist" or "fashion_mnist"; the name of an image set that
        tensorflow-datasets prepared as array_record ("cifar10", "name/config"); or a path: a folder of
        pictures or of shards (from `convert`; `open_shards` opens them without loading), .npy, .npz, .csv or
        .parquet. A name above wins over a file of that name: write ./mnist for the latter.
      data_dir: a folder with data, only read: IDX files as `<name>/` below it or directly in it, or prepared
        sets.
        None: `$AEJAX_DATA_DIR`.
      size: resizes uint8 images to (H, W), an int to a square.
      label_column: the column of a table that holds its labels.
      seed: decides the 80/20 split where a source has no test part, and where patches are cut.
      patches: (H, W) of patches that are cut from a folder of pictures of any sizes, instead of whole pictures.
    Returns:
      A `Dataset`: uint8 images (N, H, W, C), float32 in [0, 1] or [-1, 1], or a standardised float32 table
      (N, F).
    Raises:
      InputError: in one line what is wrong, where, and what to do.

    >>> digits = load()
    >>> digits.train.shape, digits.train.dtype, digits.test.shape
    ((10000, 28, 28, 1), dtype('uint8'), (2000, 28, 28, 1))
    """
    size, patches = parse_size(size), parse_size(patches)
    if patches is None:
        dataset = _dispatch(os.fspath(source), data_dir, size, label_column, seed)
    else:
        dataset = _patches(Path(source).expanduser(), patches, size, seed)
    if label_column is not None and dataset.standardiser is None:
        raise InputError(f"{source}: label column {label_column!r} given, but this is no table; leave it out")
    if size is not None:
        dataset = _resized(dataset, size, source)
    log.info("data: %s; %d train, %d test, each %s", dataset.source, len(dataset.train), len(dataset.test),
             "x".join(str(n) for n in dataset.shape))
    for note in dataset.notes:
        log.info("data: %s", note)
    return dataset


def parse_size(size: Size) -> tuple[int, int] | None:
    """`size` as (H, W); an int means a square.

    >>> parse_size(32)
    (32, 32)
    """
    if size is None:
        return None
    pair = (size, size) if isinstance(size, int) else tuple(size)
    if len(pair) != 2 or not all(isinstance(n, int) and 0 < n <= 2**14 for n in pair):
        raise InputError(f"size {size}: must be one or two whole numbers from 1 to {2**14}, height before "
                         "width")
    return pair


def _dispatch(source: str, data_dir, size, label_column, seed: int) -> Dataset:
    if source == "mnist_mini":
        return digits.load_digits()
    if source in published.SHA256:
        return published.load_published(source, data_dir)
    path = Path(source).expanduser()
    if path.is_dir():
        if (path / "dataset_info.json").is_file():
            return prepared.load_prepared(path, path.parent.name, size, seed)
        if shards.is_shards(path):
            return shards.load_shards(path, seed)
        return pictures.load_pictures(path, size=size, seed=seed)
    if path.exists():
        if path.suffix.lower() in ARRAY_SUFFIXES:
            return arrays.load_arrays(path, seed=seed)
        if path.suffix.lower() in TABLE_SUFFIXES:
            return tables.load_table(path, label_column=label_column, seed=seed)
        raise InputError(f"{source}: not a kind of data that can be loaded; use a folder of pictures, "
                         f"{', '.join(ARRAY_SUFFIXES + TABLE_SUFFIXES[:1])} or {TABLE_SUFFIXES[-1]}")
    folders = places.prepared_folders(data_dir)
    if found := prepared.find(source, folders):
        return prepared.load_prepared(found, source, size, seed)
    if looks_like_path(source):
        raise InputError(f"{source}: no such file or folder; check the path")
    raise unknown(source, [*NAMES, *prepared.available(folders)])


def _patches(path: Path, patches: tuple[int, int], size: tuple[int, int] | None, seed: int) -> Dataset:
    if size is not None:
        raise InputError("size and patches were both given: patches are cut from pictures as they are; leave one out")
    if not path.is_dir() or shards.is_shards(path) or (path / "dataset_info.json").is_file():
        raise InputError(f"{path}: patches are cut from a folder of pictures, and this is none; leave --patches out, "
                         "or give a folder")
    return patching.load_patches(path, patches, seed=seed)


def looks_like_path(source: str) -> bool:
    """Whether the user surely means a path and not a name."""
    return (os.sep in source or "/" in source or source.startswith((".", "~"))
            or Path(source).suffix.lower() in ARRAY_SUFFIXES + TABLE_SUFFIXES)


def unknown(source: str, names: list[str]) -> InputError:
    """The error for a name that nothing goes by, with the nearest one that something does."""
    names = list(dict.fromkeys(names))
    close = difflib.get_close_matches(source.lower(), names, 1)
    hint = f"; did you mean {close[0]!r}?" if close else ";"
    return InputError(f"unknown data set {source!r}{hint} known: {', '.join(names)}, or give a path")


def _resized(dataset: Dataset, size: tuple[int, int], source) -> Dataset:
    (train, notes), (test, _) = (resize_images(x, size, source) for x in (dataset.train, dataset.test))
    return dataclasses.replace(dataset, train=train, test=test, notes=(*dataset.notes, *notes))


def resize_images(x: np.ndarray, size: tuple[int, int], where) -> tuple[np.ndarray, tuple[str, ...]]:
    """uint8 (N, H, W, C) brought to `size`, and the note that says so, where they have another.

    Raises:
      InputError: no uint8 images.
    """
    if x.ndim == 4 and x.shape[1:3] == size:
        return x, ()
    if x.ndim != 4 or x.dtype != np.uint8:
        raise InputError(f"{where}: a size was given, but only uint8 images are resized and this is "
                         f"{x.dtype} of shape {x.shape[1:]}; leave it out")
    note = f"resized from {x.shape[1]}x{x.shape[2]} to {size[0]}x{size[1]}"
    return np.stack([resize(image, size) for image in x]), (note,)
