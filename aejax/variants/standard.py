"""The basic autoencoder: ℓ(x, x̂) and nothing else."""

from aejax.autoencoder import autoencoder
from aejax.types import Autoencoder, Network, ReconstructionLoss


def standard(network: Network, *, reconstruction: ReconstructionLoss | None = None) -> Autoencoder:
    """Basic autoencoder: L = mean ℓ(x, decode(encode(x))); under-complete for code_dim < n, over-complete above.

    Source: Rumelhart, Hinton, Williams, "Learning internal representations by error propagation", 1986.

    >>> from aejax import networks, variants
    >>> ae = variants.standard(networks.Dense(shape=(28, 28, 1), code_dim=30))
    """
    return autoencoder(network, reconstruction=reconstruction)
