"""Corruptions of each value by itself: masks and noise."""

import math

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from aejax import threefry
from aejax.types import Corruption, InputError, Key, Scalar

Level = Scalar | tuple[float, float]   # a number, or (lowest, highest), between which each example draws its own


def _elementwise(corruption: Corruption) -> Corruption:
    corruption.elementwise = True
    return corruption


@_elementwise
def identity(key: Key, x: Array) -> Array:
    """No corruption: x̃ = x."""
    return x


def masking_noise(rate: Level = 0.5, *, fill: Scalar = 0.0, rescale: bool = False) -> Corruption:
    """Replaces each value by `fill` with probability `rate` (Vincent et al. 2008).

    x̃ = m·x + (1−m)·fill, m ~ Bernoulli(1 − rate). With `rescale`, kept values move away from the fill value by
    1/(1−rate), as torch.nn.Dropout does: E[x̃] = x. The NYU notebook, whose data lie in [-1, 1], is
    `masking_noise(0.5, fill=0.5, rescale=True)`: a dropped pixel becomes mid-grey, a kept one is doubled.

    Args:
      rate: probability of a masked value, in [0, 1), or 1 without `rescale`; or a pair of them.
      fill: the masked value, on the [0, 1] scale.
      rescale: whether kept values are rescaled.

    >>> print(masking_noise(0.0)(jax.random.key(0), jnp.array([[0.25, 1.0]])))
    [[0.25 1.  ]]
    """
    _check_level("masking_noise: rate", rate, 1.0)
    if rescale and not isinstance(rate, jax.Array) and np.max(rate) >= 1:
        raise InputError("masking_noise: rate must be below 1 with rescale=True")

    def corrupt(key: Key, x: Float[Array, "batch *datum"]) -> Float[Array, "batch *datum"]:
        kept, level = x, _level(key, x, rate)
        if rescale:
            scale = 1 / (1 - level)
            kept = x * scale + fill * (1 - scale)   # in this form exactly x where rate is 0
        byte, below = _bytes_below(key, x, level)
        return jnp.where(byte < below, fill, kept)
    return _elementwise(corrupt)


def gaussian_noise(std: Level = 0.25, *, clip: bool = False) -> Corruption:
    """Adds noise: x̃ = x + std·ε, ε ~ N(0, 1); `std` in units of the [0, 1] scale; `clip` cuts x̃ back to it.

    >>> print(gaussian_noise(0.0)(jax.random.key(0), jnp.array([[0.25, 1.0]])))
    [[0.25 1.  ]]
    """
    _check_level("gaussian_noise: std", std)

    def corrupt(key: Key, x: Float[Array, "batch *datum"]) -> Float[Array, "batch *datum"]:
        noisy = x + _level(key, x, std) * _normal(key, x)
        return jnp.clip(noisy, 0.0, 1.0) if clip else noisy
    return _elementwise(corrupt)


def poisson_noise(peak: Level = 30.0) -> Corruption:
    """Counts photons: x̃ = n / peak, n ~ Poisson(peak · x), so that x̃ has mean x and variance x / peak.

    Args:
      peak: expected count of a white pixel, above 0, or a pair; values of x below 0 count as 0.

    >>> print(poisson_noise(10.0)(jax.random.key(0), jnp.zeros((1, 2))))
    [[0. 0.]]
    """
    _check_level("poisson_noise: peak", peak)
    if not isinstance(peak, jax.Array) and np.min(peak) == 0:
        raise InputError("poisson_noise: peak must be above 0, got 0")

    def corrupt(key: Key, x: Float[Array, "batch *datum"]) -> Float[Array, "batch *datum"]:
        white = _level(key, x, peak)
        return jax.random.poisson(key, white * jnp.maximum(x, 0.0)).astype(x.dtype) / white
    return _elementwise(corrupt)


def signal_dependent_noise(slope: Level = 0.01, floor: Level = 0.0001) -> Corruption:
    """A camera's noise, Poisson and Gaussian in one: x̃ = x + √(slope·x + floor) ε, ε ~ N(0, 1) (Foi et al. 2008).

    Args:
      slope: growth of the variance with x, at least 0, or a pair; 1/peak of `poisson_noise`.
      floor: variance at black, at least 0, or a pair. Values of x below 0 count as 0.

    >>> print(signal_dependent_noise(0.0, 0.0)(jax.random.key(0), jnp.array([[0.25, 1.0]])))
    [[0.25 1.  ]]
    """
    _check_level("signal_dependent_noise: slope", slope)
    _check_level("signal_dependent_noise: floor", floor)

    def corrupt(key: Key, x: Float[Array, "batch *datum"]) -> Float[Array, "batch *datum"]:
        variance = _level(key, x, slope) * jnp.maximum(x, 0.0) + _level(threefry.fold_in(key, 4), x, floor)
        return x + jnp.sqrt(variance) * _normal(key, x)
    return _elementwise(corrupt)


def salt_and_pepper_noise(rate: Level = 0.25) -> Corruption:
    """Sets each value, with probability `rate`, to 0 or 1 with equal chance (Vincent et al. 2010).

    >>> print(salt_and_pepper_noise(0.0)(jax.random.key(0), jnp.array([[0.25, 0.5]])))
    [[0.25 0.5 ]]
    """
    _check_level("salt_and_pepper_noise: rate", rate, 1.0)

    def corrupt(key: Key, x: Float[Array, "batch *datum"]) -> Float[Array, "batch *datum"]:
        byte, below = _bytes_below(key, x, _level(key, x, rate) / 2)
        # one draw for both: below the bound black, from there to twice it white
        return jnp.where(byte < below, 0.0, jnp.where(byte < 2 * below, 1.0, x))
    return _elementwise(corrupt)


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


def _normal(key: Key, x: Array) -> Array:
    return threefry.normal(key, x.shape[0], math.prod(x.shape[1:])).reshape(x.shape)


def _level(key: Key, x: Array, level: Level) -> Scalar:
    """The level itself, or one drawn for each example, (B, 1, …), where it is a pair."""
    if not isinstance(level, (tuple, list)):
        return level
    low, high = level
    draw = threefry.uniform(threefry.fold_in(key, 3), x.shape[0], 1).reshape(-1, *(1,) * (x.ndim - 1))
    return low + (high - low) * draw


def _check_level(name: str, level: Level, most: float = math.inf) -> None:
    if isinstance(level, jax.Array):   # traced, perhaps
        return
    ends = tuple(level) if isinstance(level, (tuple, list)) else (level,)
    if any(isinstance(end, jax.Array) for end in ends):
        return
    wanted = "a probability, from 0 to 1" if most == 1 else "a number, at least 0"
    if not all(0 <= end <= most for end in ends) or not all(map(math.isfinite, ends)):
        raise InputError(f"{name} must be {wanted}, got {level}")
    if len(ends) not in (1, 2) or ends[0] > ends[-1]:
        raise InputError(f"{name} must be one number or a pair (lowest, highest), got {level}")
