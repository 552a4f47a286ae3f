"""Pictures before and after a restoration, side by side on one sheet."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from aejax import figures
from aejax.files import resize

SIDE = 192      # pixels of a cell
DETAIL = 96     # of a large picture, shown enlarged in the rows of details
MOST = 6        # pictures


def contact_sheet(path: Path, rows: Mapping[str, Sequence[np.ndarray]], places: Sequence[tuple[float, float]]) -> None:
    """Draws {label: pictures}, each column one picture; and details of them where one is larger than a cell.

    Args:
      path: PNG file.
      rows: floats (H, W, C) on the [0, 1] scale; pictures of a column show the same at any scale.
      places: for each column, the (y, x) that its detail is centred at, from 0 to 1.
    """
    shown = {label: np.stack([_cell(picture) for picture in pictures]) for label, pictures in rows.items()}
    largest = [max(max(pictures[i].shape[:2]) for pictures in rows.values()) for i in range(len(places))]
    if max(largest) > SIDE:
        for label, pictures in rows.items():
            details = [_detail(picture, place, DETAIL * max(picture.shape[:2]) / whole)
                       for picture, place, whole in zip(pictures, places, largest, strict=True)]
            shown[f"{label}, detail"] = np.stack([_cell(detail) for detail in details])
    figures.image_rows(path, list(shown.items()), cell=1.6)


def _cell(picture: np.ndarray) -> np.ndarray:
    """A picture fitted into a white square of `SIDE` pixels, in RGB; a small one by repeating its pixels."""
    picture = np.broadcast_to(np.clip(picture, 0, 1), (*picture.shape[:2], 3))
    longest = max(picture.shape[:2])
    if longest > SIDE:
        size = tuple(max(1, round(n * SIDE / longest)) for n in picture.shape[:2])
        picture = resize(np.rint(picture * 255).astype(np.uint8), size) / 255
    else:
        picture = picture.repeat(SIDE // longest, axis=0).repeat(SIDE // longest, axis=1)
    cell = np.ones((SIDE, SIDE, 3), np.float32)
    top, left = ((SIDE - n) // 2 for n in picture.shape[:2])
    cell[top: top + picture.shape[0], left: left + picture.shape[1]] = picture
    return cell


def _detail(picture: np.ndarray, place: tuple[float, float], side: float) -> np.ndarray:
    """The part of a picture around `place`, a square of `side` pixels where it is so large."""
    side = max(1, round(side))
    begins = [int(np.clip(round(n * at - side / 2), 0, max(0, n - side)))
              for n, at in zip(picture.shape[:2], place, strict=True)]
    return picture[begins[0]: begins[0] + side, begins[1]: begins[1] + side]
