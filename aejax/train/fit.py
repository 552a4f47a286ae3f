"""`fit`: trains any `Autoencoder` on data that lie on the device."""

import contextlib
import logging
import time
from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np
import optax

from aejax.autoencoder import check_data
from aejax.train.evaluation import evaluate
from aejax.train.step import TrainState, batch_at, count, epoch_order, init_state, run_segment, step_key
from aejax.types import Autoencoder, Batch, Callback, InputError, Key, Scalar

logger = logging.getLogger("aejax")
History = dict[str, list[float]]


class NonFiniteLossError(FloatingPointError):
    """Loss or gradient became NaN or infinite.

    Attributes:
      step: the step that failed, counted from 0 over the whole run.
      culprit: what was not finite: a term of the loss, or the gradient of a named parameter.
      state: the last good state.
      history: of the epochs before.
    """

    def __init__(self, step: int, culprit: str, state: TrainState, history: History):
        super().__init__(f"training stopped at step {step}: {culprit} is NaN or infinite; the parameters before that "
                         "step are kept. Lower the learning rate, or look at the data")
        self.step, self.culprit, self.state, self.history = step, culprit, state, history


def fit(
    ae: Autoencoder, x: Batch, *, optimizer: optax.GradientTransformation, key: Key, shuffle_key: Key | None = None,
    epochs: int, batch_size: int = 256, validation: Batch | None = None, patience: int | None = None,
    min_delta: float = 0.0, restore_best_weights: bool = True, callbacks: Sequence[Callback] = (),
) -> tuple[TrainState, History]:
    """Minimises the mean of `ae.loss` over `x`; each epoch is one compiled program on device-resident data.

    An epoch leaves out the incomplete last batch: other examples each time, since the order changes. Validation is
    exact over every example and uses the same noise after each epoch.

    Args:
      ae: any autoencoder.
      x: (N, *shape), uint8 or floats in `ae.range`; or a pytree with one leading axis.
      optimizer: from optax. Build it once: each new one is compiled anew.
      key: of initialisation, noise, and, without `shuffle_key`, order.
      shuffle_key: of the order alone, for runs that are to share their batches.
      epochs: at least 1.
      batch_size: at most N.
      validation: like `x`; adds val_loss and its terms to the history.
      patience: stop after so many epochs in which val_loss did not fall by more than `min_delta`; needs `validation`.
      min_delta: a smaller fall is none.
      restore_best_weights: with `patience`, return the state of the epoch with the lowest val_loss, else the last.
      callbacks: see `types.Callback`.

    Returns:
      The final state, and the history: equally long lists "loss", its terms, "val_…" of these, and "seconds".

    Raises:
      InputError: unusable arguments or data.
      NonFiniteLossError: NaN or infinite loss or gradient; it holds the last good state.

    >>> from aejax import networks, variants
    >>> ae = variants.standard(networks.Dense(shape=(4,), code_dim=2))
    >>> state, history = fit(ae, np.zeros((8, 4), np.float32), optimizer=optax.adam(1e-3), key=jax.random.key(0),
    ...                      epochs=2, batch_size=4)
    >>> int(state.step), len(history["loss"])
    (4, 2)
    """
    examples = _check_arguments(ae, x, epochs, batch_size, validation, patience)
    init_key, noise_key, order_key, validation_key = (jax.random.fold_in(key, i) for i in range(4))
    shuffle_key = order_key if shuffle_key is None else shuffle_key
    state = init_state(ae, optimizer, init_key, jax.tree.map(lambda leaf: leaf[:1], x))
    x, validation = jax.device_put(x), jax.device_put(validation)

    steps, left_out = divmod(examples, batch_size)
    if left_out:
        logger.info("each epoch leaves out %d of %d examples (the incomplete last batch), others each time",
                    left_out, examples)
    info = {"epochs": epochs, "batch_size": batch_size, "steps_per_epoch": steps, "examples": examples,
            "left_out": left_out, "parameters": sum(leaf.size for leaf in jax.tree.leaves(state.params)),
            "device": str(jax.tree.leaves(x)[0].devices())}
    history: History = {}
    best, best_loss, waited = None, np.inf, 0
    with contextlib.ExitStack() as stack:
        for callback in callbacks:
            stack.callback(callback.on_train_end, history)   # before it begins, so that it ends whatever happens
        for callback in callbacks:
            callback.on_train_begin(info)
        for epoch in range(epochs):
            begin = time.perf_counter()
            state, sums, reached = run_segment(state, x, noise_key, shuffle_key, epoch, 0, steps, ae=ae,
                                               optimizer=optimizer, batch_size=batch_size)
            scores = {} if validation is None else evaluate(state.params, validation_key, validation, ae=ae)
            sums, scores, reached = jax.device_get((sums, scores, reached))   # the epoch's one synchronisation
            if reached < steps:
                raise _diagnose(ae, state, x, noise_key, shuffle_key, epoch, int(reached), steps, batch_size, history)
            logs = {name: float(total) / steps for name, total in sums.items()}
            logs |= {f"val_{name}": float(value) for name, value in scores.items()}
            logs["seconds"] = time.perf_counter() - begin
            for name, value in logs.items():
                history.setdefault(name, []).append(value)
            stop = [callback.on_epoch_end(epoch, logs, state) for callback in callbacks]
            if patience is not None:
                waited += 1
                if logs["val_loss"] < best_loss - min_delta:
                    best_loss, waited = logs["val_loss"], 0
                    best = jax.tree.map(jnp.copy, state)   # the next epoch takes the buffers of `state`
            if any(stop) or (patience is not None and waited >= patience):
                break
    return (best if best is not None and restore_best_weights else state), history


