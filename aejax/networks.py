"""Encoder and decoder as pure flax.linen modules: `Dense` for vectors and small images, `Convolutional` for images.

`decode` ends before the output activation, which belongs to the loss (`aejax.losses`). No module here couples the
examples of a batch (no BatchNorm), so that the Jacobian of one example is well defined.
"""

import math
from collections.abc import Callable, Sequence

import jax
import jax.numpy as jnp
from flax import linen as nn
from jaxtyping import Array, Float

from aejax.types import InputError, Params, SplitEncoder

ACTIVATIONS: dict[str, Callable] = {
    "tanh": jnp.tanh, "sigmoid": jax.nn.sigmoid, "relu": jax.nn.relu, "elu": jax.nn.elu, "gelu": jax.nn.gelu,
    "silu": jax.nn.silu, "softplus": jax.nn.softplus, "identity": lambda x: x,
}
Activation = str | Callable

KERNEL_INITS: dict[str, Callable] = {
    "lecun_normal": nn.initializers.lecun_normal(),
    "glorot_uniform": nn.initializers.glorot_uniform(),
    "torch_linear": nn.initializers.variance_scaling(1 / 3, "fan_in", "uniform"),   # U(±1/√fan_in)
}


def _lookup(name: str | Callable, known: dict[str, Callable], kind: str) -> Callable:
    if callable(name):
        return name
    if name not in known:
        raise InputError(f"unknown {kind} {name!r}: one of {', '.join(known)}, or a function")
    return known[name]


def activation_function(activation: Activation) -> Callable:
    """Looks a named activation up; functions pass through.

    >>> float(activation_function("relu")(-1.0))
    0.0
    """
    return _lookup(activation, ACTIVATIONS, "activation")


PRECISIONS = {"float32": jnp.float32, "bfloat16": jnp.bfloat16}   # of the factors of products


def _chain(x: Array, layers: Sequence[tuple[Array, Array]], activations: Sequence[Callable],
           precision: str = "float32") -> Array:
    factors = PRECISIONS[precision]
    for (kernel, bias), activation in zip(layers, activations, strict=True):
        product = jnp.matmul(x.astype(factors), kernel.astype(factors), preferred_element_type=jnp.float32)
        x = activation(product + bias[None])
    return x


def _check_precision(precision: str) -> None:
    if precision not in PRECISIONS:
        raise InputError(f"unknown precision {precision!r}: one of {', '.join(PRECISIONS)}")


def full_precision(network: nn.Module) -> nn.Module:
    """The same network with float32 products: what Jacobians are computed with.

    >>> full_precision(Dense(shape=(4,), code_dim=2, precision="bfloat16")).precision
    'float32'
    """
    return network.clone(precision="float32") if getattr(network, "precision", "float32") != "float32" else network


def _check_sizes(shape: Sequence[int], code_dim: int) -> None:
    if code_dim < 1:
        raise InputError(f"code_dim must be at least 1, got {code_dim}")
    if not shape or min(shape) < 1:
        raise InputError(f"shape is that of one datum, each axis at least 1, got {tuple(shape)}")


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
      precision: "bfloat16" rounds the two factors of every product to it and adds up in float32; parameters, biases,
        activations and Jacobians stay float32. "float32" rounds nothing.

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
    precision: str = "float32"

    def __post_init__(self):
        _check_sizes(self.shape, self.code_dim)
        _check_precision(self.precision)
        if any(width < 1 for width in self.widths):
            raise InputError(f"widths must be at least 1, got {tuple(self.widths)}")
        super().__post_init__()
        if len(self.hidden_activations) != len(self.widths):
            raise InputError(f"{len(self.hidden_activations)} activations for {len(self.widths)} hidden layers")
        activation_function(self.code_activation)
        _lookup(self.kernel_init, KERNEL_INITS, "kernel_init")

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
        zeros = nn.initializers.zeros_init()
        kernel_init = _lookup(self.kernel_init, KERNEL_INITS, "kernel_init")
        self.encoder = [(self.param(f"encoder_kernel_{i}", kernel_init, pair),
                         self.param(f"encoder_bias_{i}", zeros, pair[1:])) for i, pair in enumerate(pairs)]
        self.decoder = [(self.encoder[i][0].T if self.tied else
                         self.param(f"decoder_kernel_{i}", kernel_init, pair[::-1]),
                         self.param(f"decoder_bias_{i}", zeros, pair[:1])) for i, pair in enumerate(pairs)][::-1]

    @property
    def encoder_activations(self) -> tuple[Callable, ...]:
        """The activation after each matrix of the encoder."""
        return (*self.hidden_activations, activation_function(self.code_activation))

    def encode(self, x: Float[Array, "batch n"]) -> Float[Array, "batch code"]:
        """f(W x + b), layer by layer."""
        return _chain(x, self.encoder, self.encoder_activations, self.precision)

    def split_encoder(self, params: Params) -> SplitEncoder:
        """The encoder as its first affine map and the rest; see `aejax.jacobian`."""
        (kernel, bias), *layers = [(params[f"encoder_kernel_{i}"], params[f"encoder_bias_{i}"])
                                   for i in range(len(self.widths) + 1)]
        first, *others = self.encoder_activations
        return SplitEncoder(kernel, bias, lambda a: _chain(first(a), layers, others), elementwise=not layers)

    def decode(self, code: Float[Array, "batch code"]) -> Float[Array, "batch n"]:
        """The mirrored layers; the last one without activation."""
        return _chain(code, self.decoder, (*self.hidden_activations[::-1], activation_function("identity")),
                      self.precision)

    def __call__(self, x: Float[Array, "batch n"]) -> Float[Array, "batch n"]:
        return self.decode(self.encode(x))


