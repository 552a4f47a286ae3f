"""Letters drawn with a round pen: pictures made as digits are, that are none."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from jaxtyping import Float, UInt8

from aejax.files import InputError

Strokes = Sequence[Sequence[tuple[float | int, float | int]]]

# Straight strokes of letters that no digit looks like: corners joined in order, y downwards, in a unit square.
LETTERS: dict[str, Strokes] = {
    "A": (((0, 1), (0.5, 0), (1, 1)), ((0.2, 0.6), (0.8, 0.6))),
    "E": (((1, 0), (0, 0), (0, 1), (1, 1)), ((0, 0.5), (0.8, 0.5))),
    "F": (((1, 0), (0, 0), (0, 1)), ((0, 0.5), (0.8, 0.5))),
    "H": (((0, 0), (0, 1)), ((1, 0), (1, 1)), ((0, 0.5), (1, 0.5))),
    "K": (((0, 0), (0, 1)), ((1, 0), (0, 0.55), (1, 1))),
    "M": (((0, 1), (0, 0), (0.5, 0.6), (1, 0), (1, 1)),),
    "N": (((0, 1), (0, 0), (1, 1), (1, 0)),),
    "T": (((0, 0), (1, 0)), ((0.5, 0), (0.5, 1))),
    "V": (((0, 0), (0.5, 1), (1, 0)),),
    "W": (((0, 0), (0.25, 1), (0.5, 0.3), (0.75, 1), (1, 0)),),
    "X": (((0, 0), (1, 1)), ((1, 0), (0, 1))),
    "Y": (((0, 0), (0.5, 0.5), (1, 0)), ((0.5, 0.5), (0.5, 1))),
}
SIDE, BOX = 28, 20   # of the picture and of the letter in it, in pixels, as in MNIST


def letters(n: int, *, seed: int = 0) -> tuple[UInt8[np.ndarray, "n 28 28 1"], np.ndarray]:
    """Random letters, white on black like MNIST: turned, slanted, stretched, with pens of 1.6 to 3.2 pixels.

    Args:
      n: number of pictures.
      seed: of letters and hands.
    Returns:
      Pictures uint8 (n, 28, 28, 1), and the letter of each, (n,).

    >>> pictures, names = letters(3)
    >>> pictures.shape, len(names)
    ((3, 28, 28, 1), 3)
    """
    if n < 1:
        raise InputError(f"letters: {n} pictures; at least 1")
    random = np.random.default_rng(seed)
    names = random.choice(list(LETTERS), n)
    return np.stack([_draw(LETTERS[name], random) for name in names])[..., None], names


def _draw(strokes: Strokes, random: Any) -> UInt8[np.ndarray, "28 28"]:
    """One letter in one hand, drawn by a numpy Generator: grey falls off over a pixel at the pen's edge."""
    angle, slant = random.normal(0, 0.12), random.normal(0, 0.15)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    shape = turn @ np.array([[random.uniform(0.6, 0.9), slant], [0, random.uniform(0.85, 1.0)]]) * (BOX - 2)
    centre = SIDE / 2 + random.uniform(-1, 1, 2)
    segments = [(a, b) for stroke in strokes for a, b in zip(stroke[:-1], stroke[1:], strict=True)]
    ends = (np.array(segments) - 0.5) @ shape.T + centre   # (segments, 2, 2)
    pixels = np.stack(np.meshgrid(np.arange(SIDE), np.arange(SIDE)), axis=-1) + 0.5
    nearest = np.min([_distance(pixels, *segment) for segment in ends], axis=0)
    ink = np.clip(random.uniform(1.6, 3.2) / 2 + 0.5 - nearest, 0, 1)
    return np.round(255 * ink).astype(np.uint8)


def _distance(points: Float[np.ndarray, "h w 2"], a: np.ndarray, b: np.ndarray) -> Float[np.ndarray, "h w"]:
    """Distance of every point to the segment from a to b."""
    along = np.clip((points - a) @ (b - a) / np.sum((b - a) ** 2), 0, 1)
    return np.linalg.norm(points - a - along[..., None] * (b - a), axis=-1)
