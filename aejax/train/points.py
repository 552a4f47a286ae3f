"""Many trainings as one program: seeds and traced hyper-parameters are a `vmap` axis, and every batch is shared."""

import dataclasses
import functools
from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Array

from aejax.autoencoder import check_data
from aejax.train.evaluation import evaluate
from aejax.train.memory import program_bytes
from aejax.train.resident import batch_at, resident, take
from aejax.train.step import TrainState, all_finite, count, epoch_order, init_state, step_key, train_step
from aejax.types import ArrayLike, Autoencoder, Batch, InputError, Key, Metrics, Params, Scalar

MakeAutoencoder = Callable[..., Autoencoder]
Optimizer = optax.GradientTransformation | Callable[[Scalar], optax.GradientTransformation]
Points = Mapping[str, Array]


def resolve(make: MakeAutoencoder, optimizer: Optimizer, point: Mapping[str, Any],
            ) -> tuple[Autoencoder, optax.GradientTransformation]:
    """The autoencoder and the optimiser of one point; a function `optimizer` takes the point's learning_rate."""
    point = dict(point)
    if callable(optimizer):
        optimizer = optimizer(point.pop("learning_rate"))
    return make(**point), optimizer


@functools.partial(jax.jit, static_argnames=("make", "optimizer", "batch_size", "block"), donate_argnames="states")
def run_epoch(states: TrainState, points: Points, seeds: Array, x: Batch, validation: Batch | None, order: ArrayLike,
              epoch: Scalar, *, make: MakeAutoencoder, optimizer: Optimizer, batch_size: int, block: int = 1,
              ) -> tuple[TrainState, Metrics]:
    """One epoch of every point, (P, …) leading every leaf; all points see the same batches, each seed its own noise.

    Every `block` neighbours have one seed: their noise is drawn once, since the inner `vmap` leaves the key alone. A
    point whose loss is not finite is lost: its `step` stays behind from there on, its metrics and parameters say so.

    Returns:
      The states, and the mean of each metric over the steps, (P,); "val_…", exact over `validation`, after them.
    """
    keys = jax.vmap(jax.random.key)(seeds[::block])
    noise_keys, validation_keys = (jax.vmap(lambda key, i=i: jax.random.fold_in(key, i))(keys) for i in (1, 3))

    def each(function: Callable[[Any, Key, Points], Any]) -> Callable[[Any, Key, Points], Any]:
        return jax.vmap(jax.vmap(function, in_axes=(0, None, 0)))

    def advance(states: TrainState, step: Array) -> tuple[TrainState, Metrics]:
        batch = batch_at(x, order, step, batch_size)

        def one(state: TrainState, key: Key, point: Points) -> tuple[TrainState, Metrics]:
            return train_step(*resolve(make, optimizer, point), state, step_key(key, epoch, step), batch)[:2]
        return each(one)(states, noise_keys, points)
    states, points = _split((states, points), block)
    steps = count(x) // batch_size
    states, metrics = jax.lax.scan(advance, states, jnp.arange(steps))
    well = jax.vmap(jax.vmap(all_finite))(states.params)   # the loss of the last step does not know its update
    states = dataclasses.replace(states, step=jnp.where(well, states.step, jnp.minimum(states.step,
                                                                                       (epoch + 1) * steps - 1)))
    metrics = jax.tree.map(lambda values: jnp.mean(values, axis=0), metrics)
    if validation is not None:
        def score(params: Params, key: Key, point: Points) -> Metrics:
            ae, _ = resolve(make, optimizer, point)   # made of traced numbers: no static argument of another program
            return evaluate.__wrapped__(params, key, validation, ae=ae)
        scores = each(score)(states.params, validation_keys, points)
        metrics |= {f"val_{name}": values for name, values in scores.items()}
    return jax.tree.map(lambda leaf: leaf.reshape(-1, *leaf.shape[2:]), (states, metrics))


def _split(tree: Any, block: int) -> Any:
    """(P, …) -> (P / block, block, …) of every leaf."""
    return jax.tree.map(lambda leaf: leaf.reshape(-1, block, *leaf.shape[1:]), tree)


def equal_blocks(seeds: np.ndarray) -> int:
    """The greatest length of equal blocks of which each repeats one seed.

    >>> equal_blocks(np.array([5, 5, 5, 5, 6, 6]))
    2
    """
    lengths = [length for length in range(1, len(seeds) + 1) if len(seeds) % length == 0]
    return max(length for length in lengths if (_split(seeds, length) == seeds[::length, None]).all())


@functools.partial(jax.jit, static_argnames=("make", "optimizer"))
def init_points(points: Points, seeds: Array, example: Batch, *, make: MakeAutoencoder, optimizer: Optimizer,
                ) -> TrainState:
    """The states before the first step, as `fit` makes them of key(seed)."""
    def one(seed: Array, point: Points) -> TrainState:
        return init_state(*resolve(make, optimizer, point), jax.random.fold_in(jax.random.key(seed), 0), example)
    return jax.vmap(one)(seeds, points)


