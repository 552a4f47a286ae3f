"""`convert`: any source of data, once, into shards; memory stays bounded however large the source is."""

import contextlib
import hashlib
import json
import logging
import os
import shutil
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from aejax.data import loading, places, prepared, sources
from aejax.data.dataset import Dataset
from aejax.data.shard_index import DTYPES, FORMAT, INDEX, VERSION, checksum
from aejax.data.shards import is_shards, open_shards, read_index
from aejax.files import InputError

log = logging.getLogger("aejax")

SHARD_BYTES = 64 * 2**20   # of examples in one file


def convert(source: Any, folder: str | os.PathLike | None = None, *, size: loading.Size = None,
            data_dir: str | os.PathLike | None = None, seed: int = 0, name: str | None = None,
            shard_bytes: int = SHARD_BYTES, overwrite: bool = False) -> Path:
    """Writes a data set as shards, which `open_shards` reads row by row; parts and order are those of `load`.

    It is read once, block by block, and written to a temporary folder that is moved when it is whole: an interrupted
    conversion leaves nothing that opens. About `shard_bytes` of memory are used.

    Args:
      source: what `load` takes (a name, a folder of pictures, a set prepared by tensorflow-datasets, .npy, .npz); or a
        `Dataset`; or any iterable of examples, of (example, label) pairs or of records {"image", "label"}, a
        tensorflow-datasets data source among them; or {"train": iterable, "test": iterable}.
      folder: new or empty. None: a place in `cache_dir()` that belongs to this source; what lies there already is not
        converted again as long as the source's files keep their sizes and times.
      size: resizes uint8 images to (H, W), an int to a square.
      data_dir: as for `load`.
      seed: decides the 80/20 split where a source has no test part.
      name: of the set; None: that of the source.
      shard_bytes: how large a file of examples becomes, at least one example.
      overwrite: replaces shards that lie in `folder`, when the new ones are whole.
    Returns:
      The folder.
    Raises:
      InputError: what cannot be read or written, or is no data; a folder that holds something else.

    >>> import tempfile
    >>> folder = tempfile.mkdtemp()
    >>> len(open_shards(convert(np.zeros((5, 8, 8), np.uint8), folder)))
    5
    """
    if shard_bytes < 1:
        raise InputError(f"shard_bytes must be at least 1, got {shard_bytes}")
    place = _cache_place(source, size, data_dir, seed, name) if folder is None else Path(folder).expanduser()
    if folder is None and not overwrite and (found := _found(place)):
        log.info("data: converted before, %s", found)
        return found
    _check_place(place, overwrite or folder is None)
    with _whole_folder(place) as temporary:
        (scratch := temporary / "scratch").mkdir()
        opened = sources.open_source(source, scratch, size=size, data_dir=data_dir, seed=seed)
        parts = {part: _Writer(temporary, part, shard_bytes) for part in opened.parts}
        for part, writer in parts.items():
            for examples, labels in opened.parts[part]:
                writer.add(examples, labels)
            writer.close()
        _write_index(temporary, opened, parts, name)
        shutil.rmtree(scratch)
    log.info("data: %s; shards of %s in %s", opened.sentence, ", ".join(
        f"{writer.count} {part}" for part, writer in parts.items()), place)
    return place


def _write_index(folder: Path, opened: sources.Source, parts: dict[str, "_Writer"], name: str | None) -> None:
    kinds = {(str(writer.dtype), writer.shape) for writer in parts.values()}
    if len(kinds) > 1:
        raise InputError(f"{opened.name}: parts differ: " + ", ".join(
            f"{part} is {writer.dtype} of shape {writer.shape}" for part, writer in parts.items()))
    (dtype, shape), = kinds
    index = {"format": FORMAT, "version": VERSION, "name": name or opened.name, "shape": shape, "dtype": dtype,
             "range": opened.range, "label_names": opened.label_names, "source": opened.sentence,
             "notes": opened.notes, "parts": {part: writer.entry() for part, writer in parts.items()}}
    (folder / INDEX).write_text(json.dumps(index, indent=1), encoding="utf-8")


