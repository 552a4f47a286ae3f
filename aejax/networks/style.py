"""`Style`: a decoder after StyleGAN2, where the code sets the style of each layer; `StyleSpace`: styles as codes."""

from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np
from flax import linen as nn
from jaxtyping import Array, Float

from aejax.networks.common import PRECISIONS, activation_function
from aejax.networks.convolutional import Convolutional
from aejax.networks.style_layers import StyleLayer, StyleOutput, enlarged
from aejax.types import InputError, Key


class Style(Convolutional):
    """The encoder of `Convolutional`, and a decoder after StyleGAN2 (Karras et al. 2020).

    A mapping network turns the code into a style w. The image begins as a learned constant at the lowest resolution,
    padded size / 2^stages; each layer is a 3×3 convolution whose kernels w scales, one at the lowest resolution and two
    at every higher one, with noise of a learned strength. Every resolution adds its pixels to the enlarged image of
    the one below. All that the decoder knows of the code comes in by these scales, so that layers may be given styles
    of different images (`StyleSpace`).

    Unlike in StyleGAN2 the code is not normalised first, the output of a resolution has the style of its last layer,
    and doubling is a sub-pixel convolution. `decode` is a function: its noise is fixed, see `StyleLayer`.

    Attributes:
      shape, code_dim, channels, activation, code_activation, precision, code_outputs: as for `Convolutional`; the
        decoder has channels[-1] features at the lowest resolution, above it `channels` from the inner to the outer.
      mapping_widths: hidden layers of the mapping network.
      style_dim: length of w.

    >>> network = Style(shape=(21, 18, 3), code_dim=5, channels=(4, 8))
    >>> params = network.init(jax.random.key(0), jnp.zeros((2, 21, 18, 3)))["params"]
    >>> network.apply({"params": params}, jnp.zeros((2, 5)), method="styles").shape
    (2, 5, 64)
    """

    mapping_widths: tuple[int, ...] = (64,)
    style_dim: int = 64

    def __post_init__(self):
        if self.style_dim < 1 or (self.mapping_widths and min(self.mapping_widths) < 1):
            raise InputError(f"style_dim and each of mapping_widths must be at least 1, got {self.style_dim} and "
                             f"{tuple(self.mapping_widths)}")
        super().__post_init__()

    @property
    def layer_count(self) -> int:
        """How many styles an image has."""
        return 1 + 2 * len(self.channels)

    @property
    def groups(self) -> dict[str, tuple[int, ...]]:
        """Layers by resolution: "coarse", "middle" and "fine", a third of the resolutions (of fewer: layers) each."""
        resolutions = [[0], *([2 * stage + 1, 2 * stage + 2] for stage in range(len(self.channels)))]
        parts = resolutions if len(resolutions) >= 3 else [[layer] for layer in range(self.layer_count)]
        thirds = np.array_split(np.arange(len(parts)), 3)
        return {name: tuple(layer for index in third for layer in parts[index])
                for name, third in zip(("coarse", "middle", "fine"), thirds, strict=True)}

    def _set_decoder_up(self) -> None:
        self.mapping = [nn.Dense(width, dtype=PRECISIONS[self.precision])
                        for width in (*self.mapping_widths, self.style_dim)]
        self.constant = self.param("constant", nn.initializers.normal(1.0), self.inner)
        common = {"activation": self.activation, "precision": self.precision}
        self.layers = [StyleLayer(self.channels[-1], enlarge=False, **common)] + [
            StyleLayer(c, enlarge=enlarge, **common) for c in self.channels[::-1] for enlarge in (True, False)]
        self.outputs = [StyleOutput(self.shape[2], precision=self.precision) for _ in range(len(self.channels) + 1)]

    def styles(self, code: Float[Array, "batch code"]) -> Float[Array, "batch layer style"]:
        """w of the mapping network, the same for every layer."""
        activation = activation_function(self.activation)
        for hidden in self.mapping[:-1]:
            code = activation(hidden(code).astype(jnp.float32))
        w = self.mapping[-1](code).astype(jnp.float32)
        return jnp.broadcast_to(w[:, None], (w.shape[0], self.layer_count, self.style_dim))

    def decode_styles(self, styles: Float[Array, "batch layer style"], noise_key: Key | None = None,
                      ) -> Float[Array, "batch h w c"]:
        """The image of a style for each layer; with `noise_key`, each example has fresh noise in place of the fixed."""
        x = jnp.broadcast_to(self.constant[None], (styles.shape[0], *self.inner))
        image = jnp.zeros((styles.shape[0], *self.inner[:2], self.shape[2]))
        for index, layer in enumerate(self.layers):
            key = None if noise_key is None else jax.random.fold_in(noise_key, index)
            x = layer(x, styles[:, index], key)
            if index % 2 == 0:   # the last layer of its resolution
                image = image + self.outputs[index // 2](x, styles[:, index])
                image = enlarged(image) if index + 1 < self.layer_count else image
        return image[:, : self.shape[0], : self.shape[1]]

    def decode(self, code: Float[Array, "batch code"]) -> Float[Array, "batch h w c"]:
        """The image whose layers all have the code's style."""
        return self.decode_styles(self.styles(code))


class StyleSpace(nn.Module):
    """A `Style` network whose code is the styles of all layers, one after the other: (B, layers · style_dim).

    With the parameters of `network`, and its reconstructions; but each layer's style may be walked, mixed or averaged
    by itself, by all that works with codes.

    Attributes:
      network: a `Style` network.

    >>> network = StyleSpace(Style(shape=(8, 8, 1), code_dim=2, channels=(4,), style_dim=3))
    >>> network.code_dim
    9
    """

    network: nn.Module

    def __post_init__(self):
        if self.network is not None and not isinstance(self.network, Style):
            raise InputError(f"{type(self.network).__name__} has no styles: take a Style network")
        super().__post_init__()

    @property
    def shape(self) -> Sequence[int]:
        """Of one image."""
        return self.network.shape

    @property
    def code_dim(self) -> int:
        """Numbers in all styles of an image."""
        return self.network.layer_count * self.network.style_dim

    def setup(self):
        nn.share_scope(self, self.network)

    def encode(self, x: Float[Array, "batch h w c"]) -> Float[Array, "batch code"]:
        """The styles of the network's code."""
        return self.network.styles(self.network.encode(x)).reshape(x.shape[0], -1)

    def decode(self, code: Float[Array, "batch code"]) -> Float[Array, "batch h w c"]:
        """The image of these styles, with the network's fixed noise."""
        return self.network.decode_styles(code.reshape(code.shape[0], self.network.layer_count, -1))

    def __call__(self, x: Float[Array, "batch h w c"]) -> Float[Array, "batch h w c"]:
        return self.decode(self.encode(x))
