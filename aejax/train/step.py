"""One training step, and a segment of an epoch as one loop on the device."""

import dataclasses
import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax.flatten_util import ravel_pytree
from jaxtyping import Array

from aejax import threefry
from aejax.train.resident import batch_at
from aejax.types import ArrayLike, Autoencoder, Batch, Key, Metrics, Params, Scalar


@functools.partial(jax.tree_util.register_dataclass, data_fields=["params", "optimizer_state", "step"], meta_fields=[])
@dataclasses.dataclass(frozen=True)
class TrainState:
    """What training changes: parameters, the optimiser's state, and the number of steps taken."""

    params: Params
    optimizer_state: optax.OptState
    step: Any   # an int32 scalar; transformations put other leaves in its place


def init_state(ae: Autoencoder, optimizer: optax.GradientTransformation, key: Key, x: Batch) -> TrainState:
    """The state before the first step, by one program; `x` is a batch, or one example with its leading axis."""
    state = _initial(key, x, ae=ae, optimizer=optimizer)
    getattr(ae.init, "check", lambda params, x: None)(state.params, x)
    return state


@functools.partial(jax.jit, static_argnames=("ae", "optimizer"))   # kept: the next fit of the same two compiles nothing
def _initial(key: Key, x: Batch, *, ae: Autoencoder, optimizer: optax.GradientTransformation) -> TrainState:
    params = ae.init(key, x)
    return TrainState(params, optimizer.init(params), jnp.zeros((), jnp.int32))


def train_step(ae: Autoencoder, optimizer: optax.GradientTransformation, state: TrainState, key: Key, batch: Batch,
               axis: str | None = None, checked: bool = False) -> tuple[TrainState, Metrics, Array]:
    """One gradient step, and whether it went well: the loss was finite. Where not, `step` stays.

    Inside of a mapped `axis` the step is that of the mean over its members, the same on each of them. `checked` also
    looks at the gradient and at the new parameters, and leaves the state as it was where something is not finite; it
    costs copies, since new values cannot take the old ones' memory.
    """
    ae = ae if ae.scheduled is None else ae.scheduled(state.step)
    (loss, metrics), gradient = jax.value_and_grad(ae.loss, has_aux=True)(state.params, key, batch)
    if axis is not None:   # scalars as one vector: a constant among them would be reduced by itself, outside the loop
        scalars, restore = ravel_pytree((loss, metrics))
        scalars, gradient = jax.lax.pmean((scalars, gradient), axis)
        loss, metrics = restore(scalars)
    finite = jnp.isfinite(loss)
    updates, optimizer_state = optimizer.update(gradient, state.optimizer_state, state.params)
    params = optax.apply_updates(state.params, updates)
    if checked:
        finite &= all_finite((gradient, params))
    new = TrainState(params, optimizer_state, state.step + finite)
    return jax.tree.map(lambda a, b: jnp.where(finite, a, b), new, state) if checked else new, metrics, finite


def all_finite(tree: Any) -> Array:
    """Whether no value of the tree is NaN or infinite."""
    return functools.reduce(jnp.logical_and, (jnp.isfinite(leaf).all() for leaf in jax.tree.leaves(tree)))


def count(x: Batch) -> int:
    """Number of examples: the length of the leading axis that all leaves share."""
    return jax.tree.leaves(x)[0].shape[0]


def block_at(x: Batch, index: Scalar) -> Batch:
    """Batch number `index` of a block of batches."""
    return jax.tree.map(lambda leaf: jax.lax.dynamic_index_in_dim(leaf, index, keepdims=False), x)


def epoch_order(shuffle_key: Key, epoch: int, examples: int) -> np.ndarray:
    """The order of an epoch, a pure function of the key and the epoch, so that a resumed run is the same run.

    Drawn on the host: sorting on the device would take a tenth of a small network's epoch.
    """
    seed = [epoch, *map(int, np.asarray(jax.random.key_data(shuffle_key)).ravel())]
    return np.random.default_rng(seed).permutation(examples).astype(np.int32)


def step_key(noise_key: Key, epoch: Scalar, step: Scalar) -> Key:
    """The key of step `step` of epoch `epoch`."""
    return threefry.fold_in(threefry.fold_in(noise_key, epoch), step)


def zero_sums(ae: Autoencoder, state: TrainState, x: Batch, batch_size: int) -> Metrics:
    """What `run_segment` adds to at the beginning of an epoch."""
    batch = jax.tree.map(lambda leaf: jax.ShapeDtypeStruct((batch_size, *leaf.shape[1:]), leaf.dtype), x)
    shapes = jax.eval_shape(ae.loss, state.params, jax.random.key(0), batch)[1]
    return jax.tree.map(lambda metric: jnp.zeros(metric.shape, metric.dtype), shapes)


@functools.partial(jax.jit, static_argnames=("ae", "optimizer", "batch_size", "axis", "checked"),
                   donate_argnames=("state", "sums"))
def run_segment(state: TrainState, sums: Metrics, x: Batch, order: ArrayLike | None, noise_key: Key, epoch: Scalar,
                start: Scalar, stop: Scalar, *, ae: Autoencoder, optimizer: optax.GradientTransformation,
                batch_size: int, axis: str | None = None, checked: bool = False) -> tuple[TrainState, Metrics, Array]:
    """Steps start…stop−1 of an epoch in one loop on the device; ends early where something is not finite.

    That is noticed by the loss, or at the end by the parameters, and the state is then lost: take the steps again from
    where they began, `checked`, for the step that failed and the state before it.

    `epoch`, `start` and `stop` are traced: every segment of every epoch is the same program. Without `order`, `x` holds
    the batches of these steps, (stop − start, batch_size, …). Each member of a mapped `axis` has its own part of every
    batch, and its own noise.

    Returns:
      The state, `sums` plus the metrics of each step, and the step that ended it (`stop` where all were finite).
    """
    def advance(carry):
        step, state, sums, _ = carry
        batch = block_at(x, step - start) if order is None else batch_at(x, order, step, batch_size)
        key = step_key(noise_key, epoch, step)
        if axis is not None:
            key = jax.random.fold_in(key, jax.lax.axis_index(axis))
        state, metrics, finite = train_step(ae, optimizer, state, key, batch, axis, checked)
        return step + finite, state, jax.tree.map(jnp.add, sums, metrics), finite

    step, state, sums, _ = jax.lax.while_loop(
        lambda carry: (carry[0] < stop) & carry[3], advance, (jnp.asarray(start), state, sums, jnp.asarray(True)))
    return state, sums, jnp.where(all_finite(state.params), step, jnp.minimum(step, stop - 1))
