"""Denoising by one pass, and its baselines.

Beside it the best linear map from corrupted to clean, fitted on the same noise, and filters that need no training:
`median`, `gaussian`, `total_variation`, `non_local_means` (scikit-image).
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from aejax.applications.classical import gaussian, median, non_local_means, total_variation
from aejax.applications.reconstruction import reconstruct
from aejax.types import Autoencoder, InputError, Params

__all__ = ["LinearDenoiser", "denoise", "gaussian", "linear_denoiser", "median", "non_local_means", "total_variation"]


def denoise(ae: Autoencoder, params: Params, corrupted: np.ndarray, *, batch_size: int = 1024) -> np.ndarray:
    """x̂ of x̃ in one pass, (N, *shape) in `ae.range`; `corrupted` are floats on that scale, outside it where the
    noise leads there.

    Raises:
      InputError: no examples, or NaN and infinite values.
    """
    if not np.isfinite(corrupted).all():
        bad = ~np.isfinite(corrupted)
        raise InputError(f"{bad.sum()} values are NaN or infinite, the first in example {np.argwhere(bad)[0][0]}: "
                         "remove or fill them")
    return reconstruct(ae, params, corrupted, batch_size=batch_size)


class LinearDenoiser(NamedTuple):
    """x̂ = mean + (x̃ − corrupted_mean) A, of shape `shape`, cut to the range of the training data."""

    mean: np.ndarray
    corrupted_mean: np.ndarray
    matrix: np.ndarray
    range: tuple[float, float]
    shape: tuple[int, ...]

    def __call__(self, corrupted: np.ndarray) -> np.ndarray:
        """(N, *corrupted shape) -> (N, *shape)."""
        flat = corrupted.reshape(len(corrupted), -1)
        restored = self.mean + (flat - self.corrupted_mean) @ self.matrix
        return np.clip(restored, *self.range).reshape(-1, *self.shape)


def linear_denoiser(clean: Float[np.ndarray, "batch *datum"], corrupted: Float[np.ndarray, "batch *corrupted"], *,
                    ridge: float = 1e-3) -> LinearDenoiser:
    """Ridge regression from corrupted to clean examples, the Wiener filter where the noise is independent of x:
    A = (C̃ + ρI)⁻¹ Cov(x̃, x), C̃ the covariance of x̃, ρ = `ridge` · its mean diagonal.

    The corrupted examples may have another shape: smaller pictures make it the linear way to enlarge them.
    """
    x, noisy = (a.reshape(len(a), -1).astype(np.float64) for a in (clean, corrupted))
    mean, noisy_mean = x.mean(axis=0), noisy.mean(axis=0)
    noisy -= noisy_mean
    covariance = noisy.T @ noisy
    covariance += np.eye(len(covariance)) * ridge * np.trace(covariance) / len(covariance)
    matrix = np.linalg.solve(covariance, noisy.T @ (x - mean))
    return LinearDenoiser(*(a.astype(clean.dtype) for a in (mean, noisy_mean, matrix)),
                          (float(clean.min()), float(clean.max())), clean.shape[1:])
