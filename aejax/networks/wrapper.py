"""`Wrapper`: a network around another one, whose parameters keep their names."""

from flax import linen as nn
from jaxtyping import Array


class Wrapper(nn.Module):
    """`network`, with something beside it: what wraps it inherits from this class and adds parameters and methods.

    The parameters are those of `network` under their own names, with further ones beside them, so that `network` itself
    applies to them too.

    Attributes:
      network: with `shape`, `code_dim`, `encode` and `decode`.
    """

    network: nn.Module

    @property
    def shape(self) -> tuple[int, ...]:
        """Of one datum."""
        return self.network.shape

    @property
    def flat(self) -> bool:
        """Whether data come as (B, n)."""
        return getattr(self.network, "flat", False)

    @property
    def code_dim(self) -> int:
        """Width of the network's code."""
        return self.network.code_dim

    def setup(self):
        nn.share_scope(self, self.network)

    def encode(self, x: Array) -> Array:
        """The network's code."""
        return self.network.encode(x)

    def decode(self, code: Array) -> Array:
        """The network's output for a code."""
        return self.network.decode(code)

    def __call__(self, x: Array) -> Array:
        return self.decode(self.encode(x))