class _Writer:
    """Writes one part: gathers blocks into files of equally many examples."""

    def __init__(self, folder: Path, part: str, shard_bytes: int):
        self.folder, self.part, self.shard_bytes = folder, part, shard_bytes
        self.count, self.filled, self.low, self.high, self.total = 0, 0, np.inf, -np.inf, 0.0
        self.files: list[dict[str, Any]] = []
        self.label_files: list[dict[str, Any]] = []
        self.shape = self.dtype = self.buffers = None

    def add(self, examples: np.ndarray, labels: np.ndarray | None) -> None:
        """Appends (n, *shape) and their labels (n,)."""
        if self.shape is None:
            self._begin(examples, labels)
        kind, before = ((x.dtype, x.shape[1:], y is not None) for x, y in ((examples, labels), self.buffers))
        if kind != before:
            raise InputError(f"{self.part}: from example {self.count} on (dtype, shape, labelled) is {kind}, before "
                             f"{before}; bring all to one kind")
        self.low, self.high = min(self.low, float(examples.min())), max(self.high, float(examples.max()))
        self.total += float(examples.sum(dtype=np.float64))
        self.count += len(examples)
        done, capacity = 0, len(self.buffers[0])
        while done < len(examples):
            room = min(len(examples) - done, capacity - self.filled)
            for buffer, values in zip(self.buffers, (examples, labels), strict=True):
                if buffer is not None:
                    buffer[self.filled:self.filled + room] = values[done:done + room]
            done, self.filled = done + room, self.filled + room
            if self.filled == capacity:
                self._flush()

    def _begin(self, examples: np.ndarray, labels: np.ndarray | None) -> None:
        if str(examples.dtype) not in DTYPES or not np.prod(examples.shape[1:]):
            raise InputError(f"{self.part}: {examples.dtype} of shape {examples.shape[1:]}; expected uint8 or float32 "
                             "with at least one number")
        self.shape, self.dtype = examples.shape[1:], examples.dtype
        rows = max(1, self.shard_bytes // examples[0].nbytes)
        self.buffers = (np.empty((rows, *self.shape), self.dtype), None if labels is None else np.empty(rows, np.int32))

    def _flush(self) -> None:
        stem = f"{self.part}-{len(self.files):05d}"
        for files, suffix, buffer in zip((self.files, self.label_files), ("", ".labels"), self.buffers, strict=True):
            if buffer is not None:
                files.append(self._save(f"{stem}{suffix}.npy", buffer))
        self.filled = 0

    def _save(self, name: str, buffer: np.ndarray) -> dict[str, Any]:
        path = self.folder / name
        np.save(path, buffer[:self.filled], allow_pickle=False)
        return {"file": name, "examples": self.filled, "bytes": path.stat().st_size, "sha256": checksum(path)}

    def close(self) -> None:
        """Writes what is left and lets go of the memory."""
        if not self.count:
            raise InputError(f"{self.part}: the source gave no example")
        if self.filled:
            self._flush()
        self.buffers = None

    def entry(self) -> dict[str, Any]:
        """This part in index.json."""
        mean = self.total / (self.count * int(np.prod(self.shape)))
        return {"examples": self.count, "files": self.files, "label_files": self.label_files,
                "statistics": {"min": self.low, "max": self.high, "mean": mean}}


def _check_place(place: Path, overwrite: bool) -> None:
    if place.is_dir() and not any(place.iterdir()):
        return
    if place.exists() and not (overwrite and place.is_dir() and is_shards(place)):
        what = "holds shards" if place.is_dir() and is_shards(place) else "exists and is no folder of shards"
        remedy = "overwrite them with --overwrite (overwrite=True)" if "holds" in what else "choose another folder"
        raise InputError(f"{place}: {what}; {remedy}")


@contextlib.contextmanager
def _whole_folder(place: Path) -> Iterator[Path]:
    """Yields a temporary folder beside `place` and moves it there when the block ends without an error."""
    temporary = place.with_name(f".{place.name}.tmp-{uuid.uuid4().hex[:12]}")
    away = temporary.with_name(f"{temporary.name}-old")
    try:
        temporary.mkdir(parents=True)
        yield temporary
        if place.exists():
            os.rename(place, away)   # the old shards stay until the new ones are whole
        os.rename(temporary, place)
    except OSError as error:
        raise InputError(f"{place}: cannot be written ({error.strerror or error}); make room or choose another "
                         "folder") from error
    finally:
        if away.exists() and not place.exists():
            os.rename(away, place)
        for folder in (temporary, away):
            shutil.rmtree(folder, ignore_errors=True)


def _found(place: Path) -> Path | None:
    """`place`, where it holds whole shards; None: convert (again)."""
    try:
        for part in read_index(place)["parts"]:
            open_shards(place, part)
        return place
    except InputError as error:
        if place.exists():
            log.info("data: converted again, %s", error)
        return None


def _cache_place(source: Any, size: loading.Size, data_dir: str | os.PathLike | None, seed: int, name: str | None
                 ) -> Path:
    """The folder in the cache that belongs to a source and these options."""
    if isinstance(source, Dataset):
        label, mark = source.name, source.digest
    elif isinstance(source, str | os.PathLike):
        path = Path(source).expanduser()
        if os.fspath(source) in loading.NAMES or not path.exists():
            path = prepared.find(str(source), places.prepared_folders(data_dir)) or path
        if os.fspath(source) in loading.NAMES or not path.exists():
            dataset = loading.load(source, data_dir=data_dir, size=size, seed=seed)
            label, mark = dataset.name, dataset.digest
        else:
            label, mark = path.stem, _fingerprint(path)
    else:
        raise InputError("examples from Python have no place in the cache by which they would be found again: give a "
                         "folder")
    settings = json.dumps([VERSION, mark, loading.parse_size(size), seed, name])
    return places.cache_dir() / "shards" / f"{label}-{hashlib.sha256(settings.encode()).hexdigest()[:12]}"


def _fingerprint(path: Path) -> list[Any]:
    """Path, size and time of every file of a source: another fingerprint, another conversion."""
    files = sorted(path.rglob("*")) if path.is_dir() else [path]
    stats = [(str(file), file.stat()) for file in files if file.is_file()]
    return [os.path.abspath(path), [(name, stat.st_size, stat.st_mtime_ns) for name, stat in stats]]
