"""What the networks share: activations, initialisers, precision, sub-pixel layers, and checks."""

from collections.abc import Callable, Sequence

import jax
import jax.numpy as jnp
from flax import linen as nn
from jaxtyping import Array, Float

from aejax.types import InputError

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


def lookup(name: str | Callable, known: dict[str, Callable], kind: str) -> Callable:
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
    return lookup(activation, ACTIVATIONS, "activation")


PRECISIONS = {"float32": jnp.float32, "bfloat16": jnp.bfloat16}   # of the factors of products


def check_precision(precision: str) -> None:
    if precision not in PRECISIONS:
        raise InputError(f"unknown precision {precision!r}: one of {', '.join(PRECISIONS)}")


def full_precision(network: nn.Module) -> nn.Module:
    """The same network with float32 products: what Jacobians are computed with.

    >>> from aejax.networks import Dense
    >>> full_precision(Dense(shape=(4,), code_dim=2, precision="bfloat16")).precision
    'float32'
    """
    return network.clone(precision="float32") if getattr(network, "precision", "float32") != "float32" else network


def refuse_skips(network: nn.Module) -> None:
    """Raises InputError for a network that leads around its code, where the code is to be all there is."""
    if hasattr(network, "reconstruct"):
        raise InputError(f"{type(network).__name__} leads past the code (it has a method reconstruct), so that what is "
                         "asked of the code would bind nothing; choose another network")


def check_sizes(shape: Sequence[int], code_dim: int, code_outputs: int = 1) -> None:
    if code_dim < 1:
        raise InputError(f"code_dim must be at least 1, got {code_dim}")
    if code_outputs < 1:
        raise InputError(f"code_outputs must be at least 1, got {code_outputs}")
    if not shape or min(shape) < 1:
        raise InputError(f"shape is that of one datum, each axis at least 1, got {tuple(shape)}")


def check_stages(name: str, shape: Sequence[int], channels: Sequence[int]) -> None:
    """Refuses data that are no images, and stages without channels."""
    if len(shape) != 3:
        raise InputError(f"{name} needs images of shape (H, W, C), got {tuple(shape)}")
    if not channels or min(channels) < 1:
        raise InputError(f"channels: at least one stage of at least one channel, got {tuple(channels)}")


def with_gaussian_code(network: nn.Module) -> nn.Module:
    """The same network with an encoder that gives a mean and a log-variance for each value of the code.

    Both are affine in the last hidden layer, whatever the network's `code_activation`: a Gaussian has no bounds.

    Raises:
      InputError: a network without the field `code_outputs`.

    >>> from aejax.networks import Dense
    >>> with_gaussian_code(Dense(shape=(4,), code_dim=2)).code_outputs
    2
    """
    if not hasattr(network, "code_outputs"):
        raise InputError(f"{type(network).__name__} has no field code_outputs: a Gaussian code needs an encoder that "
                         "gives two numbers for each of its values; take Dense, Convolutional or Spatial")
    free = {"code_activation": "identity"} if hasattr(network, "code_activation") else {}
    return network.clone(code_outputs=2, **free)


def repeat_phases(kernel_init: Callable, factor: int = 2) -> Callable:
    """An initialiser for sub-pixel convolutions: the factor² phases of each channel start equal (no checkerboard)."""
    def init(key: Array, shape: Sequence[int], dtype=jnp.float32) -> Array:
        *kernel, channels = shape
        return jnp.repeat(kernel_init(key, (*kernel, channels // factor**2), dtype), factor**2, axis=-1)
    return init


def repeat_border(x: Float[Array, "batch h w c"], height: int, width: int) -> Float[Array, "batch h2 w2 c"]:
    """(B, H, W, C) -> (B, height, width, C): the lowest row and the rightmost column are repeated where these are more.

    `jnp.pad` does so as well, but joins empty arrays, of which a converter to ONNX makes full ones.
    """
    for axis, size in ((1, height), (2, width)):
        if size > x.shape[axis]:
            last = jax.lax.slice_in_dim(x, x.shape[axis] - 1, x.shape[axis], axis=axis)
            x = jnp.concatenate([x] + [last] * (size - x.shape[axis]), axis=axis)
    return x


def depth_to_space(x: Float[Array, "batch h w c"], factor: int = 2) -> Float[Array, "batch h2 w2 c2"]:
    """(B, H, W, C·f²) -> (B, H·f, W·f, C): the f² phases of a channel become an f×f square (Shi et al. 2016)."""
    batch, height, width, channels = x.shape
    x = x.reshape(batch, height, width, channels // factor**2, factor, factor)
    return x.transpose(0, 1, 4, 2, 5, 3).reshape(batch, height * factor, width * factor, channels // factor**2)
