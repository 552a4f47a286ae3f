"""A Gaussian of features as a linear map: how far a datum lies out, and which of its features say so."""

from collections.abc import Sequence
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from aejax.types import ArrayLike, InputError

LARGEST = 4096   # features with a full covariance; its square is held and decomposed


class Whitening(NamedTuple):
    """u = (f − mean) W: features without correlation and of variance 1, u_i the counterpart of f_i.

    Attributes:
      mean: (m,).
      matrix: W, (m, m); or (m,), a factor for each feature by itself.
    """

    mean: ArrayLike
    matrix: ArrayLike

    def __call__(self, features: Float[ArrayLike, "batch m"]) -> Float[Array, "batch m"]:
        """u, which may be part of a compiled program."""
        deviation = jnp.asarray(features) - jnp.asarray(self.mean)[None]
        matrix = jnp.asarray(self.matrix)
        return deviation @ matrix if matrix.ndim == 2 else deviation * matrix[None]

    def contributions(self, features: Float[ArrayLike, "batch m"]) -> Float[Array, "batch m"]:
        """½u²: what each feature adds to half the squared Mahalanobis distance ½(f−μ)ᵀΣ⁻¹(f−μ), none negative."""
        return 0.5 * jnp.square(self(features))


def fit_whitening(features: ArrayLike, *, full: bool = True, ridge: float = 0.1, blocks: Sequence[int] = (),
                  ) -> Whitening:
    """The whitening of mean and covariance of these features (of normal data).

    Of all W with WWᵀ = Σ⁻¹ it takes W = D^(-½) P^(-½), D the variances and P the correlations in Σ: the one whose u are
    most correlated with the features that they stand for, one by one, whatever the features' units. Therefore ½u² are
    the contributions of the features.

    Args:
      features: (N, m), at least two rows.
      full: with the covariances; else variances alone.
      ridge: Σ is the covariance plus ridge · the mean variance on its diagonal, for directions in which normal data
        vary too little to say how odd a deviation is; above 0.
      blocks: lengths of kinds of features one after the other (residuals, codes), each with a mean variance of its own.

    Raises:
      InputError: features that are not finite or do not vary, ridge out of range, too many features for a full
        covariance.

    Source: Kessy, Lewin and Strimmer, "Optimal whitening and decorrelation", 2018 (there ZCA-cor); Garthwaite and
    Koch, "Evaluating the contributions of individual variables to a quadratic form", 2016.

    >>> whitening = fit_whitening(np.array([[0.0, 0.0], [2.0, 1.0], [1.0, 2.0], [1.0, 1.0]]), ridge=1e-9)
    >>> print(whitening.contributions(np.array([[2.0, 1.0]])).round(3))
    [[0.933 0.067]]
    """
    features = np.asarray(features, np.float64)
    if features.ndim != 2 or len(features) < 2 or not np.isfinite(features).all():
        raise InputError(f"features of shape {features.shape}: (N, m), two or more, all of them finite, are needed")
    if not 0 < ridge < np.inf:
        raise InputError(f"ridge must be a positive number, got {ridge:g}")
    count = features.shape[1]
    variances, ends = features.var(axis=0, ddof=1), np.cumsum(blocks or (count,))
    if ends[-1] != count:
        raise InputError(f"blocks of {tuple(blocks)} features, but there are {count}")
    means = [part.mean() for part in np.split(variances, ends[:-1])]
    if not min(means) > 0:
        raise InputError("features that do not vary have no scale: the data are all equal, or the encoder collapsed")
    extra = ridge * np.repeat(means, np.diff(ends, prepend=0))
    scale = 1 / np.sqrt(variances + extra)
    mean = features.mean(axis=0).astype(np.float32)
    if not full:
        return Whitening(mean, scale.astype(np.float32))
    if count > LARGEST:
        raise InputError(f"{count} features have too large a covariance, at most {LARGEST} are taken: use full=False, "
                         "their variances")
    covariance = np.cov(features, rowvar=False).reshape(count, count) + np.diag(extra)
    values, vectors = np.linalg.eigh(scale[:, None] * covariance * scale)
    root = vectors / np.sqrt(values.clip(min=np.finfo(np.float64).eps)) @ vectors.T
    return Whitening(mean, (scale[:, None] * root).astype(np.float32))
