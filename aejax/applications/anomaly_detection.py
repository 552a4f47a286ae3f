"""Scores of how odd a datum is: high where the model of normal data does not explain it.

Every score is (ae, params, x, …) -> (N,). `applications.thresholds` turns them into decisions.
"""

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from aejax.applications.batches import in_batches
from aejax.applications.reconstruction import reconstruct_batch
from aejax.autoencoder import to_range
from aejax.types import Autoencoder, Batch, Params


def _reconstruction_score(ae: Autoencoder, params: Params, x: Batch) -> Array:
    residual = to_range(x, ae.range) - reconstruct_batch(ae, params, x)
    return 0.5 * jnp.sum(jnp.square(residual.reshape(len(x), -1)), axis=1)


def reconstruction_score(ae: Autoencoder, params: Params, x: np.ndarray, *, batch_size: int = 1024) -> np.ndarray:
    """½‖x − x̂‖² of every example, x̂ the autoencoder's own reconstruction; in squared units of `ae.range`.

    Args:
      ae, params: trained on normal data.
      x: (N, *shape), uint8 or floats in `ae.range`.
      batch_size: examples of one program.

    Returns:
      (N,), high where odd.

    >>> import jax
    >>> from aejax import networks, variants
    >>> ae = variants.standard(networks.Dense(shape=(4,), code_dim=2))
    >>> reconstruction_score(ae, ae.init(jax.random.key(0), jnp.zeros((1, 4))), np.zeros((3, 4), np.float32)).shape
    (3,)
    """
    return in_batches(_reconstruction_score, ae, params, x, batch_size)
