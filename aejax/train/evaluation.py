"""The objective over a whole data set: exact over every example, whatever the batch size."""

import functools

import jax
import jax.numpy as jnp

from aejax.train.step import count
from aejax.types import Autoencoder, Batch, Key, Metrics, Params

BATCH = 1024


@functools.partial(jax.jit, static_argnames=("ae", "batch_size"))
def evaluate(params: Params, key: Key, x: Batch, *, ae: Autoencoder, batch_size: int = BATCH) -> Metrics:
    """Mean of every metric of `ae.loss` over all examples of `x`, on the device.

    Full batches and the incomplete last one are weighted by their size, so no example is left out or counted twice. A
    penalty about a whole batch (KL sparsity) is averaged over batches. Batch b draws its noise from fold_in(key, b).

    >>> import jax
    >>> from aejax import networks, variants
    >>> ae = variants.standard(networks.Dense(shape=(4,), code_dim=2))
    >>> metrics = evaluate(ae.init(jax.random.key(0), jnp.zeros((1, 4))), jax.random.key(1), jnp.zeros((5, 4)), ae=ae)
    >>> sorted(metrics)
    ['loss', 'penalty', 'reconstruction']
    """
    return evaluate_parts.__wrapped__(params, key, *split(x, batch_size), ae=ae)


def split(x: Batch, batch_size: int = BATCH) -> tuple[Batch | None, Batch | None]:
    """The full batches, (K, batch_size, …), and the incomplete last one; None where there is none.

    >>> import numpy as np
    >>> [part.shape for part in split(np.zeros((5, 4)), 2)]
    [(2, 2, 4), (1, 4)]
    """
    full, rest = divmod(count(x), batch_size)
    batches = jax.tree.map(lambda a: a[: full * batch_size].reshape(full, batch_size, *a.shape[1:]), x)
    return batches if full else None, jax.tree.map(lambda a: a[full * batch_size:], x) if rest else None


@functools.partial(jax.jit, static_argnames="ae")
def evaluate_parts(params: Params, key: Key, batches: Batch | None, rest: Batch | None, *, ae: Autoencoder) -> Metrics:
    """`evaluate` of data that are `split`, wherever the parts lie."""
    def metrics_of(index, batch: Batch) -> Metrics:
        return ae.loss(params, jax.random.fold_in(key, index), batch)[1]

    full, means = 0, []   # (metrics, number of examples)
    if batches is not None:
        full, batch_size = jax.tree.leaves(batches)[0].shape[:2]
        stacked = jax.lax.map(lambda pair: metrics_of(*pair), (jnp.arange(full), batches))
        means.append((jax.tree.map(lambda m: jnp.mean(m, axis=0), stacked), full * batch_size))
    if rest is not None:
        means.append((metrics_of(full, rest), count(rest)))
    examples = sum(n for _, n in means)
    return jax.tree.map(lambda *values: sum(v * (n / examples) for v, (_, n) in zip(values, means, strict=True)),
                        *(metrics for metrics, _ in means))
