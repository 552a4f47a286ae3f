"""`mnist` and `fashion_mnist` in full: from local IDX files, from what was prepared before, or by download.

What is prepared lies in `cache_dir()/<name>/<digest>/`: the array_record files of tensorflow-datasets, which
are the truth, and beside them the same arrays as `.npy`, which load in an instant. `<digest>` is computed
from the content (`idx.digest`) and checked at every load, so that changed files never pass for the published
set and a damaged copy is noticed.
"""

import logging
import os
import shutil
import time
import uuid
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from aejax.data import download, idx, places, prepared
from aejax.data.dataset import Dataset
from aejax.files import InputError, atomic

log = logging.getLogger("aejax")

SHA256 = {   # of the plain IDX files, in the order of idx.FILES
    "mnist": ("ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
              "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
              "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
              "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2"),
    "fashion_mnist": ("c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
                      "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
                      "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
                      "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34"),
}
LABELS = {"mnist": tuple("0123456789"),
          "fashion_mnist": ("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt",
                            "Sneaker", "Bag", "Ankle boot")}
SYSTEM = {"fashion_mnist": Path("/usr/share/datasets/fashion-mnist")}   # of Debian's dataset-fashion-mnist
PARTS = ("train", "train_labels", "test", "test_labels")                # in the order of idx.FILES
STALE = 86_400   # seconds after which a half prepared folder is taken to be abandoned


def load_published(name: str, data_dir: str | os.PathLike | None) -> Dataset:
    """One of the sets in `SHA256`: uint8 (N, H, W, 1).

    The first of these that has it is used, and named in `source`: IDX files in `data_dir` (or
    `$AEJAX_DATA_DIR`), as `<name>/` below it or directly in it; the same folder as tensorflow-datasets
    prepared it; what was prepared here before; the operating system's package; the publisher's address.

    Raises:
      InputError: damaged or incomplete files, or none anywhere; it lists every place looked at.
    """
    folder, looked = places.data_folder(data_dir), []
    for place in _local_folders(name, folder):
        looked.append(str(place))
        if paths := idx.find(place):
            return _from_files(name, paths)
    if folder is not None and (found := prepared.find(name, [folder])):
        if (kind := prepared.file_format(found)) == "array_record":
            return prepared.load_prepared(found, name)
        looked.append(f"{found} ({kind}, which needs TensorFlow)")
    published = idx.digest(SHA256[name])
    looked.append(str(_home(name) / published))
    if (arrays := _cached(name, published)) is not None:
        return _dataset(name, arrays, f"{name}: prepared before, {_home(name) / published}")
    if name in SYSTEM:
        looked.append(str(SYSTEM[name]))
        if paths := idx.find(SYSTEM[name]):
            return _from_files(name, paths)
    log.info("%s: found neither in %s; downloading it", name, " nor in ".join(looked))
    arrays = _prepare(name, published, (28, 28, 1), None, looked)
    return _dataset(name, arrays, f"{name}: downloaded and prepared in {_home(name) / published}")


def place(name: str, data_dir: str | os.PathLike | None) -> Path | None:
    """Where `load_published` would find one of the sets in `SHA256` without a download; content is not checked."""
    folder = places.data_folder(data_dir)
    found = [path for path in _local_folders(name, folder) if idx.find(path)]
    found += [] if folder is None else [prepared.find(name, [folder])]
    found += [home] if (home := _home(name) / idx.digest(SHA256[name])).is_dir() else []
    found += [SYSTEM[name]] if name in SYSTEM and idx.find(SYSTEM[name]) else []
    return next((path for path in found if path is not None), None)


def _local_folders(name: str, folder: Path | None) -> list[Path]:
    if folder is None:
        return []
    spellings = dict.fromkeys((folder / name, folder / name.replace("_", "-"), folder))
    return [place for place in spellings if place.is_dir()]


def _home(name: str) -> Path:
    return places.cache_dir() / name


def _dataset(name: str, arrays: Sequence[np.ndarray], source: str, notes: tuple[str, ...] = ()) -> Dataset:
    train, train_labels, test, test_labels = arrays
    return Dataset(train[..., None], train_labels.astype(np.int32), test[..., None],
                   test_labels.astype(np.int32), name, LABELS[name], source, notes=notes)


