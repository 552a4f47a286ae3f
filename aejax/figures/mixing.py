"""What two images make together, one from each side of a table."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from aejax.figures.general import _figure, _save, _show


def mixtures(path: str | Path, a: np.ndarray, b: np.ndarray, tables: Mapping[str, np.ndarray], *, title: str = "",
             cell: float = 0.5) -> None:
    """Tables side by side, each below its name: images `a` down the left, `b` along the top, and their mixtures.

    Args:
      a, b: (R, H, W, C) and (K, H, W, C), on the [0, 1] scale, cut to it, as all images here.
      tables: {name: (R, K, H, W, C)}.
      title: above all.
      cell: width of an image, in inches.
    """
    (rows, height, width), columns = a.shape[:3], len(b)   # images of one size
    figure = _figure(len(tables) * (cell * (columns + 1.25) + 0.35), cell * height / width * (rows + 1.25) + 0.75)
    for axes, (name, table) in zip(figure.subplots(1, len(tables), squeeze=False).flat, tables.items(), strict=True):
        _show(axes, _sheet(a, b, table))
        axes.set_title(name, fontsize=9)
        for text, x, y in (("B", 0.85, 0.5), ("A", 0.5, 0.85)):   # in the empty corner, beside what they name
            axes.text(x * width, y * height, text, ha="center", va="center", fontsize=8)
    if title:
        figure.suptitle(title, fontsize=9)
    _save(figure, path)


def _sheet(a: np.ndarray, b: np.ndarray, table: np.ndarray) -> np.ndarray:
    """One white picture with `a` at the left, `b` on top, a quarter of an image away from the table; borders of 1."""
    height, width, channels = a.shape[1:]
    down, across = height + 1, width + 1
    top, left = down + height // 4, across + width // 4
    sheet = np.ones((top + len(a) * down - 1, left + len(b) * across - 1, channels), np.float32)
    for row, image in enumerate(a):
        sheet[top + row * down:, :width][:height] = image
        for column, mixture in enumerate(table[row]):
            sheet[top + row * down:, left + column * across:][:height, :width] = mixture
    for column, image in enumerate(b):
        sheet[:height, left + column * across:][:, :width] = image
    return sheet
