"""The noise of a person's own pictures, measured on files."""

from pathlib import Path

import numpy as np

from aejax.applications.noise_estimation import NoiseLevel, from_flat_regions, from_pairs
from aejax.data.pictures import list_pictures
from aejax.files import PICTURE_SUFFIXES, InputError
from aejax.photographs import Photograph, read_photograph


def noise_of(place: Path) -> NoiseLevel:
    """The variance of the noise as slope · x + floor, x the intensity from 0 to 1.

    Args:
      place: a folder with the folders noisy/ and clean/, which hold pictures of the same names and sizes; or a noisy
        picture, or a folder of such, whose flat regions are looked at.

    Raises:
      InputError: no pictures, one without its pair or damaged, or no noise in them.
    """
    place = Path(place).expanduser()
    if not place.exists():
        raise InputError(f"{place}: no such file or folder; check the path")
    halves = [place / name for name in ("noisy", "clean")]
    if any(half.is_dir() for half in halves):
        level = from_pairs(*_pairs(*halves))
    else:
        level = from_flat_regions([read_photograph(path).pixels for path in _pictures(place)])
    if level.slope == 0 and level.floor == 0:
        raise InputError(f"{place}: no noise was found in these pictures; give noisy ones")
    return level


def _pictures(place: Path) -> list[Path]:
    if place.is_file():
        return [place]
    if not (paths := list(list_pictures(place).paths)):
        raise InputError(f"{place}: holds no picture ({', '.join(PICTURE_SUFFIXES)}); give a folder with some")
    return paths


def _pairs(noisy: Path, clean: Path) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """All pictures, noisy and clean."""
    named: list[dict[str, Path]] = []
    for folder, other in ((noisy, clean), (clean, noisy)):
        if not folder.is_dir():
            raise InputError(f"{other}: has no folder {folder.name} beside it; pairs are pictures of the same names in "
                             "noisy/ and clean/")
        named.append({path.relative_to(folder).with_suffix("").as_posix(): path for path in _pictures(folder)})
    lonely = sorted(set(named[0]) ^ set(named[1]))
    if lonely:
        where = noisy if lonely[0] in named[0] else clean
        raise InputError(f"{where}: {lonely[0]} has no pair in the other folder; give each noisy picture its clean one")
    pairs: tuple[list[np.ndarray], list[np.ndarray]] = [], []
    for name, path in named[0].items():
        pair: list[Photograph] = [read_photograph(path), read_photograph(named[1][name])]
        if pair[0].pixels.shape != pair[1].pixels.shape:
            raise InputError(f"{path}: {pair[0].pixels.shape}, but its clean pair is {pair[1].pixels.shape} (height, "
                             "width, channels); pairs must show the same, pixel by pixel")
        for found, photograph in zip(pairs, pair, strict=True):
            found.append(photograph.pixels)
    return pairs
