"""The objective over a whole data set: exact over every example, whatever the batch size."""

import functools

import jax
import jax.numpy as jnp

from aejax.train.step import count
from aejax.types import Autoencoder, Batch, Key, Metrics, Params


@functools.partial(jax.jit, static_argnames=("ae", "batch_size"))
def evaluate(params: Params, key: Key, x: Batch, *, ae: Autoencoder, batch_size: int = 1024) -> Metrics:
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
    examples = count(x)
    full, rest = divmod(examples, batch_size)

    def metrics_of(index, batch: Batch) -> Metrics:
        return ae.loss(params, jax.random.fold_in(key, index), batch)[1]

    means = []   # (metrics, number of examples)
    if full:
        batches = jax.tree.map(lambda a: a[: full * batch_size].reshape(full, batch_size, *a.shape[1:]), x)
        stacked = jax.lax.map(lambda pair: metrics_of(*pair), (jnp.arange(full), batches))
        means.append((jax.tree.map(lambda m: jnp.mean(m, axis=0), stacked), full * batch_size))
    if rest:
        means.append((metrics_of(full, jax.tree.map(lambda a: a[full * batch_size:], x)), rest))
    return jax.tree.map(lambda *values: sum(v * (n / examples) for v, (_, n) in zip(values, means, strict=True)),
                        *(metrics for metrics, _ in means))
