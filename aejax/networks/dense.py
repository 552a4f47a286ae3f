"""`Dense`: fully connected layers, the lecture's network."""

import math
from collections.abc import Callable, Sequence

import jax.numpy as jnp
from flax import linen as nn
from jaxtyping import Array, Float

from aejax.networks.common import (
    KERNEL_INITS,
    PRECISIONS,
    Activation,
    activation_function,
    check_precision,
    check_sizes,
    lookup,
)
from aejax.types import InputError, Params, SplitEncoder


def chain(x: Array, layers: Sequence[tuple[Array, Array]], activations: Sequence[Callable],
          precision: str = "float32") -> Array:
    """f(x W + b) of each layer (W, b) and its activation f, one after the other."""
    factors = PRECISIONS[precision]
    for (kernel, bias), activation in zip(layers, activations, strict=True):
        product = jnp.matmul(x.astype(factors), kernel.astype(factors), preferred_element_type=jnp.float32)
        x = activation(product + bias[None])
    return x


class Dense(nn.Module):
    """Fully connected layers: h = f(W_h x + b_h), x̂ = g(W_x h + b_x), with hidden layers on either side.

    The decoder mirrors the encoder's widths. With `tied`, its matrices are the encoder's transposed (W_x = W_hᵀ), its
    biases its own. `code_dim` below the input size n is under-complete, above it over-complete.

    Attributes:
      shape: of one datum, (28, 28, 1) or (n,).
      code_dim: d, the width of the code.
      widths: hidden layers of the encoder, from input to code; () is the lecture's network.
      activation: of hidden layers: a name of `ACTIVATIONS`, a function, or one of these for each width.
      code_activation: f of the code.
      tied: whether the decoder uses the encoder's transposed matrices.
      kernel_init: initialiser of the matrices: a name of `KERNEL_INITS` or a function; biases start at 0.
      code_outputs: how many numbers the encoder gives for each value of the code: 2 where it is a Gaussian's, whose
        means come first; a tied decoder uses the matrix of these.
      precision: "bfloat16" rounds the two factors of every product to it and adds up in float32; parameters, biases,
        activations and Jacobians stay float32. "float32" rounds nothing.

    >>> import jax
    >>> network = Dense(shape=(28, 28, 1), code_dim=30)
    >>> sum(p.size for p in jax.tree.leaves(network.init(jax.random.key(0), jnp.zeros((1, 784)))))
    47854
    """

    shape: tuple[int, ...]
    code_dim: int
    widths: tuple[int, ...] = ()
    activation: Activation | tuple[Activation, ...] = "tanh"
    code_activation: Activation = "tanh"
    tied: bool = False
    kernel_init: str | Callable = "lecun_normal"
    code_outputs: int = 1
    precision: str = "float32"

    def __post_init__(self):
        check_sizes(self.shape, self.code_dim, self.code_outputs)
        check_precision(self.precision)
        if any(width < 1 for width in self.widths):
            raise InputError(f"widths must be at least 1, got {tuple(self.widths)}")
        super().__post_init__()
        if len(self.hidden_activations) != len(self.widths):
            raise InputError(f"{len(self.hidden_activations)} activations for {len(self.widths)} hidden layers")
        activation_function(self.code_activation)
        lookup(self.kernel_init, KERNEL_INITS, "kernel_init")

    @property
    def flat(self) -> bool:
        """Works on (B, n) arrays: a trailing axis of 1 would defeat vectorisation."""
        return True

    @property
    def hidden_activations(self) -> tuple[Callable, ...]:
        """The activation of each hidden layer of the encoder."""
        if isinstance(self.activation, (tuple, list)):
            return tuple(map(activation_function, self.activation))
        return (activation_function(self.activation),) * len(self.widths)

    def setup(self):
        sizes = (math.prod(self.shape), *self.widths, self.code_dim)
        pairs = list(zip(sizes[:-1], sizes[1:], strict=True))
        into = [*pairs[:-1], (pairs[-1][0], self.code_outputs * self.code_dim)]
        zeros = nn.initializers.zeros_init()
        kernel_init = lookup(self.kernel_init, KERNEL_INITS, "kernel_init")
        self.encoder = [(self.param(f"encoder_kernel_{i}", kernel_init, pair),
                         self.param(f"encoder_bias_{i}", zeros, pair[1:])) for i, pair in enumerate(into)]
        self.decoder = [(self.encoder[i][0][:, : pair[1]].T if self.tied else
                         self.param(f"decoder_kernel_{i}", kernel_init, pair[::-1]),
                         self.param(f"decoder_bias_{i}", zeros, pair[:1])) for i, pair in enumerate(pairs)][::-1]

    @property
    def encoder_activations(self) -> tuple[Callable, ...]:
        """The activation after each matrix of the encoder."""
        return (*self.hidden_activations, activation_function(self.code_activation))

    def encode(self, x: Float[Array, "batch n"]) -> Float[Array, "batch code"]:
        """f(W x + b), layer by layer."""
        return chain(x, self.encoder, self.encoder_activations, self.precision)

    def split_encoder(self, params: Params) -> SplitEncoder:
        """The encoder as its first affine map and the rest; see `aejax.jacobian`."""
        (kernel, bias), *layers = [(params[f"encoder_kernel_{i}"], params[f"encoder_bias_{i}"])
                                   for i in range(len(self.widths) + 1)]
        first, *others = self.encoder_activations
        return SplitEncoder(kernel, bias, lambda a: chain(first(a), layers, others), elementwise=not layers)

    def decode(self, code: Float[Array, "batch code"]) -> Float[Array, "batch n"]:
        """The mirrored layers; the last one without activation."""
        return chain(code, self.decoder, (*self.hidden_activations[::-1], activation_function("identity")),
                      self.precision)

    def __call__(self, x: Float[Array, "batch n"]) -> Float[Array, "batch n"]:
        return self.decode(self.encode(x))
