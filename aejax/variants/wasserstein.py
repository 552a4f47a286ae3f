"""Wasserstein autoencoder: all codes together are to look like samples of a standard normal distribution."""

from collections.abc import Sequence

import jax.numpy as jnp
from jaxtyping import Array, Float

from aejax import threefry
from aejax.autoencoder import autoencoder
from aejax.divergences import check_kernel, maximum_mean_discrepancy
from aejax.networks import refuse_skips
from aejax.types import Autoencoder, Network, Penalty, ReconstructionLoss, Scalar


def discrepancy(kernel: str = "imq", scales: Sequence[float] | None = None) -> Penalty:
    """Ω = MMD²(codes of the batch, as many draws from N(0, I)), one number for the batch; 0 for a batch of one."""
    scales = check_kernel(kernel, scales)

    def penalty(network, params, key, x, code) -> Float[Array, ""]:
        if code.shape[0] < 2:
            return jnp.zeros(())
        return maximum_mean_discrepancy(code, threefry.normal(key, *code.shape), kernel=kernel, scales=scales)
    return penalty


def wasserstein(network: Network, *, weight: Scalar = 10.0, kernel: str = "imq",
                scales: Sequence[float] | None = None, reconstruction: ReconstructionLoss | None = None) -> Autoencoder:
    """Wasserstein autoencoder, WAE-MMD: ℓ(x, x̂) + λ MMD²(codes, N(0, I)).

    Encoder and decoder are without noise; no code by itself is drawn towards the prior, their distribution is. MMD² is
    about a whole batch: batches of 100 and more say more about it.

    Args:
      network: with `code_activation="identity"`: a bounded code cannot be normal.
      weight: λ, units of ℓ.
      kernel: "imq", inverse multiquadratic, or "rbf", Gaussian.
      scales: of the kernel, added; see `divergences.kernel_matrix`.

    Raises:
      InputError: a network that leads around its code, an unknown kernel, scales not above 0, a negative weight.

    Source: Tolstikhin, Bousquet, Gelly, Schölkopf, "Wasserstein auto-encoders", ICLR 2018, algorithm 2.

    >>> from aejax import networks, variants
    >>> ae = variants.wasserstein(networks.Dense(shape=(28, 28, 1), code_dim=8, code_activation="identity"))
    """
    refuse_skips(network)
    return autoencoder(network, penalty=discrepancy(kernel, scales), weight=weight, reconstruction=reconstruction)
