"""Encoder and decoder as pure flax.linen modules: `Dense` for vectors and small images, `Convolutional` for images,
`Style`, the same with a decoder after StyleGAN2; `Spatial`, whose code is a small picture; `UNet`, with skip
connections, for restoration; `WithMask`, any network where values are unknown; `Quantised` turns another one's code
into counts, for compression, `VectorQuantised` into vectors of a codebook.

`decode` ends before the output activation, which belongs to the loss (`aejax.losses`). No module here couples the
examples of a batch (no BatchNorm), so that the Jacobian of one example is well defined.
"""

from aejax.networks.adversarial import Adversarial
from aejax.networks.common import (
    ACTIVATIONS,
    KERNEL_INITS,
    PRECISIONS,
    Activation,
    activation_function,
    depth_to_space,
    full_precision,
    refuse_skips,
    repeat_phases,
    with_gaussian_code,
)
from aejax.networks.convolutional import Convolutional
from aejax.networks.decoders import decoder_parameters, spectral_norm
from aejax.networks.dense import Dense
from aejax.networks.from_caption import FromCaption
from aejax.networks.quantised import Quantised
from aejax.networks.spatial import Spatial
from aejax.networks.style import Style, StyleSpace
from aejax.networks.unet import UNet
from aejax.networks.vector_quantised import VectorQuantised, codebook_of
from aejax.networks.with_mask import WithMask

__all__ = ["ACTIVATIONS", "KERNEL_INITS", "PRECISIONS", "Activation", "Adversarial", "Convolutional", "Dense",
           "FromCaption", "Quantised", "Spatial", "Style", "StyleSpace", "UNet", "VectorQuantised", "WithMask",
           "activation_function", "codebook_of", "decoder_parameters", "depth_to_space", "full_precision",
           "refuse_skips", "repeat_phases", "spectral_norm", "with_gaussian_code"]
