"""`Convolutional`: strided convolutions down to a dense code, sub-pixel convolutions back up."""

import math

import jax.numpy as jnp
from flax import linen as nn
from jaxtyping import Array, Float

from aejax.networks.common import (
    PRECISIONS,
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
      code_outputs: numbers of the encoder for each value of the code, as for `Dense`.
      precision: of the factors of products and convolutions, as for `Dense`; norms are computed in float32.

    >>> import jax
    >>> network = Convolutional(shape=(21, 18, 3), code_dim=5)
    >>> network.init_with_output(jax.random.key(0), jnp.zeros((2, 21, 18, 3)))[0].shape
    (2, 21, 18, 3)
    """

    shape: tuple[int, ...]
    code_dim: int
    channels: tuple[int, ...] = (16, 32)
    activation: Activation = "relu"
    code_activation: Activation = "identity"
    code_outputs: int = 1
    precision: str = "float32"

    def __post_init__(self):
        check_precision(self.precision)
        check_stages("a convolutional network", self.shape, self.channels)
        check_sizes(self.shape, self.code_dim, self.code_outputs)
        activation_function(self.activation), activation_function(self.code_activation)
        super().__post_init__()

    @property
    def padded(self) -> tuple[int, int]:
        """Height and width after padding."""
        step = 2 ** len(self.channels)
        return -(-self.shape[0] // step) * step, -(-self.shape[1] // step) * step

    @property
    def inner(self) -> tuple[int, int, int]:
        """Shape of the features that the code is made from."""
        step = 2 ** len(self.channels)
        return self.padded[0] // step, self.padded[1] // step, self.channels[-1]

    def setup(self):
        self._set_encoder_up()
        self._set_decoder_up()

    def _set_encoder_up(self) -> None:
        self.down = [Convolution(c, stride=2, precision=self.precision) for c in self.channels]
        self.down_norms = [nn.GroupNorm(norm_groups(c), dtype=jnp.float32) for c in self.channels]
        self.to_code = nn.Dense(self.code_outputs * self.code_dim, dtype=PRECISIONS[self.precision])

    def _set_decoder_up(self) -> None:
        self.from_code = nn.Dense(math.prod(self.inner), dtype=PRECISIONS[self.precision])
        outputs = (*self.channels[-2::-1], self.shape[2])
        subpixel = repeat_phases(nn.initializers.lecun_normal())
        self.up = [Convolution(4 * c, kernel_init=subpixel, precision=self.precision) for c in outputs]
        self.up_norms = [nn.GroupNorm(norm_groups(c), dtype=jnp.float32) for c in outputs[:-1]]

    def encode(self, x: Float[Array, "batch h w c"]) -> Float[Array, "batch code"]:
        """Convolutions of stride 2, then a dense layer."""
        activation = activation_function(self.activation)
        height, width = self.padded
        x = repeat_border(x, height, width)
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


def norm_groups(channels: int) -> int:
    """How many groups of channels a stage is normalised in."""
    return math.gcd(8, channels)
