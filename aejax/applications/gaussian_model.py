"""The strong linear baseline of inpainting: a Gaussian of all pixels, and its mean given the known ones."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from aejax.types import InputError


class GaussianModel(NamedTuple):
    """N(mean, covariance) of flattened images: mean (n,), covariance (n, n), float64; `range` of the training data."""

    mean: np.ndarray
    covariance: np.ndarray
    range: tuple[float, float]

    def conditional_mean(self, x: np.ndarray, known_mask: np.ndarray) -> np.ndarray:
        """E[x | known values]: μ_u + Σ_uk Σ_kk⁻¹ (x_k − μ_k) at unknown places, cut to `range`.

        No other linear map of the known values has a smaller mean squared error; each mask has its own.

        Args:
          x: (N, *shape) floats; unknown values do not matter.
          known_mask: bool, (N, *shape) or broadcastable to it. One system is solved for each different mask.

        Raises:
          InputError: a mask of another size, without a known value, or images of another size.
        """
        known = check_mask(x, known_mask).reshape(len(x), -1)
        if known.shape[1] != len(self.mean):
            raise InputError(f"images of {known.shape[1]} values; the model is of {len(self.mean)}")
        out = np.array(x).reshape(len(x), -1)
        masks, which = np.unique(np.packbits(known, axis=1), axis=0, return_inverse=True)
        for index, packed in enumerate(masks):
            rows = np.flatnonzero(which.ravel() == index)
            seen = np.unpackbits(packed)[: known.shape[1]].astype(bool)
            if seen.all():
                continue
            deviation = (out[rows][:, seen] - self.mean[seen]).T
            solved = np.linalg.solve(self.covariance[np.ix_(seen, seen)], deviation)
            mean = self.mean[~seen] + (self.covariance[np.ix_(~seen, seen)] @ solved).T
            out[np.ix_(rows, ~seen)] = np.clip(mean, *self.range)
        return out.reshape(x.shape)


def gaussian_model(x: Float[np.ndarray, "batch *datum"], *, ridge: float = 1e-3) -> GaussianModel:
    """Mean and covariance of floats (N, *shape), `ridge` · the mean variance added to the covariance's diagonal.

    Raises:
      InputError: fewer than two images, or images that are all equal.

    >>> model = gaussian_model(np.array([[0.0, 0.0], [1.0, 1.0]]), ridge=1e-9)
    >>> print(model.conditional_mean(np.array([[0.25, 0.0]]), np.array([True, False])).round(3))
    [[0.25 0.25]]
    """
    flat = x.reshape(len(x), -1).astype(np.float64)
    if len(flat) < 2 or not np.ptp(flat, axis=0).any():
        raise InputError("a Gaussian needs at least two different images")
    covariance = np.cov(flat, rowvar=False).reshape(flat.shape[1], -1)
    covariance += np.eye(len(covariance)) * ridge * np.trace(covariance) / len(covariance)
    return GaussianModel(flat.mean(axis=0), covariance, (float(x.min()), float(x.max())))


def check_mask(x: np.ndarray, known_mask: np.ndarray) -> np.ndarray:
    """`known_mask` in the shape of x, (N, *shape).

    Raises:
      InputError: another type than bool, a shape that does not fit, an image without a known value, no images, known
        values that are NaN or infinite.
    """
    known = np.asarray(known_mask)
    if known.dtype != bool:
        raise InputError(f"known_mask must be bool, True where a value is known; got {known.dtype}")
    if not len(x):
        raise InputError("no examples given")
    try:
        known = np.broadcast_to(known, x.shape)
    except ValueError:
        raise InputError(f"known_mask of shape {known.shape} does not fit images of shape {x.shape}") from None
    count = known.reshape(len(x), -1).sum(axis=1)
    if not count.all():
        raise InputError(f"image {int(np.argmin(count))} has no known value: there is nothing to go by")
    if not np.isfinite(x).all(where=known):
        bad = ~np.isfinite(x) & known
        raise InputError(f"{bad.sum()} known values are NaN or infinite, the first in image {np.argwhere(bad)[0][0]}")
    return known
