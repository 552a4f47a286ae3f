"""How much of a corruption a denoising autoencoder leaves."""

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from aejax.applications.reconstruction import reconstruct
from aejax.autoencoder import to_range
from aejax.types import Autoencoder, Corruption, Key, Params


def left_over(ae: Autoencoder, params: Params, x: np.ndarray | Array, corruption: Corruption, key: Key) -> float:
    """Σ‖x̂(x̃) − x‖² / Σ‖x̃ − x‖²: 0 of what restores all, 1 of what copies its input; 0 where nothing was corrupted.

    Args:
      ae: any autoencoder.
      params: its parameters.
      x: (N, *shape), clean data.
      corruption: x̃ = corruption(key, x).
      key: of the corruption.

    >>> import jax
    >>> from aejax import corruptions, networks, variants
    >>> ae = variants.denoising(networks.Dense(shape=(4,), code_dim=2), corruption=corruptions.masking_noise(0.5))
    >>> x = jnp.ones((8, 4))
    >>> params = jax.tree.map(jnp.zeros_like, ae.init(jax.random.key(0), x))     # everything becomes 0.5
    >>> round(left_over(ae, params, x, lambda key, x: jnp.zeros_like(x), jax.random.key(1)), 6)
    0.25
    """
    x = to_range(jnp.asarray(x), ae.range)
    corrupted = corruption(key, x)
    restored = reconstruct(ae, params, np.asarray(corrupted), batch_size=250)
    before = float(jnp.sum(jnp.square(corrupted - x)))
    return float(jnp.sum(jnp.square(restored - x))) / before if before else 0.0