def _from_files(name: str, paths: Sequence[Path]) -> Dataset:
    arrays = idx.read_set(paths)
    checksums = tuple(idx.sha256(array) for array in arrays)
    for other, known in SHA256.items():
        if other != name and any(a == b for a, b in zip(checksums, known, strict=True)):
            raise InputError(f"{paths[0].parent}: holds files of {other}, not of {name}; load {other}, or "
                             "name another folder with --data-dir")
    changed = [path.name for path, a, b in zip(paths, checksums, SHA256[name], strict=True) if a != b]
    notes = (f"not the published {name}: {', '.join(changed)} in {paths[0].parent} differ"
             f"{'s' if len(changed) == 1 else ''}",) if changed else ()
    digest = idx.digest(checksums)
    if _cached(name, digest) is None:
        _prepare(name, digest, (*arrays[0].shape[1:], 1), paths, [])
    # The prepared set was just checked against the digest of these very arrays: they are equal.
    return _dataset(name, arrays, f"{name}: IDX files in {paths[0].parent}, prepared in "
                                  f"{_home(name) / digest}", notes)


def _cached(name: str, digest: str) -> tuple[np.ndarray, ...] | None:
    """The arrays of a prepared set, checked against `digest`; None if it has to be prepared (again)."""
    home = _home(name) / digest
    if not home.is_dir():
        return None
    try:
        arrays = tuple(np.load(home / f"{part}.npy", allow_pickle=False) for part in PARTS)
        if idx.digest([idx.sha256(array) for array in arrays]) == digest:
            return arrays
        reason = "changed"
    except (OSError, ValueError, EOFError) as error:
        reason = "missing" if isinstance(error, FileNotFoundError) else "damaged"
    log.info("%s: the quick copy is %s; made again from the array_record files", home, reason)
    try:
        arrays = _read_records(name, home)
    except Exception as error:   # array_record and tensorflow-datasets have no exception class for damage
        log.info("%s: the array_record files cannot be read (%s)", home, str(error).splitlines()[:1])
        arrays = None
    if arrays is None or idx.digest([idx.sha256(array) for array in arrays]) != digest:
        log.info("%s: damaged; prepared again", home)
        # Moved away whole first, so that nobody meets it half deleted.
        shutil.rmtree(_move_away(home), ignore_errors=True)
        return None
    _write_copies(home, arrays)
    return arrays


def _move_away(home: Path) -> Path:
    away = home.with_name(f".tmp-{uuid.uuid4().hex}")
    try:
        os.rename(home, away)
    except FileNotFoundError:   # another process was faster
        pass
    return away


def _write_copies(home: Path, arrays: Sequence[np.ndarray]) -> None:
    for part, array in zip(PARTS, arrays, strict=True):
        with atomic(home / f"{part}.npy") as temporary:
            np.save(temporary, array, allow_pickle=False)


def _read_records(name: str, home: Path) -> tuple[np.ndarray, ...]:
    builder = prepared.open_builder(home / f"aejax_{name}" / "1.0.0")
    parts = [prepared.read_split(builder, split, "image", "label") for split in ("train", "test")]
    return tuple(array for images, labels in parts
                 for array in (images[..., 0], labels.astype(np.uint8)))


def _prepare(name: str, digest: str, shape: tuple[int, ...], paths: Sequence[Path] | None, looked: list[str]
             ) -> tuple[np.ndarray, ...]:
    """Writes `_home(name)/digest` from the files at `paths`, or by download; whole or not at all."""
    home = _home(name)
    temporary = home / f".tmp-{uuid.uuid4().hex}"
    log.info("%s: preparing it in %s (once)", name, home / digest)
    try:
        temporary.mkdir(parents=True)
        _remove_abandoned(home)
        download.run_builder(name, temporary, shape, paths[0].parent if paths else None, looked)
        arrays = _read_records(name, temporary)
        if idx.digest([idx.sha256(array) for array in arrays]) != digest:
            what = "what was downloaded is not the published set"
            if paths:
                what = f"the files in {paths[0].parent} changed while they were prepared"
            raise InputError(f"{name}: {what}; try again")
        _write_copies(temporary, arrays)
        try:
            os.rename(temporary, home / digest)
        except OSError:
            if not (home / digest).is_dir():   # else another process was faster, with the same content
                raise
    except OSError as error:
        raise InputError(f"{home}: cannot prepare {name} there ({error.strerror or error}); make room or set "
                         "XDG_CACHE_HOME to a folder that can be written") from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return arrays


def _remove_abandoned(home: Path) -> None:
    for folder in home.glob(".tmp-*"):
        if time.time() - folder.stat().st_mtime > STALE:
            shutil.rmtree(folder, ignore_errors=True)
