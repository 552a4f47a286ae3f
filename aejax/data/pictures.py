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
    parts = list_parts(folder)
    listings = list(parts.values())
    paths = [path for listing in listings for path in listing.paths]
    images, notes = read_pictures(paths, size, folder)
    label_names, labels, more = _encode(listings)
    notes = (*notes, *more)
    skipped = sum(listing.skipped for listing in listings)
    if skipped:
        notes = (*notes, f"{skipped} file{'s' if skipped > 1 else ''} skipped: not pictures, or in deeper "
                         "folders")
    first = len(listings[0].paths)
    if len(parts) == 2:
        kept, held = np.arange(first), np.arange(first, len(paths))
    else:
        kept, held, note = hold_out(first, seed, folder)
        notes = (*notes, note)
    train, test = (images[:first], images[first:]) if len(parts) == 2 else (images[kept], images[held])
    train_labels, test_labels = (None if (labels[part] < 0).any() else labels[part] for part in (kept, held))
    name = folder.resolve().name or "pictures"
    return Dataset(train, train_labels, test, test_labels, name, label_names,
                   f"{name}: {len(paths)} pictures in {folder}", notes=notes)


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
        picture = read_picture(path)
        if size is not None and picture.shape[:2] != size:
            picture, resized = resize(picture, size), resized + 1
        grey += picture.shape[2] == 1
        if images is None:
            check_bytes(where, len(paths), picture.shape)
            images = np.empty((len(paths), *picture.shape), np.uint8)
        if picture.shape[:2] != images.shape[1:3]:
            raise UnequalSizes(f"{path}: {_by(picture)}, but {paths[0].name} is {_by(images[0])} (height x "
                             "width); bring all to one size with --size HxW")
        if picture.shape[2] > images.shape[3]:   # the first colour picture after grey ones
            check_bytes(where, len(paths), picture.shape)
            images = np.repeat(images, 3, axis=3)
        images[i] = picture
    notes = (f"{resized} of {len(paths)} pictures resized to {size[0]}x{size[1]}",) if resized else ()
    if 0 < grey < len(paths):
        notes = (*notes, f"{grey} of {len(paths)} pictures are grey, all are read as RGB")
    return images, notes


def _by(image: np.ndarray) -> str:
    return f"{image.shape[0]}x{image.shape[1]}"
