"""How noisy are these pictures? The camera's noise, from pairs of a noisy and a clean picture, or from flat regions.

The model is that of `corruptions.signal_dependent_noise`: a pixel of intensity x has the variance slope · x + floor, on
the [0, 1] scale, so that what is estimated here can be injected in training.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from aejax.corruptions import gaussian_noise, signal_dependent_noise
from aejax.types import Corruption, InputError


class NoiseLevel(NamedTuple):
    """Variance of a pixel = slope · intensity + floor, on the [0, 1] scale."""

    slope: float
    floor: float

    @property
    def std(self) -> float:
        """√floor: the standard deviation at black, and everywhere where slope is 0."""
        return self.floor**0.5

    def corruption(self) -> Corruption:
        """Noise of this level, to train a denoiser with.

        >>> NoiseLevel(0.01, 0.0004).corruption().elementwise
        True
        """
        return signal_dependent_noise(self.slope, self.floor) if self.slope else gaussian_noise(self.std)


def from_pairs(noisy: Sequence[np.ndarray] | np.ndarray, clean: Sequence[np.ndarray] | np.ndarray) -> NoiseLevel:
    """Least squares of (noisy − clean)² on the clean intensity, slope and floor at least 0.

    Args:
      noisy, clean: pictures of the same scenes, floats on the [0, 1] scale or uint8; an array (N, …) or a sequence of
        arrays of any sizes.

    Raises:
      InputError: pictures of different sizes, none at all, non-finite values.

    >>> rng = np.random.default_rng(0)
    >>> clean = rng.random((100, 100))
    >>> round(from_pairs(clean + rng.normal(0, 0.1, clean.shape), clean).std, 2)
    0.1
    """
    noisy, clean = _unit(noisy), _unit(clean)
    sizes = [(a.shape, b.shape) for a, b in zip(noisy, clean, strict=False) if a.shape != b.shape]
    if len(noisy) != len(clean) or sizes:
        raise InputError(f"pairs of pictures of one size are needed; got {len(noisy)} noisy and {len(clean)} clean ones"
                         + "".join(f", {a} and {b}" for a, b in sizes[:1]))
    intensity = np.concatenate([a.ravel() for a in clean])
    squares = (np.concatenate([a.ravel() for a in noisy]) - intensity) ** 2
    return _fit(intensity, squares)


def from_flat_regions(pictures: Sequence[np.ndarray] | np.ndarray, *, block: int = 8) -> NoiseLevel:
    """The same from noisy pictures alone, where they are flat.

    Each block×block square and channel is freed of its least-squares plane; what is left of its variance is noise, or
    detail. Detail makes neighbours alike, noise (of each pixel by itself) does not, and how alike they are says nothing
    about the variance of noise: so blocks are chosen by it, without a bias. Blocks with pixels cut off at 0 or 1 are
    left out. Not for pictures whose noise was already smoothed, by JPEG for example.

    Args:
      pictures: floats (H, W) or (H, W, C) on the [0, 1] scale or uint8, of any sizes.
      block: side of the squares, at least 4 pixels.

    Raises:
      InputError: no picture that holds a block, no flat block in any, non-finite values.
    """
    if block < 4:
        raise InputError(f"block must be at least 4 pixels, got {block}")
    blocks = np.concatenate([_blocks(picture, block) for picture in _unit(pictures)])
    if not len(blocks):
        raise InputError(f"no picture holds a block of {block}x{block} pixels")
    blocks = blocks[((blocks > 0) & (blocks < 1)).all(axis=(1, 2))]
    axis = np.arange(block) - (block - 1) / 2
    intensity, scale = blocks.mean(axis=(1, 2)), np.sum(axis**2) * block
    rest = blocks - intensity[:, None, None]
    for way in (axis[:, None], axis[None]):
        rest = rest - (rest * way).sum(axis=(1, 2), keepdims=True) / scale * way
    variance = (rest**2).sum(axis=(1, 2)) / (block**2 - 3)
    down, across = rest[:, 1:] * rest[:, :-1], rest[:, :, 1:] * rest[:, :, :-1]
    alike = np.maximum(down.mean(axis=(1, 2)), across.mean(axis=(1, 2)))
    flat = alike <= variance / block   # one standard deviation of white noise's correlation
    if not flat.any():
        raise InputError(f"no flat region of {block}x{block} pixels in {len(pictures)} pictures: give pairs, or other "
                         "pictures")
    return _fit(intensity[flat], variance[flat], blur=float(np.median(variance[flat])) / block**2)


def _fit(intensity: np.ndarray, squares: np.ndarray, *, blur: float | None = None) -> NoiseLevel:
    """Weighted least squares of squares on intensity: their own spread grows with their mean, so weights are its
    inverse square. With `blur`, the variance of an intensity that is itself measured, intensities that hardly spread by
    more are one, and squares beyond 3 (robust) standard deviations of what is expected are left out."""
    robust = blur is not None
    slope, floor = 0.0, float(np.median(squares) if robust else np.mean(squares))
    kept = np.ones(len(squares), bool)
    for _ in range(10):
        expected = np.maximum(slope * intensity + floor, 1e-12)
        if robust:
            ratio = squares / expected
            kept = np.abs(ratio - np.median(ratio)) <= 3 * 1.4826 * np.median(np.abs(ratio - np.median(ratio))) + 1e-9
        slope, floor = _non_negative_line(intensity[kept], squares[kept], 1 / expected[kept] ** 2,
                                          least=4 * (blur or 0.0))
    return NoiseLevel(slope, floor)


def _non_negative_line(x: np.ndarray, y: np.ndarray, weight: np.ndarray, *, least: float) -> tuple[float, float]:
    """argmin Σ w (y − a·x − b)² over a, b ≥ 0: the free solution, or the better of the two borders; a = 0 where the
    variance of x is not above `least`."""
    total = weight.sum()
    mean_x, mean_y = (weight @ x) / total, (weight @ y) / total
    spread = weight @ (x - mean_x) ** 2 / total
    if spread <= least + 1e-8:   # one intensity only: nothing says how the variance grows
        return 0.0, float(mean_y)
    slope = (weight @ ((x - mean_x) * (y - mean_y))) / total / spread
    floor = mean_y - slope * mean_x
    if slope < 0:
        return 0.0, float(mean_y)
    if floor < 0:
        return float((weight @ (x * y)) / (weight @ (x * x))), 0.0
    return float(slope), float(floor)


def _blocks(picture: np.ndarray, block: int) -> np.ndarray:
    """(H, W[, C]) -> (K, block, block): squares side by side, of each channel."""
    picture = picture.reshape(*picture.shape[:2], -1)
    rows, columns = (size // block for size in picture.shape[:2])
    if not rows * columns:
        return np.zeros((0, block, block))
    cut = picture[: rows * block, : columns * block].reshape(rows, block, columns, block, -1)
    return cut.transpose(0, 2, 4, 1, 3).reshape(-1, block, block)


def _unit(pictures: Sequence[np.ndarray] | np.ndarray) -> list[np.ndarray]:
    """As float64 on the [0, 1] scale, checked."""
    found = [np.asarray(picture) for picture in pictures]
    if not found or not all(picture.size for picture in found):
        raise InputError("no pictures given, or empty ones")
    found = [picture / 255 if picture.dtype == np.uint8 else picture.astype(np.float64) for picture in found]
    for index, picture in enumerate(found):
        if not np.isfinite(picture).all():
            raise InputError(f"picture {index} holds {(~np.isfinite(picture)).sum()} values that are NaN or infinite")
        if picture.min() < -2 or picture.max() > 3:
            raise InputError(f"picture {index} holds values from {picture.min():g} to {picture.max():g}: give floats "
                             "on the [0, 1] scale (noise may leave it), or uint8")
    return found
