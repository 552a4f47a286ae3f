"""Styles of one image in some layers and of another in the rest, for autoencoders of a `Style` network.

`in_style_space` gives an autoencoder whose code is the styles of all layers, with the same parameters; `mix` and
`truncate` are made of its codes, and whatever else takes an autoencoder works in it too.
"""

import functools
from collections.abc import Mapping, Sequence

import numpy as np
from jaxtyping import Array, Float

from aejax.applications.batches import in_batches
from aejax.applications.reconstruction import decode
from aejax.autoencoder import autoencoder
from aejax.networks import Style, StyleSpace
from aejax.types import ArrayLike, Autoencoder, InputError, Network, Params, ReconstructionLoss, Scalar


def in_style_space(network: Network, *, reconstruction: ReconstructionLoss | None = None) -> Autoencoder:
    """The autoencoder whose code is the styles of all layers, one after the other: (B, layers · style_dim).

    It takes the parameters of any autoencoder of `network`, and decodes as that one where its code is the network's.

    Args:
      network: a `networks.Style`.
      reconstruction: the loss that these parameters were trained with.

    Raises:
      InputError: another network.

    >>> from aejax.networks import Style
    >>> ae = in_style_space(Style(shape=(8, 8, 1), code_dim=2, channels=(4,), style_dim=3))
    """
    return autoencoder(StyleSpace(network), reconstruction=reconstruction)


def styles(network: Style, params: Params, codes: Float[ArrayLike, "batch code"]) -> Float[np.ndarray, "batch styles"]:
    """The styles of codes of `network`: w of the mapping network, once for each layer, as codes of the style space."""
    return in_batches(_styles, in_style_space(network), params, np.asarray(codes), 1024, network)


def _styles(_: Autoencoder, params: Params, codes: Array, network: Style) -> Array:
    return network.apply({"params": params}, codes, method="styles").reshape(codes.shape[0], -1)


def mix(ae: Autoencoder, params: Params, kept: Float[ArrayLike, "batch styles"],
        taken: ArrayLike, layers: Sequence[int], *, layer_count: int,
        ) -> Float[np.ndarray, "batch *datum"]:
    """Images with the styles `taken` in `layers` and the styles `kept` in all others.

    Args:
      ae, params: of `in_style_space`.
      kept, taken: styles of B images each.
      layers: from 0, the lowest resolution; `Style.groups` names them.
      layer_count: `Style.layer_count`.

    Raises:
      InputError: styles of unequal shapes, or a layer that there is not.
    """
    return decode(ae, params, swapped(kept, taken, layers, layer_count=layer_count))


def swapped(kept: Float[ArrayLike, "batch styles"], taken: ArrayLike, layers: Sequence[int], *,
            layer_count: int) -> Float[np.ndarray, "batch styles"]:
    """The styles that `mix` decodes.

    >>> print(swapped(np.zeros((1, 6)), np.ones((1, 6)), [1], layer_count=3))
    [[0. 0. 1. 1. 0. 0.]]
    """
    kept, taken = np.asarray(kept), np.asarray(taken)
    if kept.shape != taken.shape or kept.ndim != 2 or kept.shape[1] % layer_count:
        raise InputError(f"styles of shapes {kept.shape} and {taken.shape}: give two equally large batches of the "
                         f"styles of {layer_count} layers")
    if not set(layers) <= set(range(layer_count)):
        raise InputError(f"layers {tuple(layers)}: there are {layer_count}, from 0 to {layer_count - 1}")
    chosen = np.isin(np.arange(layer_count), list(layers))
    return np.where(np.repeat(chosen, kept.shape[1] // layer_count)[None], taken, kept)


def truncate(styles: Float[ArrayLike, "batch styles"], mean: Float[ArrayLike, " styles"], psi: Scalar | ArrayLike,
             ) -> Float[np.ndarray, "batch styles"]:
    """w̄ + ψ (w − w̄): nearer to the mean style for ψ < 1, which makes samples more typical and less varied.

    Args:
      styles: w of each layer.
      mean: w̄, the mean over the styles of many codes.
      psi: ψ from 0, the mean, to 1, the styles themselves; or one for each number of a row.

    >>> print(truncate(np.array([[4.0]]), np.array([2.0]), 0.5))
    [[3.]]
    """
    styles, mean = np.asarray(styles), np.asarray(mean)
    return mean + np.asarray(psi) * (styles - mean)


def table(ae: Autoencoder, params: Params, a: Float[ArrayLike, "rows styles"], b: Float[ArrayLike, "columns styles"],
          groups: Mapping[str, Sequence[int]], *, layer_count: int) -> dict[str, np.ndarray]:
    """For each group of layers every mixture of a row's image with a column's, (rows, columns, *shape) each.

    Args:
      ae, params: of `in_style_space`.
      a: styles that the rows keep.
      b: styles that the columns give in the layers of the group.
      groups: {name: layers}, as `Style.groups`.
      layer_count: `Style.layer_count`.
    """
    kept, taken = np.repeat(np.asarray(a), len(b), axis=0), np.tile(np.asarray(b), (len(a), 1))
    mixed = functools.partial(mix, ae, params, kept, taken, layer_count=layer_count)
    return {name: (images := mixed(layers)).reshape(len(a), len(b), *images.shape[1:])
            for name, layers in groups.items()}