def _check_arguments(ae: Autoencoder, x: Batch, epochs: int, batch_size: int, validation: Batch | None,
                     patience: int | None) -> int:
    sizes = {leaf.shape[0] if getattr(leaf, "ndim", 0) else 0 for leaf in jax.tree.leaves(x)}
    if len(sizes) != 1:
        raise InputError(f"x needs one leading axis of examples, got lengths {sorted(sizes)}")
    (examples,) = sizes
    for name, value, least in (("epochs", epochs, 1), ("batch_size", batch_size, 1), ("patience", patience, 1)):
        if value is not None and value < least:
            raise InputError(f"{name} must be at least {least}, got {value}")
    if examples < batch_size:
        raise InputError(f"{examples} examples are fewer than a batch of {batch_size}: lower batch_size, or bring more")
    if patience is not None and validation is None:
        raise InputError("patience needs validation data: pass validation=, or leave patience out")
    check_data(x, ae.range)
    if validation is not None:
        if count(validation) == 0:
            raise InputError("validation holds no example")
        check_data(validation, ae.range)
    return examples


def _diagnose(ae: Autoencoder, state: TrainState, x: Batch, noise_key: Key, shuffle_key: Key, epoch: int, step: Scalar,
              steps: int, batch_size: int, history: History) -> NonFiniteLossError:
    """Repeats the failed step to name what was not finite."""
    batch = batch_at(x, epoch_order(shuffle_key, epoch, count(x)), step, batch_size)
    gradient_of = jax.jit(jax.value_and_grad(ae.loss, has_aux=True))
    (_, metrics), gradient = gradient_of(state.params, step_key(noise_key, epoch, step), batch)
    terms = [name for name, value in metrics.items() if name != "loss" and not np.isfinite(value).all()]
    leaves = [f"the gradient of {jax.tree_util.keystr(path)}" for path, leaf in
              jax.tree_util.tree_leaves_with_path(gradient) if not np.isfinite(leaf).all()]
    culprit = " and ".join(f"the {name} term" for name in terms) or (leaves or ["the loss"])[0]
    return NonFiniteLossError(epoch * steps + int(step), culprit, state, history)
