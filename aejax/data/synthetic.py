"""Curves with one known coordinate, for looking at what a code of one or two numbers learns."""

from collections.abc import Callable

import numpy as np
from jaxtyping import Float

from aejax.files import InputError

Points2 = Float[np.ndarray, "n 2"]
Points3 = Float[np.ndarray, "n 3"]
Parameter = Float[np.ndarray, " n"]
GRID = 20_001   # points at which arc length is summed


def spiral(n: int, *, turns: float | int = 2.0, noise: float | int = 0.0, seed: int = 0
           ) -> tuple[Points2, Parameter]:
    """Random points on an Archimedean spiral, uniform in arc length.

    (x, y) = φ/φ_max · (cos φ, sin φ), φ from 0 to φ_max = 2π·turns; then Gaussian noise, cut off at ±1.

    Args:
      n: number of points.
      turns: revolutions, positive.
      noise: standard deviation of the noise in each coordinate.
      seed: of points and noise.
    Returns:
      Points float32 (n, 2) in [−1, 1]², and for each the share of the arc length up to it, float32 (n,) in
      [0, 1].

    >>> points, t = spiral(5)
    >>> points.shape, t.shape
    ((5, 2), (5,))
    """
    return _sample(_spiral(turns), n, noise, seed)


def spiral_curve(n: int, turns: float | int = 2.0) -> tuple[Points2, Parameter]:
    """The same spiral without noise: `n` points in order, at equal distances of arc length.

    >>> spiral_curve(3)[1].tolist()
    [0.0, 0.5, 1.0]
    """
    _check(n, 0.0)
    t = np.linspace(0, 1, n)
    return _at(_spiral(turns), t).astype(np.float32), t.astype(np.float32)


def helix(n: int, *, turns: int = 8, radius: float | int = 0.3, noise: float | int = 0.0, seed: int = 0
          ) -> tuple[Points3, Parameter]:
    """Random points on a closed helix, wound around a ring, uniform in arc length.

    (x, y, z) = ((1 + r·cos kφ)·cos φ, (1 + r·cos kφ)·sin φ, r·sin kφ) / (1 + r), φ from 0 to 2π, k = turns,
    r = radius; then Gaussian noise, cut off at ±1.

    Args:
      n: number of points.
      turns: windings around the ring, a positive whole number, so that the curve closes.
      radius: of the windings, between 0 and 1 (the ring's own).
      noise: standard deviation of the noise in each coordinate.
      seed: of points and noise.
    Returns:
      Points float32 (n, 3) in [−1, 1]³, and for each the share of the arc length up to it, float32 (n,) in
      [0, 1); 0 and 1 are the same place.

    >>> helix(4)[0].shape
    (4, 3)
    """
    if turns < 1 or not 0 < radius < 1:
        raise InputError(f"helix: turns {turns}, radius {radius}; turns must be at least 1, radius between 0 "
                         "and 1")

    def curve(u: np.ndarray) -> np.ndarray:
        angle = 2 * np.pi * u
        ring = 1 + radius * np.cos(turns * angle)
        z = radius * np.sin(turns * angle)
        return np.stack([ring * np.cos(angle), ring * np.sin(angle), z], axis=-1) / (1 + radius)
    return _sample(curve, n, noise, seed)


def _spiral(turns: float | int) -> Callable[[np.ndarray], np.ndarray]:
    if not turns > 0:
        raise InputError(f"spiral: {turns} turns; must be positive")

    def curve(u: np.ndarray) -> np.ndarray:
        angle = 2 * np.pi * turns * u
        return u[:, None] * np.stack([np.cos(angle), np.sin(angle)], axis=-1)
    return curve


def _check(n: int, noise: float | int) -> None:
    if n < 1 or not noise >= 0:
        raise InputError(f"{n} points, noise {noise}: at least 1 point and noise of at least 0 are needed")


def _sample(curve: Callable[[np.ndarray], np.ndarray], n: int, noise: float | int, seed: int):
    _check(n, noise)
    random = np.random.default_rng(seed)
    t = random.uniform(size=n)
    points = _at(curve, t) + noise * random.standard_normal((n, curve(np.zeros(1)).shape[1]))
    return np.clip(points, -1, 1).astype(np.float32), t.astype(np.float32)


def _at(curve: Callable[[np.ndarray], np.ndarray], t: np.ndarray) -> np.ndarray:
    """The points of a curve (u in [0, 1]) at shares `t` of its arc length."""
    u = np.linspace(0, 1, GRID)
    length = np.concatenate([[0], np.cumsum(np.linalg.norm(np.diff(curve(u), axis=0), axis=1))])
    return curve(np.interp(t, length / length[-1], u))
