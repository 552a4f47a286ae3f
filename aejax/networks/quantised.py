"""`Quantised`: a network whose code is counted in learnt steps, with a density of each count learnt beside it."""

from collections.abc import Sequence

import jax
import jax.numpy as jnp
from flax import linen as nn
from jaxtyping import Array, Float

from aejax.networks.wrapper import Wrapper
from aejax.types import InputError


class Quantised(Wrapper):
    """Counts h of `network` in learnt steps Δ_j, y_j = h_j / Δ_j, and holds a factorised density of y.

    `decode` multiplies by Δ_j again. The parameters are those of `network` under their own names, and `rate_…` beside
    them, so that `network` itself applies to them too. The distribution function of each y_j is a mixture of logistic
    ones, c_j(y) = Σ_k π_jk σ((y − μ_jk)/s_jk).

    Attributes:
      network: with `code_dim`, `encode` and `decode`, and no way around the code.
      step: Δ at the beginning, in units of the network's code.
      components: of each mixture.

    >>> from aejax.networks import Dense
    >>> network = Quantised(Dense(shape=(4,), code_dim=2))
    >>> params = network.init(jax.random.key(0), jnp.zeros((3, 4)))["params"]
    >>> network.apply({"params": params}, jnp.zeros((3, 2)), method="bits").shape
    (3,)
    """

    step: float = 0.25
    components: int = 3

    def __post_init__(self):
        if not 0 < self.step < float("inf"):
            raise InputError(f"step must be above 0, got {self.step}")
        if self.components < 1:
            raise InputError(f"components must be at least 1, got {self.components}")
        super().__post_init__()

    def setup(self):
        super().setup()
        sizes = (self.components, self.network.code_dim)
        self.log_step = self.param("rate_log_step", nn.initializers.constant(jnp.log(self.step)), sizes[1:])
        self.mean = self.param("rate_mean", _spread, sizes)
        self.log_scale = self.param("rate_log_scale", nn.initializers.zeros, sizes)
        self.logit = self.param("rate_logit", nn.initializers.zeros, sizes)

    def encode(self, x: Array) -> Float[Array, "batch code"]:
        """h / Δ, real numbers: rounding is the bottleneck's."""
        return self.network.encode(x) * jnp.exp(-self.log_step)[None]

    def decode(self, code: Float[Array, "batch code"]) -> Array:
        """The network's decoder at Δ · code."""
        return self.network.decode(code * jnp.exp(self.log_step)[None])

    def bits(self, code: Float[Array, "batch code"]) -> Float[Array, " batch"]:
        """−Σ_j log₂ p_j(y_j), p_j(y) = c_j(y + ½) − c_j(y − ½): at integers a probability, and its noisy form between.
        """
        return -jnp.sum(self.log_probability(code), axis=1) / jnp.log(2.0)

    def log_probability(self, code: Float[Array, "batch code"]) -> Float[Array, "batch code"]:
        """log p_j(y_j), exact far from the mean too: σ(u) − σ(l) = σ(u) σ(−l) (1 − e^(l−u))."""
        inverse = jnp.exp(-self.log_scale)[None]
        centred = (code[:, None] - self.mean[None]) * inverse
        upper, lower = centred + 0.5 * inverse, centred - 0.5 * inverse
        parts = jax.nn.log_sigmoid(upper) + jax.nn.log_sigmoid(-lower) + jnp.log(-jnp.expm1(-inverse))
        return jax.nn.logsumexp(parts + jax.nn.log_softmax(self.logit, axis=0)[None], axis=1)


def _spread(key: Array, sizes: Sequence[int], dtype=jnp.float32) -> Array:
    """Means at −1 … 1, the same for every unit of the code."""
    return jnp.broadcast_to(jnp.linspace(-1.0, 1.0, sizes[0], dtype=dtype)[:, None], sizes)
