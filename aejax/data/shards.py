"""Shards: data on disk that may be larger than memory, memory-mapped and read row by row.

A folder of shards holds, for every part ("train", "test"), `<part>-00000.npy` … of equally many examples each (the
last may have fewer), `<part>-00000.labels.npy` … where there are labels, and `index.json`, which is written last.
`aejax.data.conversion.convert` makes one.
"""

import dataclasses
import functools
import hashlib
import math
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Integer, Shaped

from aejax.data.dataset import Dataset, check_bytes, hold_out
from aejax.data.shard_index import DTYPES, INDEX, ShardFile, check_file, first_line, parse_file, read_index
from aejax.files import InputError

FEW = 256        # examples that are moved at once
MAX_OPEN = 256   # memory maps held at once by one `Shards`: each keeps a file descriptor


@dataclass(frozen=True, eq=False)
class Shards:
    """One part of a data set that lies on disk; nothing is read before it is asked for.

    Attributes:
      folder: where it lies.
      part: "train" or "test".
      name: of the set.
      shape: of one datum.
      dtype: uint8 or float32.
      range: lowest and highest value on the float scale: (0, 1) for uint8.
      files: the examples.
      label_files: their labels; empty without labels.
      label_names: the name of each label, or None.
      source: one sentence: where the data came from.
      notes: what was done to the data that its user must know.
      statistics: "min", "max" and "mean" of all values of the part, as they are stored.
      rows: which examples of the files are seen, in this order; None: all.
    """

    folder: Path
    part: str
    name: str
    shape: tuple[int, ...]
    dtype: np.dtype
    range: tuple[float, float]
    files: tuple[ShardFile, ...]
    label_files: tuple[ShardFile, ...] = ()
    label_names: tuple[str, ...] | None = None
    source: str = ""
    notes: tuple[str, ...] = ()
    statistics: Mapping[str, float] = dataclasses.field(default_factory=dict)
    rows: np.ndarray | None = dataclasses.field(default=None, repr=False)

    @functools.cached_property
    def _starts(self) -> np.ndarray:
        """The first row of each file, and the number of all rows."""
        return np.cumsum([0, *(file.examples for file in self.files)])

    @functools.cached_property
    def _map(self):
        return functools.lru_cache(MAX_OPEN)(lambda i: _open(self.files[i], self.shape, self.dtype))

    def __len__(self) -> int:
        return int(self._starts[-1]) if self.rows is None else len(self.rows)

    @property
    def nbytes(self) -> int:
        """How much memory all examples would take."""
        return len(self) * int(np.prod(self.shape)) * self.dtype.itemsize

    @functools.cached_property
    def labels(self) -> np.ndarray | None:
        """int32 (N,), read into memory; None without labels."""
        if not self.label_files:
            return None
        every = np.concatenate([_open(file, (), np.dtype(np.int32)) for file in self.label_files])
        return every if self.rows is None else every[self.rows]

    @property
    def digest(self) -> str:
        """sha256, in hex, of the checksums of the files and of the rows that are seen."""
        lines = [f"{self.part} {self.dtype} {self.shape} {self.range}",
                 *(file.sha256 for file in (*self.files, *self.label_files))]
        if self.rows is not None:
            lines.append(hashlib.sha256(np.ascontiguousarray(self.rows, "<i8")).hexdigest())
        return hashlib.sha256("\n".join(lines).encode()).hexdigest()

    def take(self, rows: Integer[np.ndarray, " rows"]) -> "Shards":
        """The same data, of which only `rows` are seen, in their order: a validation part, for example.

        Raises:
          InputError: rows that are no whole numbers from 0 to N−1.
        """
        rows = self._checked(rows)
        return dataclasses.replace(self, rows=rows if self.rows is None else self.rows[rows])

    def gather(self, rows: Integer[np.ndarray, " rows"]) -> Shaped[np.ndarray, "rows ..."]:
        """The examples at `rows` (B,), in their order, with repetitions: (B, *shape), a copy.

        Raises:
          InputError: rows that are no whole numbers from 0 to N−1, or a damaged file.
        """
        rows = self._checked(rows)
        rows = rows if self.rows is None else self.rows[rows]
        out = _aligned((len(rows), *self.shape), self.dtype)
        if len(self.files) == 1:
            return np.take(self._map(0), rows, axis=0, out=out, mode="clip")   # checked above; "raise" would copy
        order = np.argsort(rows)   # ascending within each file: a disk then reads forward
        ascending = rows[order]
        ends = np.searchsorted(ascending, self._starts)
        few = np.empty((FEW, *self.shape), self.dtype)   # stays in the processor's cache between its two uses
        for i in np.flatnonzero(np.diff(ends)):
            for begin in range(ends[i], ends[i + 1], FEW):
                here = slice(begin, min(begin + FEW, ends[i + 1]))
                out[order[here]] = np.take(self._map(int(i)), ascending[here] - self._starts[i], axis=0,
                                           out=few[:here.stop - here.start], mode="clip")
        return out

    def _checked(self, rows: np.ndarray) -> np.ndarray:
        rows = np.asarray(rows)
        if rows.ndim != 1 or (rows.dtype.kind not in "iu" and rows.size):
            raise InputError(f"{self.folder}: rows must be whole numbers (B,), got {rows.dtype} of shape {rows.shape}")
        if rows.size and not 0 <= rows.min() <= rows.max() < len(self):
            raise InputError(f"{self.folder}: rows from {rows.min()} to {rows.max()}, but {self.part} has rows 0 to "
                             f"{len(self) - 1}")
        return rows.astype(np.int64, copy=False)


