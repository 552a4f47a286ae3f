"""Where the manifold is known: distance to it, and the best denoiser that there is, both exact."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from aejax.types import InputError

Points = Float[np.ndarray, "n d"]
CHUNK = 2048   # points at a time, of which each meets every point of the curve


class CurveMixture(NamedTuple):
    """Data on a curve plus Gaussian noise: p_σ(x̃) = mean over the curve's points c of N(x̃; c, σ²I).

    Attributes:
      points: the curve, in equal steps of arc length and finer than the noise, (m, d).
      std: σ, in the units of the points.
    """

    points: np.ndarray
    std: float

    def conditional_mean(self, x: Points) -> Points:
        """E[x|x̃] = Σ_c w_c(x̃)·c, w_c ∝ exp(−‖x̃−c‖²/2σ²): of all denoisers the one of least squared error."""
        return _in_chunks(lambda squared: self._weights(squared)[0] @ self.points, self.points, x)

    def score(self, x: Points) -> Points:
        """∇ log p_σ(x̃) = (E[x|x̃] − x̃) / σ² (Tweedie)."""
        return (self.conditional_mean(x) - x) / self.std**2

    def log_density(self, x: Points) -> Float[np.ndarray, " n"]:
        """log p_σ(x̃), in nats per unit of volume."""
        scale = np.log(len(self.points)) + self.points.shape[1] / 2 * np.log(2 * np.pi * self.std**2)
        return _in_chunks(lambda squared: self._weights(squared)[1] - scale, self.points, x)

    def _weights(self, squared: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Posterior weights of the curve's points, and the logarithm of what they were divided by."""
        exponent = squared / (-2 * self.std**2)
        highest = exponent.max(axis=1, keepdims=True)
        weights = np.exp(exponent - highest)
        total = weights.sum(axis=1, keepdims=True)
        return weights / total, (highest + np.log(total))[:, 0]


def curve_mixture(points: Points, std: float) -> CurveMixture:
    """The noise-smoothed density of a curve.

    Raises:
      InputError: σ not positive, or neighbours on the curve further apart than σ / 2: the sum would show its points.

    >>> curve_mixture(np.zeros((1, 2)), 1.0).conditional_mean(np.ones((1, 2))).tolist()
    [[0.0, 0.0]]
    """
    points = np.asarray(points, np.float64)
    if not std > 0:
        raise InputError(f"curve_mixture: std must be positive, got {std}")
    widest = float(np.linalg.norm(np.diff(points, axis=0), axis=1).max(initial=0.0))
    if widest > std / 2:
        raise InputError(f"curve_mixture: neighbours are up to {widest:.3g} apart, too far for std {std:.3g}: give a "
                         f"curve of at least {int(len(points) * 2 * widest / std) + 1} points")
    return CurveMixture(points, float(std))


def distance_to_curve(x: Points, curve: Float[np.ndarray, "m d"]) -> tuple[Float[np.ndarray, " n"], np.ndarray]:
    """Distance to the nearest point of a finely sampled curve, (N,), and that point's index, (N,).

    >>> distance_to_curve(np.array([[0.0, 2.0]]), np.array([[5.0, 2.0], [3.0, 2.0]]))[0].tolist()
    [3.0]
    """
    nearest = _in_chunks(lambda squared: np.argmin(squared, axis=1), np.asarray(curve, np.float64), x)
    return np.linalg.norm(x - curve[nearest], axis=1), nearest


def _in_chunks(function: Callable[[np.ndarray], np.ndarray], curve: np.ndarray, x: np.ndarray) -> np.ndarray:
    """function(‖x − c‖², (n, m)) over chunks of `x`; by differences, since ‖x‖² − 2x·c + ‖c‖² would cancel."""
    if not len(x) or not len(curve) or np.shape(x)[1:] != curve.shape[1:]:
        raise InputError(f"points of shape {np.shape(x)} and a curve of shape {curve.shape}: both (n, d), none empty")
    parts = []
    for begin in range(0, len(x), CHUNK):
        part = np.asarray(x[begin: begin + CHUNK], np.float64)
        parts.append(function(sum(np.square(a[:, None] - b) for a, b in zip(part.T, curve.T, strict=True))))
    return np.concatenate(parts)
