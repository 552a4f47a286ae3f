"""Corruptions of whole regions of an image: blocks, halves, coarser pixels."""

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from aejax import threefry
from aejax.types import Corruption, InputError, Key, Scalar

Images = Float[Array, "batch height width channels"]


def block_mask(size: int = 10, *, fill: Scalar = 0.5) -> Corruption:
    """Replaces a `size`×`size` square at a random place of each image (B, H, W, C) by `fill` (the lecture's figure 10).

    Raises:
      InputError: size below 1, or larger than the image.

    >>> float(block_mask(2, fill=0.0)(jax.random.key(0), jnp.ones((1, 4, 4, 1))).sum())
    12.0
    """
    if size < 1:
        raise InputError(f"block_mask: size must be at least 1 pixel, got {size}")

    def corrupt(key: Key, x: Images) -> Images:
        batch, height, width, _ = x.shape
        if size > min(height, width):
            raise InputError(f"block_mask: a block of {size} pixels does not fit into an image of {height}x{width}")
        keys = jax.random.split(key)
        top = jax.random.randint(keys[0], (batch, 1), 0, height - size + 1)
        left = jax.random.randint(keys[1], (batch, 1), 0, width - size + 1)
        rows = (jnp.arange(height)[None] >= top) & (jnp.arange(height)[None] < top + size)
        columns = (jnp.arange(width)[None] >= left) & (jnp.arange(width)[None] < left + size)
        return jnp.where((rows[:, :, None] & columns[:, None, :])[..., None], fill, x)
    return corrupt


def downsample(factor: int = 2) -> Corruption:
    """Averages `factor`×`factor` boxes of (B, H, W, C) and repeats each mean: the same shape, fewer details.

    Boxes at the right and lower border are averaged over the pixels that are there.

    >>> print(downsample(2)(jax.random.key(0), jnp.array([[[[0.0], [1.0]], [[0.0], [1.0]]]])).ravel())
    [0.5 0.5 0.5 0.5]
    """
    if factor < 1:
        raise InputError(f"downsample: factor must be at least 1, got {factor}")

    def corrupt(key: Key, x: Images) -> Images:
        batch, height, width, channels = x.shape
        rows, columns = -(-height // factor), -(-width // factor)
        padded = jnp.pad(x, ((0, 0), (0, rows * factor - height), (0, columns * factor - width), (0, 0)))
        sums = padded.reshape(batch, rows, factor, columns, factor, channels).sum(axis=(2, 4))
        tall, wide = (np.minimum(factor, size - factor * np.arange(boxes)).astype(np.float32)
                      for size, boxes in ((height, rows), (width, columns)))
        means = sums / (tall[:, None] * wide[None])[None, :, :, None]
        return jnp.repeat(jnp.repeat(means, factor, axis=1), factor, axis=2)[:, :height, :width]
    return corrupt


def hidden_regions(fill: Scalar = -1.0, *, rate: tuple[float, float] = (0.2, 0.9)) -> Corruption:
    """Hides of each image, with equal chance, single pixels, a rectangle, or a half: what an inpainter is trained on.

    Single pixels (all channels of one) are hidden at a rate drawn between those of `rate`; a rectangle's sides are
    drawn from a quarter to three quarters of the image's, its place anywhere inside; a half is left, right, upper or
    lower. Hidden values become `fill`, by default a value outside the range, so that a network with `unknown=fill`
    (on the scale of its range) knows what is hidden.

    >>> hidden = hidden_regions()(jax.random.key(0), jnp.zeros((100, 8, 8, 1))) == -1
    >>> 0.3 < float(hidden.mean()) < 0.6
    True
    """
    if not 0 <= rate[0] <= rate[1] <= 1:
        raise InputError(f"hidden_regions: rate must be a pair (lowest, highest) of probabilities, got {rate}")

    def corrupt(key: Key, x: Images) -> Images:
        batch, height, width, _ = x.shape
        draws = threefry.uniform(threefry.fold_in(key, 0), batch, 7)
        kind, level, tall, wide, top, left, side = (draws[:, i, None, None] for i in range(7))
        pixels = threefry.uniform(threefry.fold_in(key, 1), batch, height * width).reshape(batch, height, width)
        scattered = pixels < rate[0] + (rate[1] - rate[0]) * level
        rows, columns = jnp.arange(height)[None, :, None], jnp.arange(width)[None, None, :]
        tall, wide = (jnp.round(n * (0.25 + 0.5 * draw)) for n, draw in ((height, tall), (width, wide)))
        top, left = jnp.floor(top * (height - tall + 1)), jnp.floor(left * (width - wide + 1))
        block = (rows >= top) & (rows < top + tall) & (columns >= left) & (columns < left + wide)
        upright = jnp.where(side < 0.25, columns < width // 2, columns >= width - width // 2)
        lying = jnp.where(side < 0.75, rows < height // 2, rows >= height - height // 2)
        half = jnp.where(side < 0.5, upright, lying)
        hidden = jnp.where(kind < 1 / 3, scattered, jnp.where(kind < 2 / 3, block, half))
        return jnp.where(hidden[..., None], fill, x)
    return corrupt
