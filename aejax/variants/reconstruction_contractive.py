"""Contraction of the whole map x -> x̂, not of the encoder alone."""

import functools

from jaxtyping import Array, Float

from aejax.autoencoder import autoencoder
from aejax.jacobian import composed_squared_norm, encoder_of, penalty_of
from aejax.losses import squared_error
from aejax.types import Autoencoder, InputError, Network, ReconstructionLoss, Scalar


def reconstruction_contractive(network: Network, *, weight: Scalar = 0.01, chunk_size: int | None = None,
                               reconstruction: ReconstructionLoss | None = None) -> Autoencoder:
    """Reconstruction contractive autoencoder: ℓ + λ‖∂x̂/∂x‖²_F, x̂ = decode(encode(x)), exact.

    With squared error and small λ its vector field x̂ − x estimates the score of the data's density.

    Args:
      weight: λ.
      chunk_size: bounds memory: examples whose Jacobians are held at once.

    Raises:
      InputError: chunk_size below 1.

    Source: Alain and Bengio, "What regularized auto-encoders learn from the data-generating distribution", JMLR 2014.

    >>> from aejax import networks, variants
    >>> ae = variants.reconstruction_contractive(networks.Dense(shape=(2,), code_dim=30))
    """
    if chunk_size is not None and chunk_size < 1:
        raise InputError(f"chunk_size must be at least 1, got {chunk_size}")
    reconstruction = squared_error() if reconstruction is None else reconstruction

    def penalty(network, params, key, x, code) -> Float[Array, " batch"]:
        decode = functools.partial(network.apply, {"params": params}, method="decode")
        return composed_squared_norm(encoder_of(network, params), lambda h: reconstruction.activation(decode(h)), x,
                                     chunk_size=chunk_size)
    penalty.check = penalty_of(lambda *_: None).check
    return autoencoder(network, penalty=penalty, weight=weight, reconstruction=reconstruction)