def check_sizes(x: Batch, epochs: int, batch_size: int) -> None:
    """Refuses what makes no step."""
    if epochs < 1 or batch_size < 1 or count(x) < batch_size:
        raise InputError(f"epochs {epochs}, {count(x)} examples, batches of {batch_size}: at least one of each")


def predict_bytes(make: MakeAutoencoder, x: Batch, *, points: Mapping[str, np.ndarray], seeds: np.ndarray,
                  optimizer: Optimizer, batch_size: int, validation: Batch | None = None) -> int:
    """Bytes that `train_points` holds at once beside the data, from the compiled program, which is kept and not run."""
    block = equal_blocks(np.asarray(seeds))
    points, seeds = {name: jnp.asarray(values) for name, values in points.items()}, jnp.asarray(seeds)
    x = resident(x)
    states = jax.eval_shape(functools.partial(init_points, make=make, optimizer=optimizer), points, seeds,
                            take(x, np.arange(1)))
    program = run_epoch.lower(states, points, seeds, x, validation, np.arange(count(x), dtype=np.int32), 0, make=make,
                              optimizer=optimizer, batch_size=batch_size, block=block).compile()
    return program_bytes(program) - sum(leaf.nbytes for leaf in jax.tree.leaves((x, validation)))


def train_points(make: MakeAutoencoder, x: Batch, *, points: Mapping[str, np.ndarray], seeds: np.ndarray,
                 optimizer: Optimizer, shuffle_key: Key, epochs: int, batch_size: int = 256,
                 validation: Batch | None = None, params: Params | None = None,
                 on_epoch_end: Callable[[int, Mapping[str, np.ndarray], TrainState], None] | None = None,
                 ) -> tuple[TrainState, dict[str, np.ndarray]]:
    """Trains P autoencoders at once: point p is `make(**{name: values[p]})` started from seed `seeds[p]`.

    Equal to P runs of `fit` with `key=jax.random.key(seeds[p])` and this `shuffle_key`, up to rounding. `train.sweep`
    makes the points from a grid.

    Args:
      make: keyword arguments of one point (traced scalars) -> Autoencoder; shapes must not depend on them.
      x: (N, *shape), as for `fit`.
      points: {name: (P,)}; {} where only seeds differ.
      seeds: (P,), whole numbers.
      optimizer: from optax; or a function learning rate -> such, which takes the points' "learning_rate".
      shuffle_key: of the order that all points share.
      epochs, batch_size: as for `fit`.
      validation: like `x`; adds "val_…" to the history.
      params: (P, …) to start from, instead of `init`.
      on_epoch_end: called with the epoch, its metrics {name: (P,)} and the states, whose buffers the next epoch takes.

    Returns:
      The states, (P, …), and the history: {metric: (epochs, P)}.

    Raises:
      InputError: unequal lengths, unusable data, fewer examples than a batch.

    >>> from aejax import networks, variants
    >>> network = networks.Dense(shape=(4,), code_dim=2)
    >>> def make(weight):
    ...     return variants.contractive(network, weight=weight)
    >>> states, history = train_points(make, np.zeros((8, 4), np.float32), points={"weight": np.array([0.1, 1.0])},
    ...                                seeds=np.array([0, 0]), optimizer=optax.sgd(0.1), epochs=1, batch_size=4,
    ...                                shuffle_key=jax.random.key(0))
    >>> history["loss"].shape
    (1, 2)
    """
    if any(len(values) != len(seeds) for values in points.values()) or not len(seeds):
        raise InputError(f"{len(seeds)} seeds, but points of lengths {[len(v) for v in points.values()]}: one each")
    check_sizes(x, epochs, batch_size)
    block = equal_blocks(np.asarray(seeds))
    points, seeds = {name: jnp.asarray(values) for name, values in points.items()}, jnp.asarray(seeds)
    ae, _ = resolve(make, optimizer, {name: values[0] for name, values in points.items()})
    for data in (x, validation):
        check_data(data, ae.range)
    x, validation = resident(x), jax.device_put(validation)
    if params is None:
        states = init_points(points, seeds, take(x, np.arange(1)), make=make, optimizer=optimizer)
    else:
        def start(p: Params, point: Points) -> optax.OptState:
            return resolve(make, optimizer, point)[1].init(p)
        params = jax.tree.map(jnp.copy, params)   # the first epoch takes the buffers; the caller keeps theirs
        states = TrainState(params, jax.vmap(start)(params, points), jnp.zeros(len(seeds), jnp.int32))
    history: dict[str, list[np.ndarray]] = {}
    for epoch in range(epochs):
        order = epoch_order(shuffle_key, epoch, count(x))
        states, metrics = run_epoch(states, points, seeds, x, validation, order, epoch, make=make, optimizer=optimizer,
                                    batch_size=batch_size, block=block)
        metrics = jax.device_get(metrics)
        for name, value in metrics.items():
            history.setdefault(name, []).append(value)
        if on_epoch_end is not None:
            on_epoch_end(epoch, metrics, states)
    return states, {name: np.stack(values) for name, values in history.items()}
