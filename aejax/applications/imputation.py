"""Imputation: an autoencoder that learns from incomplete data, and fills unknown values from the known ones."""

import numpy as np
from jaxtyping import Bool

from aejax.applications.batches import in_batches
from aejax.applications.reconstruction import reconstruct_batch
from aejax.autoencoder import autoencoder
from aejax.corruptions import masking_noise
from aejax.corruptions.noise import Level
from aejax.losses import known_values, squared_error
from aejax.networks import WithMask
from aejax.types import Autoencoder, InputError, Masked, Network, Params, ReconstructionLoss


def imputing_autoencoder(network: Network, *, rate: Level = 0.25,
                         reconstruction: ReconstructionLoss | None = None) -> Autoencoder:
    """Learns each value from the others: ℓ(x, x̂) over the known values, x̂ from x̃, of which a part is hidden anew.

    It trains on `types.Masked` batches (and on complete data). The network is told what is unknown, by nature or by
    the hand of this corruption; no loss is computed where a value is unknown by nature.

    Args:
      network: of one datum, `networks.Dense` or `networks.Convolutional`.
      rate: chance that a known value is hidden, or a pair (lowest, highest) from which each example draws its own.
      reconstruction: ℓ, by default `losses.squared_error()`.

    Source: Gondara and Wang, "MIDA: multiple imputation using denoising autoencoders", PAKDD 2018.

    >>> import jax
    >>> from aejax import networks
    >>> ae = imputing_autoencoder(networks.Dense(shape=(3,), code_dim=2))
    >>> params = ae.init(jax.random.key(0), np.zeros((1, 3), np.float32))
    >>> x = Masked(np.ones((2, 3), np.float32), np.array([[True, False, True], [True, True, True]]))
    >>> bool(np.isfinite(ae.loss(params, jax.random.key(1), x)[0]))
    True
    """
    reconstruction = known_values(squared_error() if reconstruction is None else reconstruction)
    return autoencoder(WithMask(network), corruption=masking_noise(rate, fill=float("nan")),
                       reconstruction=reconstruction)


def impute(ae: Autoencoder, params: Params, x: np.ndarray, known_mask: Bool[np.ndarray, "batch *datum"], *,
           batch_size: int = 1024) -> np.ndarray:
    """m⊙x + (1−m)⊙x̂, (N, *shape), in the dtype of `x`: known values untouched, unknown ones from the known.

    Args:
      ae, params: of `imputing_autoencoder`, trained.
      x: (N, *shape), floats in `ae.range`; values at unknown places do not matter, NaN included.
      known_mask: bool, (N, *shape), True where a value is observed.
      batch_size: examples of one program.

    Raises:
      InputError: a mask of another shape, known values that are not finite, or integers, which cannot be filled.

    >>> import jax
    >>> from aejax import networks
    >>> ae = imputing_autoencoder(networks.Dense(shape=(3,), code_dim=2))
    >>> x = np.array([[1.0, np.nan, 1.0]], np.float32)
    >>> print(impute(ae, ae.init(jax.random.key(0), np.zeros((1, 3), np.float32)), x, ~np.isnan(x))[:, ::2])
    [[1. 1.]]
    """
    if not np.issubdtype(x.dtype, np.floating):
        raise InputError(f"{x.dtype} data: pass floats, which can hold what is filled in")
    if known_mask.shape != x.shape:
        raise InputError(f"a mask of shape {known_mask.shape} for data of shape {x.shape}")
    if not np.isfinite(x[known_mask]).all():
        raise InputError(f"{(~np.isfinite(x[known_mask])).sum()} values that should be known are NaN or infinite")
    batch = Masked(np.where(known_mask, x, 0).astype(np.float32), known_mask)
    return np.where(known_mask, x, in_batches(reconstruct_batch, ae, params, batch, batch_size)).astype(x.dtype)
