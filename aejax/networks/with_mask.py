"""`WithMask`: any network, told which of its inputs are unknown."""

import jax.numpy as jnp
from flax import linen as nn
from jaxtyping import Array, Float


class WithMask(nn.Module):
    """A network that is told which of its inputs are unknown: h = encode([m⊙x, m]), m = 0 where x is NaN, else 1.

    It is `network` on data of twice as many channels (features, of vectors): unknown values become 0, and the channels
    behind the data's own say which ones are known. Of what it decodes, the data's own channels count.

    Attributes:
      network: a network of one datum, with a field `shape`: `Dense` or `Convolutional`.

    >>> import jax
    >>> from aejax.networks import Dense
    >>> network = WithMask(Dense(shape=(3,), code_dim=2))
    >>> network.init_with_output(jax.random.key(0), jnp.array([[1.0, jnp.nan, 2.0]]))[0].shape
    (1, 3)
    """

    network: nn.Module

    @property
    def shape(self) -> tuple[int, ...]:
        """Of one datum."""
        return self.network.shape

    @property
    def code_dim(self) -> int:
        """Width of the code."""
        return self.network.code_dim

    @property
    def flat(self) -> bool:
        """Whether data come as (B, n)."""
        return getattr(self.network, "flat", False)

    def setup(self):
        *axes, channels = self.network.shape
        self.inner = self.network.clone(shape=(*axes, 2 * channels), parent=None)

    def encode(self, x: Float[Array, "batch *datum"]) -> Float[Array, "batch code"]:
        """The code of what is known of `x`, which is NaN elsewhere."""
        known = ~jnp.isnan(x)
        return self.inner.encode(jnp.concatenate([jnp.where(known, x, 0.0), known.astype(x.dtype)], axis=-1))

    def decode(self, code: Float[Array, "batch code"]) -> Float[Array, "batch *datum"]:
        """All values, known and unknown ones."""
        output = self.inner.decode(code)
        return output[..., : output.shape[-1] // 2]

    def __call__(self, x: Float[Array, "batch *datum"]) -> Float[Array, "batch *datum"]:
        return self.decode(self.encode(x))
