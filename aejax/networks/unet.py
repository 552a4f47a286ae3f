"""`UNet`: a fully convolutional network whose decoder also sees the encoder's features; for restoration."""

import math

import jax.numpy as jnp
from flax import linen as nn
from jaxtyping import Array, Bool, Float

from aejax.networks.common import (
    Activation,
    activation_function,
    check_precision,
    check_sizes,
    depth_to_space,
    repeat_border,
    repeat_phases,
)
from aejax.networks.convolution import Convolution
from aejax.types import InputError


class ResidualBlock(nn.Module):
    """x + W₂ f(W₁ x), two 3×3 convolutions; W₂ starts at zero, so that the block starts as the identity."""

    channels: int
    activation: Activation
    precision: str

    @nn.compact
    def __call__(self, x: Float[Array, "batch h w c"]) -> Float[Array, "batch h w c"]:
        hidden = activation_function(self.activation)(Convolution(self.channels, precision=self.precision)(x))
        zeros = nn.initializers.zeros_init()
        return x + Convolution(self.channels, kernel_init=zeros, precision=self.precision)(hidden)


def filled_from_coarse(x: Float[Array, "batch h w c"], known: Bool[Array, "batch h w c"],
                       ) -> Float[Array, "batch h w c"]:
    """x with unknown values taken from the smallest box of 2, 4, 8 … pixels around them that holds a known one.

    The known values of each box are averaged, each level from the one below (the pull and push of Gortler et al. 1996,
    "The Lumigraph", with boxes); 0 in an image without a known value.

    >>> x, known = jnp.arange(4.0).reshape(1, 2, 2, 1), jnp.array([True, True, False, False]).reshape(1, 2, 2, 1)
    >>> print(filled_from_coarse(x, known)[0, :, :, 0])
    [[0.  1. ]
     [0.5 0.5]]
    """
    if x.shape[1:3] == (1, 1):
        return jnp.where(known, x, 0.0)
    height, width = (-(-size // 2) for size in x.shape[1:3])

    def boxes(values: Array) -> Array:
        values = jnp.pad(values, ((0, 0), (0, 2 * height - x.shape[1]), (0, 2 * width - x.shape[2]), (0, 0)))
        return values.reshape(x.shape[0], height, 2, width, 2, -1).sum(axis=(2, 4))
    count = boxes(known.astype(x.dtype))
    coarse = filled_from_coarse(boxes(jnp.where(known, x, 0.0)) / jnp.maximum(count, 1), count > 0)
    large = jnp.repeat(jnp.repeat(coarse, 2, axis=1), 2, axis=2)[:, : x.shape[1], : x.shape[2]]
    return jnp.where(known, x, large)


class UNet(nn.Module):
    """Convolutions down and up again, with skip connections (Ronneberger et al. 2015) and a residual output.

    Each stage after the first halves height and width; on the way up a stage is added to the features of the same size
    that the encoder found (a skip connection), and the output is x̃ + what the last convolution says (`residual`).
    Everything is convolutional, so that parameters trained on patches serve images of any size (`clone(shape=…)`).
    Nothing is normalised: a restorer must keep intensities.

    `reconstruct` is what it is trained for. `encode` gives the deepest features as one vector, and `decode` does
    without skips and without x̃: less than `reconstruct`, since the code is not all that the decoder was trained to see.

    Attributes:
      shape: (H, W, C) of one image; padded at the right and lower border to a multiple of 2^(stages − 1).
      channels: of each stage, the first at full resolution.
      blocks: residual blocks of each stage after the first, on either way.
      activation: of hidden layers.
      residual: whether the output is added to the input.
      unknown: an input value, outside the range of the data, that marks unknown values: they are replaced by averages
        of known ones nearby, the network is told where they were by one more channel for each of theirs, and known
        values are given back as they came. None: nothing is marked.
      precision: of the factors of convolutions, as for `Dense`.

    >>> import jax
    >>> network = UNet(shape=(21, 18, 3), channels=(4, 8))
    >>> network.init_with_output(jax.random.key(0), jnp.zeros((2, 21, 18, 3)))[0].shape
    (2, 21, 18, 3)
    """

    shape: tuple[int, ...]
    channels: tuple[int, ...] = (16, 32, 64)
    blocks: int = 1
    activation: Activation = "relu"
    residual: bool = True
    unknown: float | None = None
    precision: str = "float32"

    def __post_init__(self):
        check_precision(self.precision)
        if len(self.shape) != 3:
            raise InputError(f"a U-Net needs images of shape (H, W, C), got {tuple(self.shape)}")
        if len(self.channels) < 2 or min(self.channels) < 1:
            raise InputError(f"channels: at least two stages of at least one channel, got {tuple(self.channels)}")
        if self.blocks < 0:
            raise InputError(f"blocks must not be negative, got {self.blocks}")
        check_sizes(self.shape, 1)
        activation_function(self.activation)
        super().__post_init__()

    @property
    def inner(self) -> tuple[int, int, int]:
        """Shape of the deepest features."""
        step = 2 ** (len(self.channels) - 1)
        return -(-self.shape[0] // step), -(-self.shape[1] // step), self.channels[-1]

    @property
    def code_dim(self) -> int:
        """Size of the deepest features."""
        return math.prod(self.inner)

    def setup(self):
        block = {"activation": self.activation, "precision": self.precision}
        self.head = Convolution(self.channels[0], precision=self.precision)
        self.down = [Convolution(c, stride=2, precision=self.precision) for c in self.channels[1:]]
        self.down_blocks = [[ResidualBlock(c, **block) for _ in range(self.blocks)] for c in self.channels[1:]]
        subpixel = repeat_phases(nn.initializers.lecun_normal())
        outputs = self.channels[-2::-1]
        self.up = [Convolution(4 * c, kernel_init=subpixel, precision=self.precision) for c in outputs]
        self.up_blocks = [[ResidualBlock(c, **block) for _ in range(self.blocks)] for c in outputs[:-1]]
        self.tail = Convolution(self.shape[2], precision=self.precision)

    def encode(self, x: Float[Array, "batch h w c"]) -> Float[Array, "batch code"]:
        """The deepest features."""
        return self._features(*self._known(x))[-1].reshape(x.shape[0], -1)

    def decode(self, code: Float[Array, "batch code"]) -> Float[Array, "batch h w c"]:
        """What the deepest features alone say."""
        deepest = code.reshape(code.shape[0], *self.inner)
        return self._output(deepest, [None] * len(self.up))

    def reconstruct(self, x: Float[Array, "batch h w c"]) -> Float[Array, "batch h w c"]:
        """The image from all features, and from the input where `residual`."""
        filled, known = self._known(x)
        *skips, deepest = self._features(filled, known)
        output = self._output(deepest, skips[::-1])
        output = output + filled if self.residual else output
        return output if known is None else jnp.where(known, x, output)

    def _known(self, x: Array) -> tuple[Array, Array | None]:
        if self.unknown is None:
            return x, None
        known = x != self.unknown
        return filled_from_coarse(x, known), known

    def _features(self, x: Array, known: Array | None) -> list[Array]:
        activation = activation_function(self.activation)
        x = x if known is None else jnp.concatenate([x, known.astype(x.dtype)], axis=-1)
        step = 2 ** (len(self.channels) - 1)
        height, width = self.inner[0] * step, self.inner[1] * step
        x = repeat_border(x, height, width)
        features = [activation(self.head(x))]
        for convolution, blocks in zip(self.down, self.down_blocks, strict=True):
            x = activation(convolution(features[-1]))
            for block in blocks:
                x = block(x)
            features.append(x)
        return features

    def _output(self, x: Array, skips: list[Array | None]) -> Array:
        activation = activation_function(self.activation)
        for convolution, blocks, skip in zip(self.up, [*self.up_blocks, []], skips, strict=True):
            x = depth_to_space(convolution(x))
            x = activation(x if skip is None else x + skip)
            for block in blocks:
                x = block(x)
        return self.tail(x)[:, : self.shape[0], : self.shape[1]]

    def __call__(self, x: Float[Array, "batch h w c"]) -> Float[Array, "batch h w c"]:
        return self.reconstruct(x)
