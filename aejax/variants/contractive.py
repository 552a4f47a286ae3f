"""Contraction: the encoder's sensitivity to its input is punished, exactly."""

from aejax.autoencoder import autoencoder
from aejax.jacobian import contractive_penalty
from aejax.types import Autoencoder, Network, ReconstructionLoss, Scalar


def contractive(network: Network, *, weight: Scalar = 0.1, method: str = "auto", chunk_size: int | None = None,
                samples: int = 2, reconstruction: ReconstructionLoss | None = None) -> Autoencoder:
    """Contractive autoencoder: L = mean ℓ(x, x̂) + λ ‖∂h/∂x‖²_F, the penalty exact for any encoder.

    Args:
      weight: λ.
      method: how the norm is computed, see `jacobian.squared_norm`; every choice gives the same number, but
        "hutchinson", an estimate, whose standard error is then among the metrics.
      chunk_size: bounds memory: examples whose Jacobians are held at once.
      samples: of the estimate alone: random vectors an example.

    Source: Rifai et al., "Contractive auto-encoders: explicit invariance during feature extraction", ICML 2011.

    >>> from aejax import networks, variants
    >>> ae = variants.contractive(networks.Dense(shape=(28, 28, 1), code_dim=30), weight=0.1)
    """
    penalty = contractive_penalty(method=method, chunk_size=chunk_size, samples=samples)
    return autoencoder(network, penalty=penalty, weight=weight, reconstruction=reconstruction)
