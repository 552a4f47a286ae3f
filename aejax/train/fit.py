"""`fit`: trains any `Autoencoder` on data that lie on the device."""

import contextlib
import dataclasses
import logging
import time
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax

from aejax.autoencoder import check_data
from aejax.data.shards import Shards
from aejax.errors import TrainingInterruptedError
from aejax.train.checkpoints import Checkpoints
from aejax.train.evaluation import evaluate
from aejax.train.feed import first_example, segments
from aejax.train.interruption import catch_signals
from aejax.train.resident import batch_at
from aejax.train.step import (
    TrainState,
    block_at,
    count,
    epoch_order,
    init_state,
    run_segment,
    step_key,
    zero_sums,
)
from aejax.types import Autoencoder, Batch, Callback, InputError, Key, Metrics

logger = logging.getLogger("aejax")
History = dict[str, list[float]]


class NonFiniteLossError(FloatingPointError):
    """Loss or gradient became NaN or infinite.

    Attributes:
      step: the step that failed, counted from 0 over the whole run.
      culprit: what was not finite: a term of the loss, the gradient of a named parameter, or the validation loss.
      state: the last good state.
      history: of the epochs before.
    """

    def __init__(self, step: int, culprit: str, state: TrainState, history: History):
        super().__init__(f"training stopped at step {step}: {culprit} is NaN or infinite; the parameters before that "
                         "step are kept. Lower the learning rate, or look at the data")
        self.step, self.culprit, self.state, self.history = step, culprit, state, history


@dataclasses.dataclass
class _Progress:
    """All that a checkpoint must hold for the resumed run to be the uninterrupted one."""

    state: TrainState
    sums: Metrics           # of the unfinished epoch
    best: TrainState | None
    epoch: int = 0
    step: int = 0           # of the epoch
    best_loss: float = np.inf
    waited: int = 0
    seconds: float = 0.0    # spent on the unfinished epoch before an interruption
    history: History = dataclasses.field(default_factory=dict)

    def tree(self) -> dict[str, Any]:
        return {"state": self.state, "sums": self.sums, "best": self.best}

    def meta(self, seconds: float) -> dict[str, Any]:
        return {"epoch": self.epoch, "step": self.step, "best_loss": self.best_loss, "waited": self.waited,
                "history": self.history, "seconds": seconds}


