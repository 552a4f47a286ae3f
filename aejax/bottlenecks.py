"""Bottlenecks: what turns an encoder's output h into a code, and what that costs."""

import jax.numpy as jnp
from jaxtyping import Array, Float

from aejax import threefry
from aejax.types import Bottleneck, Key, Scalar

point = Bottleneck(code=lambda h: h, sample=lambda key, h: (h, jnp.zeros(h.shape[0], h.dtype)))
"""The deterministic code of every autoencoder in the lecture: code = h, at no cost."""


def _noisy(key: Key, h: Float[Array, "batch code"]) -> tuple[Float[Array, "batch code"], Float[Array, " batch"]]:
    return h + (threefry.uniform(key, *h.shape) - 0.5), jnp.zeros(h.shape[0], h.dtype)


rounded = Bottleneck(code=jnp.round, sample=_noisy)
"""The nearest integers, and in training, which needs a gradient, uniform noise of the same width instead: h + u,
u ~ U(−½, ½). The density of the noisy code at integers is the probability of the rounded one (Ballé et al. 2017)."""


def divergence(mean: Float[Array, "batch code"], log_var: Float[Array, "batch code"]) -> Float[Array, "batch code"]:
    """KL(N(μ, σ²) ‖ N(0, 1)) of every value, in nats: ½ (μ² + σ² − 1 − log σ²).

    >>> print(divergence(jnp.array([[0.0, 2.0]]), jnp.array([[0.0, 0.0]])))
    [[0. 2.]]
    """
    return 0.5 * (jnp.square(mean) + jnp.exp(log_var) - 1 - log_var)


def gaussian(beta: Scalar = 1.0, free_bits: float = 0.0) -> Bottleneck:
    """A Gaussian q(z|x) = N(μ, diag σ²), h = (μ, log σ²): z = μ + σ ε in training, and β KL(q ‖ N(0, I)) as its cost.

    Args:
      beta: β >= 0; may be traced.
      free_bits: nats that each unit of the code may use at no cost: its KL, averaged over the batch, counts from here
        on (Kingma et al. 2016, λ there). 0 is none.

    Returns:
      The bottleneck; it tells "kl", the divergence in nats as it is, without β and free bits.
    """
    def posterior(h: Float[Array, "batch two"]) -> tuple[Float[Array, "batch code"], Float[Array, "batch code"]]:
        return tuple(jnp.split(h, 2, axis=-1))

    def sample(key: Key, h: Float[Array, "batch two"]) -> tuple:
        mean, log_var = posterior(h)
        code = mean + jnp.exp(0.5 * log_var) * threefry.normal(key, *mean.shape)
        kl = divergence(mean, log_var)
        each = jnp.sum(kl, axis=1)
        # the excess is the same for every datum: a unit below its free bits has no gradient
        cost = jnp.sum(jnp.maximum(jnp.mean(kl, axis=0), free_bits)) + jnp.zeros_like(each) if free_bits else each
        return code, (beta * cost, {"kl": jnp.mean(each)})
    return Bottleneck(lambda h: posterior(h)[0], sample, posterior)
