"""`Adversarial`: a network and, beside it, a discriminator of its codes."""

from flax import linen as nn
from jaxtyping import Array, Float

from aejax.networks.common import Activation, activation_function
from aejax.networks.dense import chain
from aejax.networks.wrapper import Wrapper
from aejax.types import InputError


class Adversarial(Wrapper):
    """Holds, beside `network`, dense layers that tell draws from a prior and the network's codes apart.

    The parameters are those of `network` under their own names, and "discriminator_…" beside them.

    Attributes:
      network: with `code_dim`.
      widths: hidden layers of the discriminator.
      activation: of these.

    >>> import jax, jax.numpy as jnp
    >>> from aejax.networks import Dense
    >>> network = Adversarial(Dense(shape=(4,), code_dim=2))
    >>> params = network.init(jax.random.key(0), jnp.zeros((3, 4)))["params"]
    >>> network.apply({"params": params}, jnp.zeros((3, 2)), method="discriminate").shape
    (3,)
    """

    widths: tuple[int, ...] = (64, 64)
    activation: Activation = "relu"

    def __post_init__(self):
        if any(width < 1 for width in self.widths):
            raise InputError(f"widths must be at least 1, got {tuple(self.widths)}")
        activation_function(self.activation)
        super().__post_init__()

    def setup(self):
        super().setup()
        sizes = (self.code_dim, *self.widths, 1)
        kernel_init, zeros = nn.initializers.lecun_normal(), nn.initializers.zeros_init()
        self.layers = [(self.param(f"discriminator_kernel_{i}", kernel_init, pair),
                        self.param(f"discriminator_bias_{i}", zeros, pair[1:]))
                       for i, pair in enumerate(zip(sizes[:-1], sizes[1:], strict=True))]

    def discriminate(self, code: Float[Array, "batch code"]) -> Float[Array, " batch"]:
        """D(z), log-odds that z is a draw from the prior."""
        hidden = (activation_function(self.activation),) * len(self.widths)
        return chain(code, self.layers, (*hidden, activation_function("identity")))[:, 0]
