"""Any source of data in blocks of bounded size, for conversion to shards: what `load` gives, without its memory."""

import dataclasses
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from aejax.data import arrays, loading, pictures, places, prepared
from aejax.data.dataset import Dataset, encode_labels, hold_out
from aejax.data.shards import is_shards
from aejax.files import InputError

BLOCK_BYTES = 4 * 2**20   # of examples that are decoded at once
Block = tuple[np.ndarray, np.ndarray | None]


@dataclasses.dataclass
class Source:
    """Parts of a data set that are read once, block by block.

    Attributes:
      name: of the set.
      parts: {"train": blocks (examples uint8 or float32 (n, *shape), labels int32 (n,) or None), "test": …}.
      sentence: where it comes from.
      label_names: the name of each label, or None.
      notes: what was done to the data; complete when all parts have been read.
      range: of what has been read; it widens from (0, 1) to (−1, 1) when a negative value is met.
    """

    name: str
    parts: dict[str, Iterator[Block]]
    sentence: str
    label_names: tuple[str, ...] | None = None
    notes: tuple[str, ...] = ()
    range: tuple[float, float] = (0.0, 1.0)

    def note(self, *notes: str) -> None:
        """Adds notes that are not there yet."""
        self.notes = tuple(dict.fromkeys((*self.notes, *notes)))


def open_source(source: Any, scratch: Path, *, size: loading.Size = None, data_dir: str | os.PathLike | None = None,
                seed: int = 0) -> Source:
    """A source by name, path or value; the parts are those of `load`, in the same order.

    Args:
      source: as for `load`; or a `Dataset`; or examples, or (example, label) pairs, or records {"image", "label"},
        in any iterable, which becomes the part "train"; or {"train": such, "test": such}.
      scratch: a folder for temporary files.
      size, data_dir, seed: as for `load`.
    Raises:
      InputError: what cannot be read. What comes later is checked while the blocks are read.
    """
    size = loading.parse_size(size)
    if isinstance(source, Dataset):
        return _from_dataset(source, size)
    if not isinstance(source, str | os.PathLike):
        return _from_values(source, size)
    path = Path(source).expanduser()
    named = os.fspath(source) in loading.NAMES
    if path.is_dir() and not named:
        if is_shards(path):
            raise InputError(f"{path}: these are shards already; open them with data.open_shards")
        if (path / "dataset_info.json").is_file():
            return _from_prepared(path, path.parent.name, size, seed)
        return _from_pictures(path, size, seed)
    if path.is_file() and not named and path.suffix.lower() in loading.ARRAY_SUFFIXES:
        return _from_arrays(path, scratch, size, seed)
    if not named and not path.exists() and (found := prepared.find(str(source), places.prepared_folders(data_dir))):
        return _from_prepared(found, str(source), size, seed)
    return _from_dataset(loading.load(source, data_dir=data_dir, size=size, seed=seed), None)


