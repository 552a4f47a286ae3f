"""Tied weights: the decoder is the encoder's transpose."""

from aejax.autoencoder import autoencoder
from aejax.types import Autoencoder, InputError, Network, ReconstructionLoss


def tied(network: Network, *, reconstruction: ReconstructionLoss | None = None) -> Autoencoder:
    """Autoencoder with W_x = W_hᵀ; linear and with squared error, its optimum spans PCA's subspace.

    `tied=True` is a field of `networks.Dense`, so that tying combines with every other variant; this one sets it.

    Raises:
      InputError: the network has no field `tied`.

    Source: Vincent et al., "Stacked denoising autoencoders", JMLR 2010, section 2.1.

    >>> from aejax import networks, variants
    >>> ae = variants.tied(networks.Dense(shape=(28, 28, 1), code_dim=30))
    """
    if not hasattr(network, "tied"):
        raise InputError(f"{type(network).__name__} has no tied weights: use networks.Dense")
    return autoencoder(network.clone(tied=True), reconstruction=reconstruction)
