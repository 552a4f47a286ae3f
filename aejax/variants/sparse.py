"""Sparsity of the code, by its L1 norm or by the mean activation of each unit."""

import jax.numpy as jnp

from aejax.autoencoder import autoencoder
from aejax.types import Autoencoder, InputError, Network, Penalty, ReconstructionLoss, Scalar


def absolute_sum(network, params, key, x, code):
    """Ω(h) = Σ_j |h_j|, one number per example."""
    return jnp.sum(jnp.abs(code), axis=1)


def bernoulli_divergence(target: Scalar = 0.05) -> Penalty:
    """Ω = Σ_j KL(ρ ‖ ρ̂_j) in nats, ρ̂_j the mean over the batch of a unit in [0, 1]: one number for the batch."""
    def penalty(network, params, key, x, code):
        mean = jnp.clip(jnp.mean(code, axis=0), 1e-6, 1 - 1e-6)
        return jnp.sum(target * jnp.log(target / mean) + (1 - target) * jnp.log((1 - target) / (1 - mean)))
    return penalty


def sparse(network: Network, *, weight: Scalar = 1e-2, sparsity: str = "l1", target: Scalar = 0.05,
           reconstruction: ReconstructionLoss | None = None) -> Autoencoder:
    """Sparse autoencoder: ℓ + λ Σ_j |h_j| ("l1"), or ℓ + λ Σ_j KL(ρ ‖ mean h_j) ("kl", codes in [0, 1] only).

    Args:
      weight: λ.
      sparsity: "l1" or "kl".
      target: ρ, the wanted mean activation of a unit, in (0, 1); "kl" only.

    Raises:
      InputError: unknown `sparsity`, a target outside (0, 1), or "kl" on a code that is not a sigmoid's.

    Source: Ng, "Sparse autoencoder", CS294A lecture notes, Stanford 2011 ("kl").

    >>> from aejax import networks, variants
    >>> network = networks.Dense(shape=(28, 28, 1), code_dim=100, code_activation="sigmoid")
    >>> ae = variants.sparse(network, weight=0.1, sparsity="kl", target=0.1)
    """
    if sparsity not in ("l1", "kl"):
        raise InputError(f"unknown sparsity {sparsity!r}: l1 or kl")
    if isinstance(target, (int, float)) and not 0 < target < 1:
        raise InputError(f"target is a mean activation between 0 and 1, got {target}")
    activation = getattr(network, "code_activation", "sigmoid")
    if sparsity == "kl" and isinstance(activation, str) and activation != "sigmoid":
        raise InputError(f"sparsity 'kl' needs codes in [0, 1]: code_activation='sigmoid', not {activation!r}")
    penalty = absolute_sum if sparsity == "l1" else bernoulli_divergence(target)
    return autoencoder(network, penalty=penalty, weight=weight, reconstruction=reconstruction)
