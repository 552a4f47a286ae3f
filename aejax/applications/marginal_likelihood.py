"""How likely data are by a model with a posterior: −log p(x), estimated by importance sampling."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from aejax import threefry
from aejax.importance import log_weights
from aejax.train.step import count
from aejax.types import Autoencoder, Batch, InputError, Key, Params, Scalar

AT_ONCE = 2000   # codes that are decoded together, which bounds memory


def nll(ae: Autoencoder, params: Params, key: Key, x: Batch, *, samples: int = 5000) -> Float[np.ndarray, " examples"]:
    """−log (1/K) Σ_k w_k of each datum, w_k its importance weights, in nats.

    An upper bound of −log p(x) on average, and the closer the larger K. Divided by the number of values and by log 2
    it is in bits a value.

    Args:
      key: of the samples; each datum and each chunk of samples has its own.
      x: data as for `ae.loss`; a model of black and white needs black and white here too.
      samples: K.

    Raises:
      InputError: no posterior, no likelihood, or samples < 1.

    Source: Burda, Grosse, Salakhutdinov, "Importance weighted autoencoders", ICLR 2016, equation 8.

    >>> from aejax import losses, networks, variants
    >>> ae = variants.variational(networks.Dense(shape=(4,), code_dim=2), reconstruction=losses.cross_entropy())
    >>> nll(ae, ae.init(jax.random.key(0), x := jnp.zeros((3, 4))), jax.random.key(1), x, samples=10).shape
    (3,)
    """
    if samples < 1:
        raise InputError(f"samples must be at least 1, got {samples}")
    examples = count(x)
    chunk = min(samples, AT_ONCE)
    batch = max(1, min(examples, AT_ONCE // chunk))
    found = []
    for start in range(0, examples, batch):
        rows = np.minimum(np.arange(start, start + batch), examples - 1)   # the last batch repeats its last datum
        part = jax.tree.map(lambda leaf, rows=rows: leaf[rows], x)
        total = _log_sum(params, threefry.fold_in(key, start), part, samples, ae=ae, chunk=chunk)
        found.append(np.log(samples) - np.asarray(total)[: examples - start])
    return np.concatenate(found)


@functools.partial(jax.jit, static_argnames=("ae", "chunk"))
def _log_sum(params: Params, key: Key, x: Batch, samples: Scalar, *, ae: Autoencoder, chunk: int,
             ) -> Float[Array, " batch"]:
    """log Σ w over the samples, so many at a time; those of the last chunk that are too many count nothing."""
    def add(chunk_index: Array, total: Array) -> Array:
        log_weight, _ = log_weights(ae, params, threefry.fold_in(key, chunk_index), x, chunk)
        wanted = chunk_index * chunk + jnp.arange(chunk) < samples
        return jnp.logaddexp(total, jax.nn.logsumexp(jnp.where(wanted[:, None], log_weight, -jnp.inf), axis=0))
    return jax.lax.fori_loop(0, -(-samples // chunk), add, jnp.full(count(x), -jnp.inf))
