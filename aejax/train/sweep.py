"""Many trainings as one program: seeds and traced hyper-parameters are a `vmap` axis, and every batch is shared."""

import functools
from collections.abc import Callable, Mapping

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Array

from aejax.autoencoder import check_data
from aejax.train.step import TrainState, batch_at, count, epoch_order, step_key, train_step
from aejax.types import Autoencoder, Batch, InputError, Key, Metrics, Params, Scalar

MakeAutoencoder = Callable[..., Autoencoder]


@functools.partial(jax.jit, static_argnames=("make", "optimizer", "batch_size"), donate_argnames="states")
def run_epoch(states: TrainState, points: Mapping[str, Array], x: Batch, noise_keys: Key, shuffle_key: Key,
              epoch: Scalar, *, make: MakeAutoencoder, optimizer: optax.GradientTransformation, batch_size: int,
              ) -> tuple[TrainState, Metrics]:
    """One epoch of every point, (P, …) leading every leaf; all points see the same batches, each draws its own noise.

    A point whose loss or gradient is not finite keeps its last good state from that step on; its metrics say so.

    Returns:
      The states, and the mean of each metric over the steps, (P,).
    """
    order = epoch_order(shuffle_key, epoch, count(x))

    def advance(states: TrainState, step: Array) -> tuple[TrainState, Metrics]:
        batch = batch_at(x, order, step, batch_size)

        def one(state: TrainState, key: Key, point: Mapping[str, Array]) -> tuple[TrainState, Metrics]:
            return train_step(make(**point), optimizer, state, step_key(key, epoch, step), batch)[:2]
        return jax.vmap(one)(states, noise_keys, points)
    states, metrics = jax.lax.scan(advance, states, jnp.arange(count(x) // batch_size))
    return states, jax.tree.map(lambda values: jnp.mean(values, axis=0), metrics)


def sweep(make: MakeAutoencoder, x: Batch, *, points: Mapping[str, np.ndarray], seeds: np.ndarray,
          optimizer: optax.GradientTransformation, shuffle_key: Key, epochs: int, batch_size: int = 256,
          params: Params | None = None, on_epoch_end: Callable[[int, TrainState], None] | None = None,
          ) -> tuple[TrainState, dict[str, np.ndarray]]:
    """Trains P autoencoders at once: point p is `make(**{name: values[p]})` started from seed `seeds[p]`.

    Equal to P runs of `fit` with `key=jax.random.key(seeds[p])` and this `shuffle_key`, up to rounding.

    Args:
      make: keyword arguments of one point (traced scalars) -> Autoencoder; shapes must not depend on them.
      x: (N, *shape), as for `fit`.
      points: {name: (P,)}; {} where only seeds differ.
      seeds: (P,), whole numbers.
      optimizer, epochs, batch_size: as for `fit`.
      shuffle_key: of the order that all points share.
      params: (P, …) to start from, instead of `init`.
      on_epoch_end: called with the epoch and the states, whose buffers the next epoch takes.

    Returns:
      The states, (P, …), and the history: {metric: (epochs, P)}.

    Raises:
      InputError: unequal lengths, unusable data, fewer examples than a batch.

    >>> from aejax import networks, variants
    >>> network = networks.Dense(shape=(4,), code_dim=2)
    >>> def make(weight):
    ...     return variants.contractive(network, weight=weight)
    >>> states, history = sweep(make, np.zeros((8, 4), np.float32), points={"weight": np.array([0.1, 1.0])},
    ...                         seeds=np.array([0, 0]), optimizer=optax.sgd(0.1), shuffle_key=jax.random.key(0),
    ...                         epochs=1, batch_size=4)
    >>> history["loss"].shape
    (1, 2)
    """
    if any(len(values) != len(seeds) for values in points.values()) or not len(seeds):
        raise InputError(f"{len(seeds)} seeds, but points of lengths {[len(v) for v in points.values()]}: one each")
    if epochs < 1 or count(x) < batch_size:
        raise InputError(f"epochs {epochs}, {count(x)} examples, batches of {batch_size}: at least one of each")
    points = {name: jnp.asarray(values) for name, values in points.items()}
    check_data(x, make(**{name: values[0] for name, values in points.items()}).range)
    keys = jax.vmap(jax.random.key)(jnp.asarray(seeds))
    init_keys, noise_keys = (jax.vmap(lambda key, i=i: jax.random.fold_in(key, i))(keys) for i in range(2))
    x = jax.device_put(x)
    if params is None:
        example = jax.tree.map(lambda leaf: leaf[:1], x)
        params = jax.vmap(lambda key, point: make(**point).init(key, example))(init_keys, points)
    states = TrainState(params, jax.vmap(optimizer.init)(params), jnp.zeros(len(seeds), jnp.int32))
    history: dict[str, list[np.ndarray]] = {}
    for epoch in range(epochs):
        states, metrics = run_epoch(states, points, x, noise_keys, shuffle_key, epoch, make=make, optimizer=optimizer,
                                    batch_size=batch_size)
        for name, value in jax.device_get(metrics).items():
            history.setdefault(name, []).append(value)
        if on_epoch_end is not None:
            on_epoch_end(epoch, states)
    return states, {name: np.stack(values) for name, values in history.items()}
