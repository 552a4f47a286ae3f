"""Image sets that tensorflow-datasets has prepared on disk as array_record; read without TensorFlow."""

import contextlib
import json
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from aejax.data.dataset import Dataset, check_bytes, hold_out
from aejax.files import InputError, resize

BLOCK = 5000   # records read at once


def find(name: str, folders: Iterable[Path]) -> Path | None:
    """The folder of the newest prepared version of `name`, or `name/config`, below the first of `folders`
    that has one.

    A set in a format other than array_record is found too: `open_builder` says what to do about it.
    """
    if not name or os.path.isabs(name) or name.startswith((".", "~")):
        return None
    for folder in folders:
        place = folder / name
        found = [info.parent for pattern in ("*/dataset_info.json", "*/*/dataset_info.json")
                 for info in sorted(place.glob(pattern)) if _version(info.parent) is not None]
        if found:
            # A version beside configurations first; then the newest; the name decides between configurations.
            return min(found, key=lambda path: (len(path.parts), [-n for n in _version(path)], str(path)))
    return None


def available(folders: Iterable[Path]) -> list[str]:
    """The names of what `find` would find below `folders`."""
    names = {path.relative_to(folder).parts[0] for folder in folders
             for pattern in ("*/*/dataset_info.json", "*/*/*/dataset_info.json")
             for path in folder.glob(pattern)
             if _version(path.parent) is not None}
    return sorted(name for name in names if not name.startswith("."))


def _version(folder: Path) -> tuple[int, ...] | None:
    parts = folder.name.split(".")
    if len(parts) != 3 or not all(part.isdigit() for part in parts):
        return None
    return tuple(int(part) for part in parts)


def file_format(folder: Path) -> str:
    """The format in which a set was prepared: "array_record", "tfrecord" …

    Raises:
      InputError: `folder` has no readable dataset_info.json.
    """
    try:
        info = json.loads((folder / "dataset_info.json").read_text(encoding="utf-8"))
        return str(info.get("fileFormat", "tfrecord"))   # sets from before there was a choice do not say
    except (OSError, ValueError, AttributeError) as error:
        raise InputError(f"{folder}: no readable dataset_info.json; prepare the set again with "
                         "tensorflow-datasets"
                         ) from error


def open_builder(folder: Path) -> Any:
    """The tensorflow-datasets builder of a prepared folder.

    Raises:
      InputError: not a prepared set, or not in the format array_record.
    """
    if (kind := file_format(folder)) != "array_record":
        raise InputError(f"{folder}: prepared as {kind}, which needs TensorFlow; prepare it again with "
                         "file_format='array_record'")
    import tensorflow_datasets as tfds
    return tfds.builder_from_directory(os.fspath(folder))


def read_split(builder: Any, split: str, image: str, label: str | None, size: tuple[int, int] | None = None
               ) -> tuple[np.ndarray, np.ndarray | None]:
    """All images (N, H, W, C) and labels int64 (N,) of one split, in the order on disk.

    Raises:
      InputError: no `size` is given and the images differ in theirs.
    """
    source = builder.as_data_source(split)
    images = labels = None
    for start in range(0, len(source), BLOCK):
        rows = range(start, min(start + BLOCK, len(source)))
        for i, picture, kind in read_records(source, rows, image, label, size):
            if images is None:
                check_bytes(builder.data_dir, len(source), picture.shape, picture.itemsize)
                images = np.empty((len(source), *picture.shape), picture.dtype)
                labels = None if label is None else np.empty(len(source), np.int64)
            check_same(Path(builder.data_dir), split, images.shape[1:], i, picture.shape)
            images[i] = picture
            if label is not None:
                labels[i] = kind
    if images is None:
        raise InputError(f"{builder.data_dir}: the split {split} is empty; prepare the set again")
    return images, labels


def read_records(source: Any, rows: Sequence[int], image: str, label: str | None, size: tuple[int, int] | None
                 ) -> Iterator[tuple[int, np.ndarray, int | None]]:
    """(row, image brought to `size`, label or None) of the records at `rows` of a data source."""
    for i, record in zip(rows, source.__getitems__(rows), strict=True):
        picture = np.asarray(record[image])
        yield i, picture if size is None else resize(picture, size), None if label is None else record[label]


