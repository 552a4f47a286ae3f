"""Quantisation: the code is rounded to integers, and the bits that these take are part of the objective."""

import jax.numpy as jnp
from jaxtyping import Array, Float

from aejax.autoencoder import autoencoder
from aejax.bottlenecks import rounded
from aejax.networks import Quantised
from aejax.types import Autoencoder, InputError, Key, Metrics, Network, Params, ReconstructionLoss, Scalar


def rate(network: Network, params: Params, key: Key, x: Array, code: Float[Array, "batch code"],
         ) -> tuple[Float[Array, " batch"], Metrics]:
    """Ω = −Σ_j log₂ p_j(y_j), bits a datum, under the density that is learnt with the network; and their mean."""
    bits = network.apply({"params": params}, code, method="bits")
    return bits, {"bits": jnp.mean(bits)}


def quantised(network: Network, *, weight: Scalar = 0.01, step: float = 0.25,
              reconstruction: ReconstructionLoss | None = None) -> Autoencoder:
    """Autoencoder for compression: ℓ(x, x̂) + λ · bits, the code rounded, with uniform noise instead in training.

    Args:
      weight: λ, units of ℓ a bit: a larger one makes smaller files and worse pictures.
      step: of the quantiser at the beginning, in units of the network's code; it is learnt.

    Raises:
      InputError: a network that leads around its code, a negative weight, a step that is not above 0.

    Source: Ballé, Laparra, Simoncelli, "End-to-end optimized image compression", ICLR 2017; here the density of each
    unit is a mixture of logistic ones instead of piecewise linear.

    >>> from aejax import networks, variants
    >>> ae = variants.quantised(networks.Dense(shape=(28, 28, 1), code_dim=64, code_activation="identity"))
    """
    if hasattr(network, "reconstruct"):
        raise InputError(f"{type(network).__name__} leads past the code, so that coding it would not give back the "
                         "picture: choose another network")
    return autoencoder(Quantised(network, step=step), bottleneck=rounded, penalty=rate, weight=weight,
                       reconstruction=reconstruction)
