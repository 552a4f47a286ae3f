"""What a style decoder is made of: convolutions whose kernels a style scales, noise, and enlarged skip outputs."""

import jax
import jax.numpy as jnp
from flax import linen as nn
from jaxtyping import Array, Float

from aejax.networks.common import (
    PRECISIONS,
    Activation,
    activation_function,
    depth_to_space,
    repeat_phases,
)
from aejax.networks.convolution import convolve
from aejax.types import Key

SMALL = 1e-8   # keeps the norm of a kernel of zeros away from 0


def modulated_convolution(x: Float[Array, "batch h w c"], kernel: Float[Array, "kh kw c out"],
                          scale: Float[Array, "batch c"], *, demodulate: bool = True, precision: str = "float32",
                          ) -> Float[Array, "batch h w out"]:
    """x_b ∗ K_b, K_b = scale_b · K along its inputs, each output's kernel then divided by its norm ("SAME" padding).

    Computed as (scale_b · x_b) ∗ K / ‖K_b‖, with one kernel for the whole batch: the same number. (Karras et al. 2020)

    Args:
      x: features.
      kernel: K, of odd height and width.
      scale: of each input channel, for each example.
      demodulate: whether to divide by √(Σ (scale_i K_i)² + 1e-8), the sum over a kernel's places and inputs.
      precision: of the factors, as for `Dense`.

    >>> x, kernel = jnp.ones((1, 1, 1, 2)), jnp.array([3.0, 4.0]).reshape(1, 1, 2, 1)
    >>> print(modulated_convolution(x, kernel, jnp.array([[1.0, 1.0]]), demodulate=False).ravel())
    [7.]
    >>> print(modulated_convolution(x, kernel, jnp.array([[1.0, 1.0]])).ravel())
    [1.4]
    """
    factors = PRECISIONS[precision]
    padding = tuple((size // 2, size // 2) for size in kernel.shape[:2])
    y = convolve((x * scale[:, None, None]).astype(factors), kernel.astype(factors), padding=padding)
    if demodulate:
        squares = jnp.square(scale) @ jnp.sum(jnp.square(kernel), axis=(0, 1))
        y = y * jax.lax.rsqrt(squares + SMALL)[:, None, None]
    return y


def enlarged(x: Float[Array, "batch h w c"]) -> Float[Array, "batch h2 w2 c"]:
    """Twice as high and wide, by bilinear interpolation between the middles of pixels; constant beyond the border.

    >>> print(enlarged(jnp.array([0.0, 4.0]).reshape(1, 1, 2, 1))[0, 0, :, 0])
    [0. 1. 3. 4.]
    """
    for axis in (1, 2):
        size = x.shape[axis]
        first, last = (jax.lax.slice_in_dim(x, i, i + 1, axis=axis) for i in (0, size - 1))   # no `jnp.pad`: it joins
        wide = jnp.concatenate([first, x, last], axis=axis)                                   # empty arrays as well
        before, after = (jax.lax.slice_in_dim(wide, start, start + size, axis=axis) for start in (0, 2))
        pairs = jnp.stack([0.75 * x + 0.25 * before, 0.75 * x + 0.25 * after], axis=axis + 1)
        x = pairs.reshape(*x.shape[:axis], 2 * size, *x.shape[axis + 1:])
    return x


class StyleLayer(nn.Module):
    """√2 f(modulated 3×3 convolution + strength · noise + bias), the scales an affine map of the style.

    Scales start around 1 and the strength at 0. The noise is one map for all channels: a fixed one that `init` drew and
    no gradient changes, so that the layer is a function of its inputs, or a fresh one for each example where
    `noise_key` is given.

    Attributes:
      features: output channels.
      enlarge: whether to double height and width, the phases of each pixel being channels before.
      activation: f; √2 keeps the mean square of relu's input.
      precision: of the factors of products, as for `Dense`.
    """

    features: int
    enlarge: bool
    activation: Activation
    precision: str = "float32"

    @nn.compact
    def __call__(self, x: Float[Array, "batch h w c"], style: Float[Array, "batch style"],
                 noise_key: Key | None = None) -> Float[Array, "batch h2 w2 features"]:
        plain = nn.initializers.lecun_normal()
        init, outputs = (repeat_phases(plain), 4 * self.features) if self.enlarge else (plain, self.features)
        kernel = self.param("kernel", init, (3, 3, x.shape[-1], outputs))
        bias = self.param("bias", nn.initializers.zeros_init(), (self.features,))
        strength = self.param("strength", nn.initializers.zeros_init(), (1,))
        y = modulated_convolution(x, kernel, _scale(x.shape[-1], style, self.precision), precision=self.precision)
        y = depth_to_space(y) if self.enlarge else y
        fixed = jax.lax.stop_gradient(self.param("noise", nn.initializers.normal(1.0), y.shape[1:3]))
        noise = fixed[None] if noise_key is None else jax.random.normal(noise_key, y.shape[:3])
        y = y + strength[None, None, None] * noise[..., None] + bias[None, None, None]
        return jnp.float32(2**0.5) * activation_function(self.activation)(y)


class StyleOutput(nn.Module):
    """Features to pixels: a modulated 1×1 convolution, not demodulated, and a bias.

    Attributes:
      channels: of the image.
      precision: of the factors of products, as for `Dense`.
    """

    channels: int
    precision: str = "float32"

    @nn.compact
    def __call__(self, x: Float[Array, "batch h w c"], style: Float[Array, "batch style"],
                 ) -> Float[Array, "batch h w channels"]:
        kernel = self.param("kernel", nn.initializers.lecun_normal(), (1, 1, x.shape[-1], self.channels))
        bias = self.param("bias", nn.initializers.zeros_init(), (self.channels,))
        return modulated_convolution(x, kernel, _scale(x.shape[-1], style, self.precision), demodulate=False,
                                     precision=self.precision) + bias[None, None, None]


def _scale(channels: int, style: Array, precision: str) -> Array:
    """1 + A·style + b of the module that calls, as its parameters "scale"."""
    affine = nn.Dense(channels, bias_init=nn.initializers.ones_init(), dtype=PRECISIONS[precision], name="scale")
    return affine(style).astype(jnp.float32)
