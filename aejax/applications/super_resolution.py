"""Super-resolution: a small picture to `factor` times its size, and how well the result agrees with it.

The model is a denoiser of `corruptions.downsample(factor)`: it sees the small picture with every pixel repeated.
Baselines beside it: `bicubic` and `lanczos` interpolation (Pillow), ridge regression from whole small to whole large
images (`denoising.linear_denoiser`), and for photographs from surroundings to pixels, `local_regression`.
"""

from typing import NamedTuple

import numpy as np

from aejax.applications.classical import bicubic, lanczos
from aejax.applications.denoising import denoise
from aejax.types import Autoencoder, InputError, Params, Range

__all__ = ["LocalRegression", "bicubic", "consistency_error", "consistent_with", "downscale", "lanczos",
           "local_regression", "repeat", "upscale"]


def upscale(ae: Autoencoder, params: Params, low: np.ndarray, factor: int, *, consistent: bool = False,
            batch_size: int = 1024) -> np.ndarray:
    """The pictures at `factor` times their size, (N, H·f, W·f, C) in `ae.range`.

    Args:
      ae, params: trained with `corruptions.downsample(factor)`.
      low: (N, H, W, C) floats in `ae.range`.
      factor: at least 1.
      consistent: whether the result is moved to the nearest picture whose downscaling is `low`, see `consistent_with`.

    Raises:
      InputError: no examples, another shape, non-finite values, a factor below 1.
    """
    _check(low, factor)
    large = denoise(ae, params, repeat(low, factor), batch_size=batch_size)
    return consistent_with(large, low, range=ae.range) if consistent else large


def repeat(low: np.ndarray, factor: int) -> np.ndarray:
    """Every pixel as a factor×factor square, (N, H·f, W·f, C)."""
    return np.repeat(np.repeat(low, factor, axis=1), factor, axis=2)


def downscale(x: np.ndarray, factor: int) -> np.ndarray:
    """Means of factor×factor boxes, (N, ⌈H/f⌉, ⌈W/f⌉, C); boxes at the border are averaged over what is there.

    >>> print(downscale(np.arange(6.0).reshape(1, 2, 3, 1), 2).ravel())
    [2.  3.5]
    """
    _check(x, factor)
    sums = x.astype(np.result_type(x.dtype, np.float32))
    for axis in (1, 2):
        starts = np.arange(0, x.shape[axis], factor)
        counts = np.diff(np.append(starts, x.shape[axis])).reshape((-1,) + (1,) * (3 - axis))
        sums = np.add.reduceat(sums, starts, axis=axis) / counts.astype(sums.dtype)
    return sums


def consistency_error(large: np.ndarray, low: np.ndarray) -> np.ndarray:
    """Root mean square of downscale(large) − low of each picture, (N,), in units of the data."""
    difference = downscale(large, _factor(large, low)) - low
    return np.sqrt(np.mean(difference.reshape(len(low), -1) ** 2, axis=1))


def consistent_with(large: np.ndarray, low: np.ndarray, *, range: Range | None = (0.0, 1.0)) -> np.ndarray:
    """The nearest pictures (in squared error) inside `range` whose downscaling is `low`.

    In each box all pixels move by one number, and those that would leave the range stop at its end: clip(x + t), t such
    that the mean is right, which is the projection onto both conditions at once; t is found by bisection.

    >>> large = np.array([[0.0, 1.0], [0.0, 1.0]]).reshape(1, 2, 2, 1)
    >>> print(consistent_with(large, np.full((1, 1, 1, 1), 0.75)).ravel().round(6))
    [0.5 1.  0.5 1. ]
    """
    factor = _factor(large, low)
    if range is None:
        return large + repeat(low - downscale(large, factor), factor)
    if low.min() < range[0] or low.max() > range[1]:
        raise InputError(f"small pictures from {low.min():g} to {low.max():g} for a range from {range[0]:g} to "
                         f"{range[1]:g}")
    x, target = large.astype(np.float64), low.astype(np.float64)
    # between these shifts the whole box is at either end of the range
    below, above = np.full_like(target, range[0] - x.max()), np.full_like(target, range[1] - x.min())
    while np.max(above - below) > 1e-9:
        middle = (below + above) / 2
        high = downscale(np.clip(x + repeat(middle, factor), *range), factor) > target
        below, above = np.where(high, below, middle), np.where(high, middle, above)
    return np.clip(x + repeat((below + above) / 2, factor), *range).astype(large.dtype)


