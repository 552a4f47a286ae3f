"""Bottlenecks: what turns an encoder's output h into a code, and what that costs."""

import jax.numpy as jnp
from jaxtyping import Array, Float

from aejax import threefry
from aejax.types import Bottleneck, Key

point = Bottleneck(code=lambda h: h, sample=lambda key, h: (h, jnp.zeros(h.shape[0], h.dtype)))
"""The deterministic code of every autoencoder in the lecture: code = h, at no cost."""


def _noisy(key: Key, h: Float[Array, "batch code"]) -> tuple[Float[Array, "batch code"], Float[Array, " batch"]]:
    return h + (threefry.uniform(key, *h.shape) - 0.5), jnp.zeros(h.shape[0], h.dtype)


rounded = Bottleneck(code=jnp.round, sample=_noisy)
"""The nearest integers, and in training, which needs a gradient, uniform noise of the same width instead: h + u,
u ~ U(−½, ½). The density of the noisy code at integers is the probability of the rounded one (Ballé et al. 2017)."""
