"""`Spatial`: a fully convolutional network whose code is a small picture of vectors."""

import math

import jax.numpy as jnp
from flax import linen as nn
from jaxtyping import Array, Float

from aejax.networks.common import (
    Activation,
    activation_function,
    check_precision,
    check_sizes,
    check_stages,
    depth_to_space,
    repeat_border,
    repeat_phases,
)
from aejax.networks.convolution import Convolution
from aejax.networks.convolutional import norm_groups
from aejax.networks.unet import ResidualBlock
from aejax.types import InputError


class Spatial(nn.Module):
    """Strided 3×3 convolutions down to a grid of vectors, sub-pixel convolutions back up; any H×W×C.

    Each stage halves height and width: 28×28 and two stages give 7×7 vectors of `vector_dim` values, which make the
    code, row by row. Residual blocks at that size let each vector see beyond its own place. Stages are normalised per
    example (GroupNorm, groups of up to 8 channels), never over the batch.

    Attributes:
      shape: (H, W, C) of one image; padded at the right and lower border to a multiple of 2^stages.
      vector_dim: D, values at each place of the grid.
      channels: of each stage, from the image inwards.
      blocks: residual blocks at the size of the grid, on either way.
      code_outputs: numbers of the encoder for each value of the code, as for `Dense`.
      activation: of the stages.
      code_activation: of the code.
      precision: of the factors of convolutions, as for `Dense`; norms are computed in float32.

    >>> import jax
    >>> network = Spatial(shape=(28, 28, 1), vector_dim=4)
    >>> network.grid, network.code_dim
    ((7, 7), 196)
    >>> network.init_with_output(jax.random.key(0), jnp.zeros((2, 28, 28, 1)))[0].shape
    (2, 28, 28, 1)
    """

    shape: tuple[int, ...]
    vector_dim: int = 8
    channels: tuple[int, ...] = (16, 32)
    blocks: int = 2
    code_outputs: int = 1
    activation: Activation = "relu"
    code_activation: Activation = "identity"
    precision: str = "float32"

    def __post_init__(self):
        check_precision(self.precision)
        check_stages("a spatial network", self.shape, self.channels)
        if self.vector_dim < 1:
            raise InputError(f"vector_dim must be at least 1, got {self.vector_dim}")
        check_sizes(self.shape, self.vector_dim, self.code_outputs)
        if self.blocks < 0:
            raise InputError(f"blocks must not be negative, got {self.blocks}")
        activation_function(self.activation), activation_function(self.code_activation)
        super().__post_init__()

    @property
    def grid(self) -> tuple[int, int]:
        """Height and width of the code."""
        step = 2 ** len(self.channels)
        return -(-self.shape[0] // step), -(-self.shape[1] // step)

    @property
    def code_dim(self) -> int:
        """Width of the code: places of the grid times D."""
        return math.prod(self.grid) * self.vector_dim

    def setup(self):
        factors, inner = {"precision": self.precision}, self.channels[-1]
        self.down = [Convolution(c, stride=2, **factors) for c in self.channels]
        self.down_norms = [nn.GroupNorm(norm_groups(c), dtype=jnp.float32) for c in self.channels]
        self.down_blocks = [ResidualBlock(inner, self.activation, **factors) for _ in range(self.blocks)]
        self.to_code = Convolution(self.code_outputs * self.vector_dim, **factors)
        self.from_code = Convolution(inner, **factors)
        self.inner_norm = nn.GroupNorm(norm_groups(inner), dtype=jnp.float32)
        self.up_blocks = [ResidualBlock(inner, self.activation, **factors) for _ in range(self.blocks)]
        subpixel = repeat_phases(nn.initializers.lecun_normal())
        outputs = (*self.channels[-2::-1], self.shape[2])
        self.up = [Convolution(4 * c, kernel_init=subpixel, **factors) for c in outputs]
        self.up_norms = [nn.GroupNorm(norm_groups(c), dtype=jnp.float32) for c in outputs[:-1]]

    def encode(self, x: Float[Array, "batch h w c"]) -> Float[Array, "batch code"]:
        """Convolutions of stride 2, blocks, and a convolution to D channels, flattened."""
        activation, step = activation_function(self.activation), 2 ** len(self.channels)
        height, width = self.grid[0] * step, self.grid[1] * step
        x = repeat_border(x, height, width)
        for convolution, norm in zip(self.down, self.down_norms, strict=True):
            x = activation(norm(convolution(x)))
        for block in self.down_blocks:
            x = block(x)
        code = activation_function(self.code_activation)(self.to_code(x))
        code = code.reshape(x.shape[0], -1, self.code_outputs, self.vector_dim)   # all means come before all variances
        return code.swapaxes(1, 2).reshape(x.shape[0], -1)

    def decode(self, code: Float[Array, "batch code"]) -> Float[Array, "batch h w c"]:
        """Blocks at the size of the grid, then convolutions whose channels become pixels; cropped to `shape`."""
        activation = activation_function(self.activation)
        x = self.from_code(code.reshape(code.shape[0], *self.grid, self.vector_dim))
        x = activation(self.inner_norm(x))
        for block in self.up_blocks:
            x = block(x)
        for convolution, norm in zip(self.up[:-1], self.up_norms, strict=True):
            x = activation(norm(depth_to_space(convolution(x))))
        return depth_to_space(self.up[-1](x))[:, : self.shape[0], : self.shape[1]]

    def __call__(self, x: Float[Array, "batch h w c"]) -> Float[Array, "batch h w c"]:
        return self.decode(self.encode(x))