def _blocks(rows: np.ndarray | range, read: Callable[[np.ndarray], Block]) -> Iterator[Block]:
    """`read` of consecutive rows, so many at a time as `BLOCK_BYTES` allow."""
    rows = np.asarray(rows)
    if not len(rows):
        return
    examples, _ = first = read(rows[:1])
    yield first
    step = max(1, BLOCK_BYTES // max(1, examples.nbytes))
    for start in range(1, len(rows), step):
        yield read(rows[start:start + step])


def _from_dataset(dataset: Dataset, size: tuple[int, int] | None) -> Source:
    if dataset.standardiser is not None:
        raise InputError(f"{dataset.name}: a table is standardised as it is loaded and is not kept in shards; save "
                         "float32 in [0, 1] as .npy, or use data.load")
    source = Source(dataset.name, {}, dataset.source, dataset.label_names, dataset.notes, dataset.range)

    def part(x: np.ndarray, labels: np.ndarray | None) -> Iterator[Block]:
        return _blocks(range(len(x)), lambda rows: (
            _resized(source, x[rows], size), None if labels is None else labels[rows]))
    source.parts = {"train": part(dataset.train, dataset.train_labels), "test": part(dataset.test, dataset.test_labels)}
    return source


def _from_arrays(path: Path, scratch: Path, size: tuple[int, int] | None, seed: int) -> Source:
    plan = arrays.plan_arrays(path, scratch=scratch, seed=seed)
    source = Source(path.stem, {}, f"{path.stem}: arrays in {path}", plan.label_names, plan.notes)

    def part(name: str) -> Iterator[Block]:
        array, rows = plan.rows[name]
        x, labels = plan.arrays[array], plan.labels[name]
        rows = np.arange(len(x)) if rows is None else rows

        def read(places: np.ndarray) -> Block:   # into `rows`, as the labels are
            examples = _as_data(source, x[rows[places]], path, array, int(rows[places[0]]))
            return _resized(source, examples, size), None if labels is None else labels[places]
        return _blocks(range(len(rows)), read)
    source.parts = {name: part(name) for name in plan.rows}
    return source


def _as_data(source: Source, x: np.ndarray, where: Path | str, name: str, start: int) -> np.ndarray:
    """A block as uint8 or float32 within the range; the source's range and notes follow."""
    if x.dtype.kind == "f":
        x = arrays.to_float32(x, where, name, start)
    data, found, standardiser, notes = arrays.to_data({name: x}, where)
    if standardiser is not None:
        raise InputError(f"{where}: floats outside the range in {name}, rows {start} to {start + len(x) - 1}: min "
                         f"{x.min():g}, max {x.max():g}; scale to [0, 1] or [-1, 1]")
    source.range = (min(source.range[0], found[0]), 1.0)
    source.note(*notes)
    return data[name]


def _resized(source: Source, x: np.ndarray, size: tuple[int, int] | None) -> np.ndarray:
    if size is None:
        return x
    x, notes = loading.resize_images(x, size, source.name)
    source.note(*notes)
    return x


def _from_pictures(folder: Path, size: tuple[int, int] | None, seed: int) -> Source:
    plan = pictures.plan_pictures(folder, seed)
    source = Source(plan.name, {}, f"{plan.name}: {len(plan.paths)} pictures in {folder}", plan.label_names, plan.notes)
    first = pictures.read_sized(plan.paths[0], size)[0].shape
    # Looks on until the first colour picture: where there is one, it is mostly the very first.
    colour = any(pictures.read_sized(path, None)[0].shape[2] == 3 for path in plan.paths)
    counts = {"read": 0, "grey": 0, "resized": 0}

    def read(rows: np.ndarray) -> np.ndarray:
        images = []
        for row in rows:
            picture, changed = pictures.read_sized(plan.paths[row], size)
            pictures.check_same(plan.paths[row], picture.shape, plan.paths[0], first)
            grey = picture.shape[2] == 1
            images.append(np.repeat(picture, 3, axis=2) if grey and colour else picture)
            for key, more in (("read", 1), ("grey", grey), ("resized", changed)):
                counts[key] += more
        if counts["read"] == len(plan.paths):
            source.note(*pictures.reading_notes(len(plan.paths), counts["grey"], counts["resized"], size))
        return np.stack(images)

    def part(name: str) -> Iterator[Block]:
        rows, labels = plan.rows[name], plan.labels_of(name)
        return _blocks(range(len(rows)), lambda places: (
            read(rows[places]), None if labels is None else labels[places]))
    source.parts = {name: part(name) for name in plan.rows}
    return source


def _from_prepared(folder: Path, name: str, size: tuple[int, int] | None, seed: int) -> Source:
    plan = prepared.plan_prepared(folder)
    source = Source(name, {}, f"{name}: prepared by tensorflow-datasets, {folder}", plan.label_names, plan.notes)
    first: dict[str, tuple[int, ...]] = {}

    def part(split: str, rows: np.ndarray | None) -> Iterator[Block]:
        with prepared.reading(folder):
            records = plan.builder.as_data_source(split)

        def read(some: np.ndarray) -> Block:
            images, labels = [], []
            with prepared.reading(folder):
                for i, image, label in prepared.read_records(records, some.tolist(), plan.image, plan.label, size):
                    prepared.check_same(folder, split, first.setdefault(split, image.shape), i, image.shape)
                    images.append(image)
                    labels.append(label)
            return np.stack(images), None if plan.label is None else np.asarray(labels, np.int32)
        return _blocks(range(len(records)) if rows is None else rows, read)
    if plan.held is not None:
        source.parts = {"train": part("train", None), "test": part(plan.held, None)}
    else:
        kept, held, note = hold_out(plan.builder.info.splits["train"].num_examples, seed, folder)
        source.parts = {"train": part("train", kept), "test": part("train", held)}
        source.note(note)
    return source


def _from_values(values: Any, size: tuple[int, int] | None) -> Source:
    values = values if isinstance(values, Mapping) else {"train": values}
    for name, part in values.items():
        if name not in ("train", "test") or "train" not in values:
            raise InputError(f"parts {', '.join(map(str, values))}: must be 'train', or 'train' and 'test'")
        if not isinstance(part, Iterable) and not hasattr(part, "__getitems__"):
            raise InputError(f"{name}: {type(part).__name__} is no source of data; give a path, a name, or an iterable "
                             "of examples")
    source = Source("data", {}, f"data: examples from a Python {type(values['train']).__name__}")
    source.parts = {name: _value_blocks(source, name, part, size) for name, part in values.items()}
    return source


def _value_blocks(source: Source, name: str, part: Any, size: tuple[int, int] | None) -> Iterator[Block]:
    start, images, labels = 0, [], []
    for i, example in enumerate(_items(part)):
        image, label = _pair(example, name, i)
        if images and (image.shape != images[0].shape or image.dtype != images[0].dtype):
            raise InputError(f"{name}: example {i} is {image.dtype} of shape {image.shape}, those before are "
                             f"{images[0].dtype} of {images[0].shape}; bring all to one shape")
        images.append(image)
        labels.append(label)
        if image.nbytes * len(images) >= BLOCK_BYTES:
            yield _stacked(source, name, images, labels, start, size)
            start, images, labels = i + 1, [], []
    if images:
        yield _stacked(source, name, images, labels, start, size)


def _items(part: Any) -> Iterator[Any]:
    if not hasattr(part, "__getitems__"):
        yield from part
        return
    for start in range(0, len(part), 256):   # a data source answers many requests at once more quickly
        yield from part.__getitems__(range(start, min(start + 256, len(part))))


def _pair(example: Any, name: str, i: int) -> tuple[np.ndarray, Any]:
    if isinstance(example, Mapping):
        if "image" not in example:
            raise InputError(f"{name}: record {i} has no 'image', only {', '.join(map(str, example))}")
        example = (example["image"], example.get("label"))
    image, label = example if isinstance(example, tuple) and len(example) == 2 else (example, None)
    image = np.asarray(image)
    if not image.ndim or image.dtype.kind not in "biuf" or not image.size:
        raise InputError(f"{name}: example {i} is {image.dtype} of shape {image.shape}; expected an array of numbers, "
                         "or a pair (array, label)")
    return image, label


def _stacked(source: Source, name: str, images: list, labels: list, start: int, size: tuple[int, int] | None) -> Block:
    x = _as_data(source, np.stack(images), source.name, name, start)
    lacking = sum(label is None for label in labels)
    if 0 < lacking < len(labels):
        raise InputError(f"{name}: some of the examples {start} to {start + len(labels) - 1} have labels, others not; "
                         "label all or none")
    if lacking:
        return _resized(source, x, size), None
    known, names = encode_labels({name: np.asarray(labels)}, source.name)
    if names is not None:
        raise InputError(f"{name}: label {labels[0]!r} is a name; give whole numbers from 0")
    return _resized(source, x, size), known[name]