def _aligned(shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
    """An empty array that begins at a multiple of 64 bytes: JAX takes such a one on a CPU without a copy."""
    size = math.prod(shape) * dtype.itemsize
    raw = np.empty(size + 64, np.uint8)
    begin = -raw.ctypes.data % 64
    return raw[begin:begin + size].view(dtype).reshape(shape)


def _open(file: ShardFile, shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
    try:
        array = np.load(file.path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise InputError(f"{file.path}: cannot be read ({first_line(error)}); convert the source again") from error
    if array.shape != (file.examples, *shape) or array.dtype != dtype:
        raise InputError(f"{file.path}: {array.dtype} of shape {array.shape}, {INDEX} says {dtype} of shape "
                         f"{(file.examples, *shape)}; convert the source again")
    return array


def is_shards(folder: str | os.PathLike) -> bool:
    """Whether `folder` is one of shards, whole or damaged.

    >>> is_shards("no/such/folder")
    False
    """
    folder = Path(folder)
    return (folder / INDEX).is_file() and any(folder.glob("*-?????.npy"))


def open_shards(folder: str | os.PathLike, part: str = "train", *, verify: bool = False) -> Shards:
    """Opens one part of a folder that `convert` made; the sizes of its files are checked, nothing is read.

    Args:
      folder: with index.json.
      part: "train" or "test".
      verify: also read every file of the part and compare its sha256.
    Returns:
      `Shards`: len, shape, dtype, range, labels, gather.
    Raises:
      InputError: no shards, no such part, or a file that is missing, truncated or changed.

    >>> open_shards("no/such/folder")   # doctest: +ELLIPSIS
    Traceback (most recent call last):
    aejax.errors.InputError: no/such/folder: no index.json in it, so no shards...
    """
    folder = Path(folder).expanduser()
    index = read_index(folder)
    if part not in index["parts"]:
        raise InputError(f"{folder}: has no part {part!r}, only {', '.join(index['parts'])}")
    try:
        shards = _parse(folder, index, part)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise InputError(f"{folder / INDEX}: damaged ({first_line(error)}); convert the source again") from error
    for file in (*shards.files, *shards.label_files):
        check_file(file, verify)
    return shards


def _parse(folder: Path, index: dict[str, Any], part: str) -> Shards:
    """Shards from an index; raises whatever a damaged one leads to."""
    entry = index["parts"][part]
    files, label_files = (tuple(parse_file(folder, item) for item in entry[key]) for key in ("files", "label_files"))
    shape, range_ = tuple(int(n) for n in index["shape"]), tuple(float(end) for end in index["range"])
    counts, label_counts = [file.examples for file in files], [file.examples for file in label_files]
    if not files or min(shape) < 1 or min(counts) < 1 or (label_files and label_counts != counts):
        raise ValueError(f"impossible counts in {part}")
    if index["dtype"] not in DTYPES or len(range_) != 2:
        raise ValueError(f"dtype {index['dtype']}, range {range_}")
    names = index["label_names"]
    return Shards(folder, part, str(index["name"]), shape, np.dtype(index["dtype"]), range_, files, label_files,
                  None if names is None else tuple(names), str(index["source"]), tuple(index["notes"]),
                  dict(entry["statistics"]))


def load_shards(folder: Path, seed: int = 0) -> Dataset:
    """A folder of shards read into memory; without a part "test" it is split 80/20 by `seed`.

    Raises:
      InputError: damaged, or more than is loaded into memory.
    """
    parts = {part: open_shards(folder, part) for part in read_index(folder)["parts"]}
    train = parts["train"]
    check_bytes(folder, sum(map(len, parts.values())), train.shape, train.dtype.itemsize)
    notes = train.notes
    if "test" not in parts:
        kept, held, note = hold_out(len(train), seed, folder)
        parts, notes = {"train": train.take(kept), "test": train.take(held)}, (*notes, note)
    x, y = ({name: read(part) for name, part in parts.items()}
            for read in (lambda part: part.gather(np.arange(len(part))), lambda part: part.labels))
    return Dataset(x["train"], y["train"], x["test"], y["test"], train.name, train.label_names,
                   f"{train.name}: shards in {folder}", range=train.range, notes=notes)
