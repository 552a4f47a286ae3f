"""`Convolution`: 3×3 and other small kernels, on a CPU as one matrix product, which is several times faster there."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
from flax import linen as nn
from jaxtyping import Array, Float

from aejax.networks.common import PRECISIONS

Padding = tuple[tuple[int, int], tuple[int, int]]


def convolve(x: Float[Array, "batch h w c"], kernel: Float[Array, "kh kw c out"], *, stride: int = 1,
             padding: Padding) -> Float[Array, "batch h2 w2 out"]:
    """y[b, i, j] = Σ_{u,v} x̄[b, i·stride + u, j·stride + v] · kernel[u, v], x̄ = x with `padding` zeros around it.

    A CPU multiplies the patches by the kernel, so that both gradients are matrix products too: XLA's convolutions by
    batch and by channel are slow there. Other platforms use their own convolution. Which one is decided when the
    program is lowered.

    >>> print(convolve(jnp.ones((1, 3, 3, 1)), jnp.ones((3, 3, 1, 1)), padding=((1, 1), (1, 1)))[0, :, :, 0])
    [[4. 6. 4.]
     [6. 9. 6.]
     [4. 6. 4.]]
    """
    def native(x: Array, kernel: Array) -> Array:
        return jax.lax.conv_general_dilated(x, kernel, (stride, stride), padding, preferred_element_type=jnp.float32,
                                            dimension_numbers=("NHWC", "HWIO", "NHWC"))

    def product(x: Array, kernel: Array) -> Array:
        patches = _patches(jnp.pad(x, ((0, 0), *padding, (0, 0))), kernel.shape[:2], stride)
        return jnp.matmul(patches, kernel.reshape(-1, kernel.shape[-1]), preferred_element_type=jnp.float32)
    return jax.lax.platform_dependent(x, kernel, cpu=product, default=native)


def _patches(x: Array, size: tuple[int, int], stride: int) -> Array:
    """(B, H', W', kh·kw·C): what each place of the kernel sees, one shifted picture beside the other."""
    height, width = ((n - k) // stride + 1 for n, k in zip(x.shape[1:3], size, strict=True))
    return jnp.concatenate([x[:, i: i + (height - 1) * stride + 1: stride, j: j + (width - 1) * stride + 1: stride]
                            for i in range(size[0]) for j in range(size[1])], axis=-1)


class Convolution(nn.Module):
    """A 3×3 convolution with a bias, padded as "SAME"; the parameters are those of `flax.linen.Conv`.

    Attributes:
      features: output channels.
      stride: 1, or 2 to halve height and width, rounded up.
      kernel_init: of the kernel; the bias starts at 0.
      precision: of the factors, as for `Dense`; the sum is float32.
    """

    features: int
    stride: int = 1
    kernel_init: Callable = nn.initializers.lecun_normal()
    precision: str = "float32"

    @nn.compact
    def __call__(self, x: Float[Array, "batch h w c"]) -> Float[Array, "batch h2 w2 features"]:
        kernel = self.param("kernel", self.kernel_init, (3, 3, x.shape[-1], self.features))
        bias = self.param("bias", nn.initializers.zeros_init(), (self.features,))
        factors = PRECISIONS[self.precision]
        padding = tuple(same_padding(size, self.stride) for size in x.shape[1:3])
        return convolve(x.astype(factors), kernel.astype(factors), stride=self.stride,
                        padding=padding) + bias[None, None, None]


def same_padding(size: int, stride: int) -> tuple[int, int]:
    """Zeros before and after, so that ⌈size / stride⌉ places see 3 pixels each."""
    zeros = max((-(-size // stride) - 1) * stride + 3 - size, 0)
    return zeros // 2, zeros - zeros // 2