def repeat_phases(kernel_init: Callable, factor: int = 2) -> Callable:
    """An initialiser for sub-pixel convolutions: the factor² phases of each channel start equal (no checkerboard)."""
    def init(key: Array, shape: Sequence[int], dtype=jnp.float32) -> Array:
        *kernel, channels = shape
        return jnp.repeat(kernel_init(key, (*kernel, channels // factor**2), dtype), factor**2, axis=-1)
    return init


def depth_to_space(x: Float[Array, "batch h w c"], factor: int = 2) -> Float[Array, "batch h2 w2 c2"]:
    """(B, H, W, C·f²) -> (B, H·f, W·f, C): the f² phases of a channel become an f×f square (Shi et al. 2016)."""
    batch, height, width, channels = x.shape
    x = x.reshape(batch, height, width, channels // factor**2, factor, factor)
    return x.transpose(0, 1, 4, 2, 5, 3).reshape(batch, height * factor, width * factor, channels // factor**2)


class Convolutional(nn.Module):
    """Strided 3×3 convolutions down to a dense code, sub-pixel convolutions back up; any H×W×C.

    Each stage halves height and width; images are padded at the right and lower border (by repeating it) to a multiple
    of 2^stages and the output is cropped back. Stages are normalised per example (GroupNorm, groups of up to 8
    channels), never over the batch.

    Attributes:
      shape: (H, W, C) of one image.
      code_dim: d, the width of the code.
      channels: of each stage, from the image inwards.
      activation: of the stages.
      code_activation: of the code.
      precision: of the factors of products and convolutions, as for `Dense`; norms are computed in float32.

    >>> network = Convolutional(shape=(21, 18, 3), code_dim=5)
    >>> network.init_with_output(jax.random.key(0), jnp.zeros((2, 21, 18, 3)))[0].shape
    (2, 21, 18, 3)
    """

    shape: tuple[int, ...]
    code_dim: int
    channels: tuple[int, ...] = (16, 32)
    activation: Activation = "relu"
    code_activation: Activation = "identity"
    precision: str = "float32"

    def __post_init__(self):
        _check_precision(self.precision)
        if len(self.shape) != 3:
            raise InputError(f"a convolutional network needs images of shape (H, W, C), got {tuple(self.shape)}")
        _check_sizes(self.shape, self.code_dim)
        if not self.channels or min(self.channels) < 1:
            raise InputError(f"channels: at least one stage of at least one channel, got {tuple(self.channels)}")
        activation_function(self.activation), activation_function(self.code_activation)
        super().__post_init__()

    @property
    def padded(self) -> tuple[int, int]:
        """Height and width after padding."""
        step = 2 ** len(self.channels)
        return -(-self.shape[0] // step) * step, -(-self.shape[1] // step) * step

    def setup(self):
        step = 2 ** len(self.channels)
        self.inner = (self.padded[0] // step, self.padded[1] // step, self.channels[-1])
        factors = {"dtype": PRECISIONS[self.precision]}
        self.down = [nn.Conv(c, (3, 3), strides=2, padding=((0, 1), (0, 1)), **factors) for c in self.channels]
        self.down_norms = [nn.GroupNorm(math.gcd(8, c), dtype=jnp.float32) for c in self.channels]
        self.to_code = nn.Dense(self.code_dim, **factors)
        self.from_code = nn.Dense(math.prod(self.inner), **factors)
        outputs = (*self.channels[-2::-1], self.shape[2])
        subpixel = repeat_phases(nn.initializers.lecun_normal())
        self.up = [nn.Conv(4 * c, (3, 3), kernel_init=subpixel, **factors) for c in outputs]
        self.up_norms = [nn.GroupNorm(math.gcd(8, c), dtype=jnp.float32) for c in outputs[:-1]]

    def encode(self, x: Float[Array, "batch h w c"]) -> Float[Array, "batch code"]:
        """Convolutions of stride 2, then a dense layer."""
        activation = activation_function(self.activation)
        height, width = self.padded
        x = jnp.pad(x, ((0, 0), (0, height - self.shape[0]), (0, width - self.shape[1]), (0, 0)), mode="edge")
        for convolution, norm in zip(self.down, self.down_norms, strict=True):
            x = activation(norm(convolution(x)))
        code = self.to_code(x.reshape(x.shape[0], -1)).astype(jnp.float32)
        return activation_function(self.code_activation)(code)

    def decode(self, code: Float[Array, "batch code"]) -> Float[Array, "batch h w c"]:
        """A dense layer, then convolutions at low resolution whose channels become pixels; cropped to `shape`."""
        activation = activation_function(self.activation)
        x = activation(self.from_code(code).astype(jnp.float32)).reshape(code.shape[0], *self.inner)
        for convolution, norm in zip(self.up[:-1], self.up_norms, strict=True):
            x = activation(norm(depth_to_space(convolution(x))))
        return depth_to_space(self.up[-1](x).astype(jnp.float32))[:, : self.shape[0], : self.shape[1]]

    def __call__(self, x: Float[Array, "batch h w c"]) -> Float[Array, "batch h w c"]:
        return self.decode(self.encode(x))
