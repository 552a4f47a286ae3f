"""What made a training step fail: the step is repeated, and what was not finite gets its name."""

import functools
from typing import Any

import jax
import jax.numpy as jnp

from aejax.train.resident import batch_at
from aejax.train.step import TrainState, block_at, step_key
from aejax.types import ArrayLike, Autoencoder, Batch, Key, Params, Scalar

Finite = Any   # a pair of trees of truth values: of the metrics, and of the gradient


class NonFiniteLossError(FloatingPointError):
    """Loss or gradient became NaN or infinite.

    Attributes:
      step: the step that failed, counted from 0 over the whole run.
      culprit: what was not finite: a term of the loss, the gradient of a named parameter, or the validation loss.
      state: the last good state.
      history: of the epochs before.
    """

    def __init__(self, step: int, culprit: str, state: TrainState, history: dict[str, list[float]]):
        super().__init__(f"training stopped at step {step}: {culprit} is NaN or infinite; the parameters before that "
                         "step are kept. Lower the learning rate, or look at the data")
        self.step, self.culprit, self.state, self.history = step, culprit, state, history


@functools.partial(jax.jit, static_argnames=("ae", "batch_size", "axis"))
def finite_at(params: Params, x: Batch, order: ArrayLike | None, noise_key: Key, epoch: Scalar, start: Scalar,
              step: Scalar, *, ae: Autoencoder, batch_size: int, axis: str | None = None) -> Finite:
    """Whether each metric and each parameter's gradient is finite at one step; arguments as for `run_segment`."""
    key = step_key(noise_key, epoch, step)
    if axis is not None:
        key = jax.random.fold_in(key, jax.lax.axis_index(axis))
    batch = block_at(x, step - start) if order is None else batch_at(x, order, step, batch_size)
    (_, metrics), gradient = jax.value_and_grad(ae.loss, has_aux=True)(params, key, batch)
    finite = jax.tree.map(lambda leaf: jnp.isfinite(leaf).all(), (metrics, gradient))
    return finite if axis is None else jax.tree.map(lambda flag: jax.lax.pmin(flag.astype(int), axis), finite)


def culprit(finite: Finite) -> str:
    """The terms of the loss that were not finite, else the first such gradient.

    >>> culprit(({"loss": False, "penalty": True}, {"w": False}))
    "the gradient of ['w']"
    """
    metrics, gradient = jax.device_get(finite)
    terms = [f"the {name} term" for name, flag in metrics.items() if name != "loss" and not flag]
    leaves = [f"the gradient of {jax.tree_util.keystr(path)}" for path, flag in
              jax.tree_util.tree_leaves_with_path(gradient) if not flag]
    return " and ".join(terms) or (leaves or ["an updated parameter" if metrics.get("loss", True) else "the loss"])[0]
