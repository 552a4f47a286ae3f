"""Contraction of the encoder and of its curvature: CAE+H."""

import jax
from jaxtyping import Array

from aejax.autoencoder import autoencoder
from aejax.jacobian import check_method, difference_squared_norm, penalty_of, squared_norm
from aejax.types import Autoencoder, InputError, Network, ReconstructionLoss, Scalar


def higher_order_contractive(
    network: Network, *, weight: Scalar = 0.1, hessian_weight: Scalar = 0.1, std: Scalar = 0.1, method: str = "auto",
    chunk_size: int | None = None, reconstruction: ReconstructionLoss | None = None,
) -> Autoencoder:
    """Higher-order contractive autoencoder: ℓ + λ‖J(x)‖² + γ‖J(x) − J(x+ε)‖², ε ~ N(0, σ²).

    The last term is a stochastic measure of the Hessian's norm; both norms are exact for the drawn ε.

    Args:
      weight: λ.
      hessian_weight: γ >= 0.
      std: σ, in units of the loss's range.
      method, chunk_size: as for `contractive`.

    Source: Rifai et al., "Higher order contractive auto-encoder", ECML 2011.

    >>> from aejax import networks, variants
    >>> ae = variants.higher_order_contractive(networks.Dense(shape=(28, 28, 1), code_dim=30), hessian_weight=0.5)
    """
    check_method(method, chunk_size)
    for name, value in (("weight", weight), ("hessian_weight", hessian_weight), ("std", std)):
        if isinstance(value, (int, float)) and value < 0:
            raise InputError(f"{name} must not be negative, got {value}")

    def terms(encode, key: Array, x: Array) -> Array:
        norm_key, noise_key = jax.random.split(key)
        norm = squared_norm(encode, x, method=method, chunk_size=chunk_size, key=norm_key)
        moved = x + std * jax.random.normal(noise_key, x.shape)
        return weight * norm + hessian_weight * difference_squared_norm(encode, x, moved, chunk_size=chunk_size)
    return autoencoder(network, penalty=penalty_of(terms), weight=1.0, reconstruction=reconstruction)
