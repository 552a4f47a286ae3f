"""Corruptions p(x̃|x): what a denoising autoencoder's encoder sees instead of x.

All work on the [0, 1] scale, whatever the model's range: `std` is in its units, 0 is black and 1 is white. A corruption
may leave the range (`gaussian_noise` does, unless it clips). Rates and stds may be traced, so that `vmap` sweeps them.
"""

import math

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from aejax import threefry
from aejax.types import Corruption, InputError, Key, Scalar

Images = Float[Array, "batch height width channels"]


def _elementwise(corruption: Corruption) -> Corruption:
    corruption.elementwise = True
    return corruption


@_elementwise
def identity(key: Key, x: Array) -> Array:
    """No corruption: x̃ = x."""
    return x


def masking_noise(rate: Scalar = 0.5, *, fill: Scalar = 0.0, rescale: bool = False) -> Corruption:
    """Replaces each value by `fill` with probability `rate` (Vincent et al. 2008).

    x̃ = m·x + (1−m)·fill, m ~ Bernoulli(1 − rate). With `rescale`, kept values move away from the fill value by
    1/(1−rate), as torch.nn.Dropout does: E[x̃] = x. The NYU notebook, whose data lie in [-1, 1], is
    `masking_noise(0.5, fill=0.5, rescale=True)`: a dropped pixel becomes mid-grey, a kept one is doubled.

    Args:
      rate: probability of a masked value, in [0, 1), or 1 without `rescale`.
      fill: the masked value, on the [0, 1] scale.
      rescale: whether kept values are rescaled.

    >>> print(masking_noise(0.0)(jax.random.key(0), jnp.array([[0.25, 1.0]])))
    [[0.25 1.  ]]
    """
    _check_rate(rate)
    if rescale and isinstance(rate, (int, float)) and rate >= 1:
        raise InputError("masking_noise: rate must be below 1 with rescale=True")

    def corrupt(key: Key, x: Float[Array, "batch *datum"]) -> Float[Array, "batch *datum"]:
        kept = x
        if rescale:
            scale = 1 / (1 - rate)
            kept = x * scale + fill * (1 - scale)   # in this form exactly x where rate is 0
        byte, below = _bytes_below(key, x, rate)
        return jnp.where(byte < below, fill, kept)
    return _elementwise(corrupt)


def gaussian_noise(std: Scalar = 0.25, *, clip: bool = False) -> Corruption:
    """Adds noise: x̃ = x + std·ε, ε ~ N(0, 1); `std` in units of the [0, 1] scale; `clip` cuts x̃ back to it.

    >>> print(gaussian_noise(0.0)(jax.random.key(0), jnp.array([[0.25, 1.0]])))
    [[0.25 1.  ]]
    """
    if isinstance(std, (int, float)) and std < 0:
        raise InputError(f"gaussian_noise: std must not be negative, got {std}")

    def corrupt(key: Key, x: Float[Array, "batch *datum"]) -> Float[Array, "batch *datum"]:
        noisy = x + std * threefry.normal(key, x.shape[0], math.prod(x.shape[1:])).reshape(x.shape)
        return jnp.clip(noisy, 0.0, 1.0) if clip else noisy
    return _elementwise(corrupt)


def salt_and_pepper_noise(rate: Scalar = 0.25) -> Corruption:
    """Sets each value, with probability `rate`, to 0 or 1 with equal chance (Vincent et al. 2010).

    >>> print(salt_and_pepper_noise(0.0)(jax.random.key(0), jnp.array([[0.25, 0.5]])))
    [[0.25 0.5 ]]
    """
    _check_rate(rate)

    def corrupt(key: Key, x: Float[Array, "batch *datum"]) -> Float[Array, "batch *datum"]:
        byte, below = _bytes_below(key, x, rate / 2)   # one draw for both: below black, from there to twice it white
        return jnp.where(byte < below, 0.0, jnp.where(byte < 2 * below, 1.0, x))
    return _elementwise(corrupt)


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
        _, height, width, _ = x.shape

        def box_sums(values: Array) -> Array:
            window, padding = (1, factor, factor, 1), ((0, 0), (0, -height % factor), (0, -width % factor), (0, 0))
            return jax.lax.reduce_window(values, 0.0, jax.lax.add, window, window, padding)
        means = box_sums(x) / box_sums(jnp.ones_like(x))
        return jnp.repeat(jnp.repeat(means, factor, axis=1), factor, axis=2)[:, :height, :width]
    return corrupt


def _bytes_below(key: Key, x: Array, probability: Scalar) -> tuple[Array, Array]:
    """A random byte for each value of x, and a bound for each example: P(byte < bound) = probability, exactly.

    Four decisions from each 32 random bits, since random bits are much of a small network's noisy step.
    256·probability is rounded up or down at random, example by example, so that the mean is exact; two values of an
    example are then correlated, by less than 4e-6 / (probability (1 − probability)), and not at all for multiples of
    1/256.
    """
    size = math.prod(x.shape[1:])
    words = threefry.words(key, x.shape[0], -(-size // 4))
    byte = jax.lax.bitcast_convert_type(words, jnp.uint8).reshape(x.shape[0], -1)[:, :size].reshape(x.shape)
    draw = threefry.uniform(threefry.fold_in(key, 1), x.shape[0], 1).reshape(-1, *(1,) * (x.ndim - 1))
    return byte.astype(jnp.int32), jnp.floor(256 * jnp.asarray(probability, jnp.float32) + draw).astype(jnp.int32)


def _check_rate(rate: Scalar) -> None:
    if isinstance(rate, (int, float)) and not 0 <= rate <= 1:
        raise InputError(f"rate is a probability, from 0 to 1, got {rate}")
