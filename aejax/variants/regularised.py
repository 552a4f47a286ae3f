"""Regularised deterministic autoencoder: small codes and a smooth decoder, instead of noise in the code."""

import functools

import jax.numpy as jnp
from jaxtyping import Array, Float

from aejax.autoencoder import autoencoder
from aejax.jacobian import squared_norm
from aejax.losses import squared_error
from aejax.networks import decoder_parameters, refuse_skips, spectral_norm
from aejax.types import Autoencoder, InputError, Metrics, Network, ReconstructionLoss, Scalar

REGULARISERS = ("l2", "gradient", "spectral")


def regularised(network: Network, *, weight: Scalar = 1e-2, regulariser: str = "l2", regulariser_weight: Scalar = 1e-3,
                chunk_size: int | None = None, reconstruction: ReconstructionLoss | None = None) -> Autoencoder:
    """Regularised autoencoder (RAE): ℓ(x, x̂) + β ½‖z‖² + λ R(decoder), without noise.

    R is, for "l2", ‖θ‖², θ the decoder's parameters; for "gradient" ‖∂x̂/∂z‖²_F at the code, exact; for "spectral"
    Σ σ(W)², the squared largest singular value of each of the decoder's matrices (kernels as (inputs, outputs)).
    New data come from a density that is fitted to the codes afterwards.

    Args:
      network: with `code_activation="identity"`, since the second term bounds the code.
      weight: β >= 0.
      regulariser: "l2", "gradient" or "spectral".
      regulariser_weight: λ >= 0.
      chunk_size: of "gradient" alone, bounds memory: examples whose Jacobians are held at once.

    Raises:
      InputError: a network that leads around its code, an unknown regulariser, a negative weight.

    Source: Ghosh, Sajjadi, Vergari, Black, Schölkopf, "From variational to deterministic autoencoders", ICLR 2020. Its
    RAE-SN divides the matrices by σ(W); here σ(W)² is a penalty, after Yoshida and Miyato, "Spectral norm
    regularization", 2017, so that λ says how much.

    >>> from aejax import networks, variants
    >>> network = networks.Dense(shape=(28, 28, 1), code_dim=16, code_activation="identity")
    >>> ae = variants.regularised(network, regulariser="gradient", regulariser_weight=1e-3)
    """
    refuse_skips(network)
    if regulariser not in REGULARISERS:
        raise InputError(f"unknown regulariser {regulariser!r}: {', '.join(REGULARISERS)}")
    if chunk_size is not None and (regulariser != "gradient" or chunk_size < 1):
        raise InputError(f"chunk_size is a number from 1 on, of regulariser 'gradient' alone; got {chunk_size}")
    for name, value in (("weight", weight), ("regulariser_weight", regulariser_weight)):
        if isinstance(value, (int, float)) and value < 0:
            raise InputError(f"{name} must not be negative, got {value}")
    reconstruction = squared_error() if reconstruction is None else reconstruction

    def penalty(network, params, key, x, code) -> tuple[Float[Array, " batch"], Metrics]:
        if regulariser == "gradient":
            decode = functools.partial(network.apply, {"params": params}, method="decode")
            value = jnp.mean(squared_norm(lambda z: reconstruction.activation(decode(z)), code, chunk_size=chunk_size))
        elif regulariser == "l2":
            value = sum(jnp.sum(jnp.square(leaf)) for leaf in decoder_parameters(network, params, code.shape[1]))
        else:
            value = sum(jnp.square(spectral_norm(leaf.reshape(-1, leaf.shape[-1])))
                        for leaf in decoder_parameters(network, params, code.shape[1]) if leaf.ndim > 1)
        half = 0.5 * jnp.sum(jnp.square(code), axis=1)
        return weight * half + regulariser_weight * value, {"regulariser": value}
    return autoencoder(network, penalty=penalty, weight=1.0, reconstruction=reconstruction)
