"""A folder of pictures as a data set: sub-folders are labels, `train/` and `test/` are parts."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from aejax.data import idx
from aejax.data.dataset import Dataset, check_bytes, hold_out
from aejax.files import PICTURE_SUFFIXES, InputError, read_picture, resize


class UnequalSizes(InputError):
    """Pictures differ in size and nobody said to which they should be brought."""


@dataclass(frozen=True)
class Listing:
    """The picture files of one folder, sorted.

    Attributes:
      paths: the pictures directly in the folder, then those of each sub-folder.
      labels: the name of each picture's sub-folder; None for one that lies directly in the folder.
      skipped: how many other files there were, pictures in deeper folders among them.
    """

    paths: tuple[Path, ...]
    labels: tuple[str | None, ...]
    skipped: int


def list_pictures(folder: Path) -> Listing:
    """Lists the pictures in `folder` and in its direct sub-folders; hidden files and folders do not count."""
    paths, labels, skipped = [], [], 0
    entries = _entries(folder)
    places = [(folder, None), *((entry, entry.name) for entry in entries if entry.is_dir())]
    for place, label in places:
        for entry in entries if label is None else _entries(place):
            if entry.is_dir():
                if label is not None:
                    skipped += sum(file.is_file() for file in entry.rglob("*"))
            elif entry.suffix.lower() in PICTURE_SUFFIXES:
                paths.append(entry)
                labels.append(label)
            else:
                skipped += 1
    return Listing(tuple(paths), tuple(labels), skipped)


def _entries(folder: Path) -> list[Path]:
    try:
        return sorted(entry for entry in folder.iterdir() if not entry.name.startswith("."))
    except OSError as error:
        raise InputError(f"{folder}: cannot be listed ({error.strerror}); check its permissions") from error


def list_parts(folder: Path) -> dict[str, Listing]:
    """{"train": …} and, where `folder` has `train/` and `test/`, also "test".

    Raises:
      InputError: no pictures, or `test/` without `train/`.
    """
    if (folder / "train").is_dir():
        parts = {part: list_pictures(folder / part) for part in ("train", "test") if (folder / part).is_dir()}
    elif (folder / "test").is_dir():
        raise InputError(f"{folder}: has a folder test but no folder train; add it, or give "
                         f"{folder / 'test'}")
    else:
        parts = {"train": list_pictures(folder)}
    for part, listing in parts.items():
        if not listing.paths:
            where = folder / part if (folder / part).is_dir() else folder
            if any((where / (name + suffix)).is_file() for name in idx.FILES for suffix in ("", ".gz")):
                raise InputError(f"{where}: holds IDX files, not pictures; load mnist or fashion_mnist with "
                                 f"--data-dir {where}")
            raise InputError(f"{where}: no pictures ({', '.join(PICTURE_SUFFIXES)}) in it or its sub-folders"
                             f"{f', {listing.skipped} other files' if listing.skipped else ''}; give another "
                             "folder")
    return parts


def load_pictures(folder: Path, *, size: tuple[int, int] | None = None, seed: int = 0) -> Dataset:
    """A folder of pictures as uint8 (N, H, W, C); C is 1 if all are grey, else 3.

    Raises:
      InputError: no pictures, a damaged one, unequal sizes without `size`, or more than fits into memory.
    """
    plan = plan_pictures(folder, seed)
    images, notes = read_pictures(plan.paths, size, folder)
    kept, held = plan.rows["train"], plan.rows["test"]
    return Dataset(images[kept], plan.labels_of("train"), images[held], plan.labels_of("test"), plan.name,
                   plan.label_names, f"{plan.name}: {len(plan.paths)} pictures in {folder}",
                   notes=(*notes, *plan.notes))


@dataclass(frozen=True)
class Plan:
    """Which pictures of a folder belong to which part, before any is read.

    Attributes:
      name: of the folder.
      paths: the pictures of all parts.
      rows: {"train": …, "test": …}: indices into `paths`.
      labels: int32, of each picture, −1 for none.
      label_names: the name of each label, or None.
      notes: what a user must know of it.
    """

    name: str
    paths: tuple[Path, ...]
    rows: dict[str, np.ndarray]
    labels: np.ndarray
    label_names: tuple[str, ...] | None
    notes: tuple[str, ...]

    def labels_of(self, part: str) -> np.ndarray | None:
        """int32 labels of one part; None where a picture has none."""
        labels = self.labels[self.rows[part]]
        return None if (labels < 0).any() else labels


def plan_pictures(folder: Path, seed: int = 0) -> Plan:
    """Lists a folder of pictures and cuts it into parts: `train/` and `test/`, else 80/20 by `seed`.

    Raises:
      InputError: no pictures, too few, or parts that are not clear.
    """
    listings = list_parts(folder)
    paths = tuple(path for listing in listings.values() for path in listing.paths)
    label_names, labels, notes = _encode(list(listings.values()))
    skipped = sum(listing.skipped for listing in listings.values())
    if skipped:
        notes = (*notes, f"{skipped} file{'s' if skipped > 1 else ''} skipped: not pictures, or in deeper "
                         "folders")
    first = len(listings["train"].paths)
    if "test" in listings:
        rows = {"train": np.arange(first), "test": np.arange(first, len(paths))}
    else:
        kept, held, note = hold_out(first, seed, folder)
        rows, notes = {"train": kept, "test": held}, (*notes, note)
    return Plan(folder.resolve().name or "pictures", paths, rows, labels, label_names, notes)


def _encode(listings: Sequence[Listing]) -> tuple[tuple[str, ...] | None, np.ndarray, tuple[str, ...]]:
    """Label names (the sorted union over the parts), the label of each picture (−1 for none), notes."""
    names = sorted({label for listing in listings for label in listing.labels if label is not None})
    labels, notes = [], []
    for listing in listings:
        loose = listing.labels.count(None)
        if 0 < loose < len(listing.labels):   # half a labelling is worse than none
            notes.append(f"no labels: {loose} of {len(listing.labels)} pictures lie outside of the "
                         f"sub-folders, for example {listing.paths[0].name}")
        labels += [-1 if loose else names.index(label) for label in listing.labels]
    array = np.asarray(labels, np.int32)
    return (tuple(names) if (array >= 0).any() else None), array, tuple(notes)


def read_pictures(paths: Sequence[Path], size: tuple[int, int] | None, where: Path
                  ) -> tuple[np.ndarray, tuple[str, ...]]:
    """Reads pictures into one uint8 array (N, H, W, C), resized to `size` if given, and notes.

    Raises:
      InputError: names the damaged file, or two files whose sizes differ, or says that memory would not do.
    """
    images, grey, resized = None, 0, 0
    for i, path in enumerate(paths):
        picture, changed = read_sized(path, size)
        resized += changed
        grey += picture.shape[2] == 1
        if images is None:
            check_bytes(where, len(paths), picture.shape)
            images = np.empty((len(paths), *picture.shape), np.uint8)
        check_same(path, picture.shape, paths[0], images.shape[1:])
        if picture.shape[2] > images.shape[3]:   # the first colour picture after grey ones
            check_bytes(where, len(paths), picture.shape)
            images = np.repeat(images, 3, axis=3)
        images[i] = picture
    return images, reading_notes(len(paths), grey, resized, size)


def read_sized(path: Path, size: tuple[int, int] | None) -> tuple[np.ndarray, bool]:
    """A picture, brought to `size` if one is given, and whether that changed it."""
    picture = read_picture(path)
    if size is None or picture.shape[:2] == size:
        return picture, False
    return resize(picture, size), True


def check_same(path: Path, shape: tuple[int, ...], first_path: Path, first_shape: tuple[int, ...]) -> None:
    """Raises `UnequalSizes` where a picture has another height or width than the first."""
    if shape[:2] != first_shape[:2]:
        raise UnequalSizes(f"{path}: {_by(shape)}, but {first_path.name} is {_by(first_shape)} (height x "
                           "width); bring all to one size with --size HxW, or train on patches, --patches HxW")


def reading_notes(count: int, grey: int, resized: int, size: tuple[int, int] | None) -> tuple[str, ...]:
    """What happened to `count` pictures as they were read."""
    notes = (f"{resized} of {count} pictures resized to {size[0]}x{size[1]}",) if resized else ()
    if 0 < grey < count:
        notes = (*notes, f"{grey} of {count} pictures are grey, all are read as RGB")
    return notes


def _by(shape: tuple[int, ...]) -> str:
    return f"{shape[0]}x{shape[1]}"
