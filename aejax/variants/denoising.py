"""Denoising: the encoder sees a corrupted input, the loss compares with the clean one."""

from aejax.autoencoder import autoencoder
from aejax.corruptions import masking_noise
from aejax.types import Autoencoder, Corruption, Network, ReconstructionLoss


def denoising(network: Network, *, corruption: Corruption | None = None,
              reconstruction: ReconstructionLoss | None = None) -> Autoencoder:
    """Denoising autoencoder: L = mean ℓ(x, decode(encode(x̃))), x̃ ~ p(x̃|x).

    Args:
      corruption: p(x̃|x), by default `corruptions.masking_noise(0.5)`. Inject the noise that you expect to meet.

    Source: Vincent et al., "Extracting and composing robust features with denoising autoencoders", ICML 2008.

    >>> from aejax import corruptions, networks, variants
    >>> network = networks.Dense(shape=(28, 28, 1), code_dim=500)
    >>> ae = variants.denoising(network, corruption=corruptions.gaussian_noise(0.3))
    """
    corruption = masking_noise(0.5) if corruption is None else corruption
    return autoencoder(network, corruption=corruption, reconstruction=reconstruction)