def fit(
    ae: Autoencoder, x: Batch | Shards, *, optimizer: optax.GradientTransformation, key: Key,
    shuffle_key: Key | None = None, epochs: int, batch_size: int = 256, validation: Batch | None = None,
    patience: int | None = None, min_delta: float = 0.0, restore_best_weights: bool = True,
    callbacks: Sequence[Callback] = (), checkpoint: Checkpoints | None = None, resume: bool = False,
) -> tuple[TrainState, History]:
    """Minimises the mean of `ae.loss` over `x`; each epoch is one compiled program on device-resident data.

    An epoch leaves out the incomplete last batch: other examples each time, since the order changes. Validation is
    exact over every example and uses the same noise after each epoch.

    Args:
      ae: any autoencoder.
      x: (N, *shape), uint8 or floats in `ae.range`; or a pytree with one leading axis; or `data.Shards`, which stay on
        disk: the same batches in the same order as of an array.
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
      checkpoint: where to save every `checkpoint.every` steps; SIGTERM and SIGINT then save and stop.
      resume: go on from the newest undamaged checkpoint, bit for bit as if never stopped; from the beginning where
        there is none.

    Returns:
      The final state, and the history: equally long lists "loss", its terms, "val_…" of these, and "seconds".

    Raises:
      InputError: unusable arguments or data.
      NonFiniteLossError: NaN or infinite loss, gradient or validation loss; it holds the last good state: with
        `patience` and after a non-finite validation loss, the best one.
      TrainingInterruptedError: a signal came, and `checkpoint` is saved.

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
    example = first_example(x)
    state = init_state(ae, optimizer, init_key, example)
    validation = jax.device_put(validation)

    steps, left_out = divmod(examples, batch_size)
    if left_out:
        logger.info("each epoch leaves out %d of %d examples (the incomplete last batch), others each time",
                    left_out, examples)
    info = {"epochs": epochs, "batch_size": batch_size, "steps_per_epoch": steps, "examples": examples,
            "left_out": left_out, "parameters": sum(leaf.size for leaf in jax.tree.leaves(state.params)),
            "device": str(jax.tree.leaves(state.params)[0].devices())}
    progress = _Progress(state, zero_sums(ae, state, example, batch_size), None if patience is None else
                         jax.tree.map(jnp.copy, state))
    with contextlib.ExitStack() as stack:
        if checkpoint is not None:
            checkpoint.resume |= resume
            stack.enter_context(checkpoint)
            _restore(checkpoint, progress)
        interruption = stack.enter_context(catch_signals() if checkpoint else contextlib.nullcontext())
        for callback in callbacks:   # before it begins, so that it ends whatever happens
            stack.callback(callback.on_train_end, progress.history)
        for callback in callbacks:
            callback.on_train_begin(info | {"history": progress.history})
        feed = stack.enter_context(contextlib.closing(segments(
            x, lambda epoch: epoch_order(shuffle_key, epoch, examples), batch_size=batch_size, epochs=epochs,
            start=(progress.epoch, progress.step), every=checkpoint and checkpoint.every)))
        while progress.epoch < epochs and not (patience is not None and progress.waited >= patience):
            begin = time.perf_counter() - progress.seconds
            while progress.step < steps:
                segment, start = next(feed), progress.step
                progress.state, progress.sums, reached = run_segment(
                    progress.state, progress.sums, segment.x, segment.order, noise_key, progress.epoch, start,
                    segment.stop, ae=ae, optimizer=optimizer, batch_size=batch_size)
                scores = {}
                if segment.stop == steps and validation is not None:
                    scores = evaluate(progress.state.params, validation_key, validation, ae=ae)
                # a segment's one synchronisation
                totals, scores, reached = jax.device_get((progress.sums, scores, reached))
                if reached < segment.stop:
                    failed = int(reached)
                    batch = (block_at(segment.x, failed - start) if segment.order is None else
                             batch_at(segment.x, segment.order, failed, batch_size))
                    raise _diagnose(ae, progress, batch, step_key(noise_key, progress.epoch, failed), failed, steps)
                if not np.isfinite(scores.get("loss", 0.0)):
                    raise NonFiniteLossError(
                        progress.epoch * steps + steps, f"the validation loss after epoch {progress.epoch + 1}",
                        progress.best if np.isfinite(progress.best_loss) else progress.state, progress.history)
                progress.step = segment.stop
                if segment.stop < steps:
                    _save(checkpoint, progress, steps, segment.stop - start, time.perf_counter() - begin, interruption)
            logs = {name: float(total) / steps for name, total in totals.items()}
            logs |= {f"val_{name}": float(value) for name, value in scores.items()}
            logs["seconds"] = time.perf_counter() - begin
            stopped = _end_epoch(progress, logs, callbacks, patience, min_delta)
            _save(checkpoint, progress, steps, steps - start, 0.0, interruption)
            if stopped:
                break
    take_best = restore_best_weights and np.isfinite(progress.best_loss)
    return (progress.best if take_best else progress.state), progress.history


def _end_epoch(progress: _Progress, logs: dict[str, float], callbacks: Sequence[Callback], patience: int | None,
               min_delta: float) -> bool:
    """Books a finished epoch; whether a callback asks to stop."""
    for name, value in logs.items():
        progress.history.setdefault(name, []).append(value)
    stop = [callback.on_epoch_end(progress.epoch, logs, progress.state) for callback in callbacks]
    if patience is not None:
        progress.waited += 1
        if logs["val_loss"] < progress.best_loss - min_delta:
            progress.best_loss, progress.waited = logs["val_loss"], 0
            progress.best = jax.tree.map(jnp.copy, progress.state)   # the next epoch takes the buffers of `state`
    progress.epoch, progress.step, progress.seconds = progress.epoch + 1, 0, 0.0
    progress.sums = jax.tree.map(jnp.zeros_like, progress.sums)
    return any(stop)


def _save(checkpoint: Checkpoints | None, progress: _Progress, steps: int, just_taken: int, seconds: float,
          interruption: Any) -> None:
    """Saves where a checkpoint is due or a signal came; stops after a signal."""
    if checkpoint is None:
        return
    taken = progress.epoch * steps + progress.step
    if taken // checkpoint.every > (taken - just_taken) // checkpoint.every or interruption.received:
        losses = progress.history.get("val_loss") or progress.history.get("loss")
        checkpoint.save(taken, progress.tree(), meta=progress.meta(seconds), loss=losses and losses[-1])
    if interruption.received:
        checkpoint.wait()
        raise TrainingInterruptedError(interruption.received, taken)


def _restore(checkpoint: Checkpoints, progress: _Progress) -> None:
    found = checkpoint.restore(progress.tree())
    if found is None:
        return
    step, tree, meta = found
    logger.info("resumed at step %d", step)
    for name, value in (tree | meta).items():
        setattr(progress, name, value)


def _check_arguments(ae: Autoencoder, x: Batch | Shards, epochs: int, batch_size: int, validation: Batch | None,
                     patience: int | None) -> int:
    sizes = {len(x)} if isinstance(x, Shards) else {
        leaf.shape[0] if getattr(leaf, "ndim", 0) else 0 for leaf in jax.tree.leaves(x)}
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
    if isinstance(x, Shards) and x.dtype != np.uint8 and x.range != ae.range:
        raise InputError(f"{x.name}: floats of range {x.range} for a loss of range {ae.range}: choose another loss")
    check_data(first_example(x) if isinstance(x, Shards) else x, ae.range)
    if isinstance(validation, Shards):
        raise InputError("validation must lie in memory: pass validation.gather(numpy.arange(10_000)), for example")
    if validation is not None:
        if count(validation) == 0:
            raise InputError("validation holds no example")
        check_data(validation, ae.range)
    return examples


def _diagnose(ae: Autoencoder, progress: _Progress, batch: Batch, key: Key, step: int, steps: int,
              ) -> NonFiniteLossError:
    """Repeats the failed step to name what was not finite."""
    gradient_of = jax.jit(jax.value_and_grad(ae.loss, has_aux=True))
    (_, metrics), gradient = gradient_of(progress.state.params, key, batch)
    terms = [name for name, value in metrics.items() if name != "loss" and not np.isfinite(value).all()]
    leaves = [f"the gradient of {jax.tree_util.keystr(path)}" for path, leaf in
              jax.tree_util.tree_leaves_with_path(gradient) if not np.isfinite(leaf).all()]
    culprit = " and ".join(f"the {name} term" for name in terms) or (leaves or ["the loss"])[0]
    return NonFiniteLossError(progress.epoch * steps + step, culprit, progress.state, progress.history)
