"""Denoising by one pass, and its baseline: the best linear map from corrupted to clean, fitted on the same noise."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from aejax.applications.reconstruction import reconstruct
from aejax.types import Autoencoder, Params


def denoise(ae: Autoencoder, params: Params, corrupted: np.ndarray, *, batch_size: int = 1024) -> np.ndarray:
    """x̂ = decode(encode(x̃)), (N, *shape) in `ae.range`; `corrupted` are floats on that scale, outside it where the
    noise leads there."""
    return reconstruct(ae, params, corrupted, batch_size=batch_size)


class LinearDenoiser(NamedTuple):
    """x̂ = mean + (x̃ − corrupted_mean) A, cut to the range of the training data."""

    mean: np.ndarray
    corrupted_mean: np.ndarray
    matrix: np.ndarray
    range: tuple[float, float]

    def __call__(self, corrupted: np.ndarray) -> np.ndarray:
        """(N, *shape) -> (N, *shape)."""
        flat = corrupted.reshape(len(corrupted), -1)
        restored = self.mean + (flat - self.corrupted_mean) @ self.matrix
        return np.clip(restored, *self.range).reshape(corrupted.shape)


def linear_denoiser(clean: Float[np.ndarray, "batch *datum"], corrupted: Float[np.ndarray, "batch *datum"], *,
                    ridge: float = 1e-3) -> LinearDenoiser:
    """Ridge regression from corrupted to clean examples, the Wiener filter where the noise is independent of x:
    A = (C̃ + ρI)⁻¹ Cov(x̃, x), C̃ the covariance of x̃, ρ = `ridge` · its mean diagonal."""
    x, noisy = (a.reshape(len(a), -1).astype(np.float64) for a in (clean, corrupted))
    mean, noisy_mean = x.mean(axis=0), noisy.mean(axis=0)
    noisy -= noisy_mean
    covariance = noisy.T @ noisy
    covariance += np.eye(len(covariance)) * ridge * np.trace(covariance) / len(covariance)
    matrix = np.linalg.solve(covariance, noisy.T @ (x - mean))
    return LinearDenoiser(*(a.astype(clean.dtype) for a in (mean, noisy_mean, matrix)),
                          (float(clean.min()), float(clean.max())))