def check_same(folder: Path, split: str, first_shape: tuple[int, ...], i: int, shape: tuple[int, ...]) -> None:
    """Raises an InputError where image `i` of a split has another shape than image 0."""
    if shape != first_shape:
        raise InputError(f"{folder}: image 0 of {split} is {_by(first_shape)}, image {i} is "
                         f"{_by(shape)}; bring them to one size with --size HxW")


def _by(shape: tuple[int, ...]) -> str:
    return "x".join(str(n) for n in shape)


@contextlib.contextmanager
def reading(folder: Path) -> Iterator[None]:
    """Turns whatever damaged files lead to into one line."""
    try:
        yield
    except InputError:
        raise
    except Exception as error:   # array_record and tensorflow-datasets have no exception class for damage
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise InputError(f"{folder}: cannot be read ({reason}); prepare the set again") from error


def load_prepared(folder: Path, name: str, size: tuple[int, int] | None = None, seed: int = 0) -> Dataset:
    """A prepared set: its first image feature as uint8 (N, H, W, C) and its first class label.

    The test part is the split `test`, else `validation`, else 20 % of the training split by `seed`.

    Raises:
      InputError: no image feature, no training split, a format that needs TensorFlow, or damaged files.
    """
    plan = plan_prepared(folder)
    with reading(folder):
        train, train_labels = read_split(plan.builder, "train", plan.image, plan.label, size)
        if plan.held is not None:
            test, test_labels = read_split(plan.builder, plan.held, plan.image, plan.label, size)
    notes = plan.notes
    if plan.held is None:
        kept, taken, note = hold_out(len(train), seed, folder)
        train, test, notes = train[kept], train[taken], (*notes, note)
        train_labels, test_labels = (None if train_labels is None else train_labels[rows] for rows in (kept, taken))
    if test.shape[1:] != train.shape[1:]:
        raise InputError(f"{folder}: training images are {_by(train.shape[1:])}, test images {_by(test.shape[1:])}; "
                         "bring them to one size with --size HxW")
    known = [None if part is None else part.astype(np.int32) for part in (train_labels, test_labels)]
    return Dataset(train, known[0], test, known[1], name, plan.label_names,
                   f"{name}: prepared by tensorflow-datasets, {folder}", notes=notes)


@dataclass(frozen=True)
class Plan:
    """What of a prepared set is read, before any image is.

    Attributes:
      builder: of tensorflow-datasets.
      image: the name of the feature that holds the images.
      label: of the class label, or None.
      label_names: the name of each label, or None.
      held: the split that serves as the test part; None: there is none.
      notes: what a user must know of it.
    """

    builder: Any
    image: str
    label: str | None
    label_names: tuple[str, ...] | None
    held: str | None
    notes: tuple[str, ...]


def plan_prepared(folder: Path) -> Plan:
    """Opens a prepared set and says what of it is read.

    Raises:
      InputError: no image feature, no training split, or a format that needs TensorFlow.
    """
    builder = open_builder(folder)
    features = _features(builder, folder)
    splits = {key: info.num_examples for key, info in builder.info.splits.items()}
    if not splits.get("train"):
        raise InputError(f"{folder}: no split 'train' (it has {', '.join(sorted(splits)) or 'none'}); use "
                         "another set")
    held = next((split for split in ("test", "validation") if splits.get(split)), None)
    notes = () if held in ("test", None) else (f"no split 'test': '{held}' serves as the test part",)
    return Plan(builder, *features, held, notes)


def _features(builder: Any, folder: Path) -> tuple[str, str | None, tuple[str, ...] | None]:
    import tensorflow_datasets as tfds
    features = dict(builder.info.features.items())
    images = [key for key, feature in features.items() if feature.numpy_dtype == np.uint8 and (
        isinstance(feature, tfds.features.Image)
        or (type(feature) is tfds.features.Tensor and len(feature.shape) == 3))]
    if not images:
        raise InputError(f"{folder}: no uint8 image among its features ({', '.join(features)}); use an image "
                         "set")
    labels = [key for key, feature in features.items() if isinstance(feature, tfds.features.ClassLabel)]
    return (images[0], labels[0], tuple(features[labels[0]].names)) if labels else (images[0], None, None)