class LocalRegression(NamedTuple):
    """Each small pixel's f×f square from its surroundings: pixel + (surroundings − pixel) · matrix, cut to [0, 1].

    Attributes:
      matrix: ((2·radius + 1)², f²), of every channel.
      factor, radius: in small pixels.
    """

    matrix: np.ndarray
    factor: int
    radius: int

    def __call__(self, low: np.ndarray) -> np.ndarray:
        """(N, H, W, C) -> (N, H·f, W·f, C), of any size."""
        batch, height, width, channels = _check(low, self.factor).shape
        features = _surroundings(low, self.radius)
        squares = low[..., None] + (features @ self.matrix).reshape(batch, height, width, channels, -1)
        squares = squares.reshape(batch, height, width, channels, self.factor, self.factor)
        large = squares.transpose(0, 1, 4, 2, 5, 3).reshape(batch, height * self.factor, width * self.factor, channels)
        return np.clip(large, 0, 1).astype(low.dtype)


def local_regression(large: np.ndarray, low: np.ndarray, *, radius: int = 2, ridge: float = 1e-3) -> LocalRegression:
    """Ridge regression of each small pixel's square on the (2·radius + 1)² small pixels around it.

    Args:
      large, low: training pictures on the [0, 1] scale, (N, H·f, W·f, C) and (N, H, W, C).
      radius: of the surroundings, in small pixels; beyond the border the border is repeated.
      ridge: relative to the mean diagonal of the features' products.

    Raises:
      InputError: sizes that do not fit, radius below 0.
    """
    factor = _factor(large, low)
    if radius < 0 or large.shape[1:3] != (low.shape[1] * factor, low.shape[2] * factor):
        raise InputError(f"radius must be at least 0, {large.shape} a whole multiple of {low.shape}; radius {radius}")
    features = _surroundings(low, radius).astype(np.float64)
    batch, height, width, channels = low.shape
    squares = large.reshape(batch, height, factor, width, factor, channels).transpose(0, 1, 3, 5, 2, 4)
    targets = (squares - low[..., None, None]).reshape(len(features), -1)
    products = features.T @ features
    products += np.eye(len(products)) * (ridge * np.trace(products) / len(products) + 1e-12)
    return LocalRegression(np.linalg.solve(products, features.T @ targets).astype(low.dtype), factor, radius)


def _surroundings(low: np.ndarray, radius: int) -> np.ndarray:
    """(N·H·W·C, (2·radius + 1)²): the pixels around each, less the pixel itself."""
    side = 2 * radius + 1
    padded = np.pad(low, ((0, 0), (radius, radius), (radius, radius), (0, 0)), mode="edge")
    windows = np.lib.stride_tricks.sliding_window_view(padded, (side, side), axis=(1, 2))
    return (windows - low[..., None, None]).reshape(-1, side * side)


def _factor(large: np.ndarray, low: np.ndarray) -> int:
    _check(large, 1), _check(low, 1)
    factor = -(-large.shape[1] // low.shape[1])
    expected = (len(low), *(-(-size // factor) for size in large.shape[1:3]), low.shape[3])
    if (len(large), *expected[1:3], large.shape[3]) != low.shape:
        raise InputError(f"{large.shape} is no whole multiple of the small pictures, {low.shape}")
    return factor


def _check(x: np.ndarray, factor: int) -> np.ndarray:
    if factor < 1:
        raise InputError(f"factor must be at least 1, got {factor}")
    if x.ndim != 4 or 0 in x.shape or not np.issubdtype(x.dtype, np.floating):
        raise InputError(f"pictures as floats of shape (N, H, W, C) are needed, got {x.dtype} {x.shape}")
    if not np.isfinite(x).all():
        raise InputError(f"{(~np.isfinite(x)).sum()} values are NaN or infinite: remove or fill them")
    return x
