"""`fit`: trains any `Autoencoder`, on one device that holds the data, or on many that are fed."""

import contextlib
import functools
import logging
import time
from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np
import optax

from aejax.autoencoder import check_data
from aejax.data.shards import Shards
from aejax.train.checkpoints import Checkpoints
from aejax.train.diagnosis import NonFiniteLossError, culprit
from aejax.train.feed import first_example, segments
from aejax.train.hosts import meet
from aejax.train.interruption import catch_signals
from aejax.train.parallel import Devices, route
from aejax.train.progress import History, Progress
from aejax.train.step import TrainState, count, epoch_order, init_state, zero_sums
from aejax.types import Autoencoder, Batch, Callback, InputError, Key

logger = logging.getLogger("aejax")
__all__ = ["NonFiniteLossError", "fit"]


def fit(
    ae: Autoencoder, x: Batch | Shards, *, optimizer: optax.GradientTransformation, key: Key,
    shuffle_key: Key | None = None, epochs: int, batch_size: int = 256, validation: Batch | None = None,
    patience: int | None = None, min_delta: float = 0.0, restore_best_weights: bool = True,
    callbacks: Sequence[Callback] = (), devices: Devices = None, parallel: str = "mesh", model_devices: int = 1,
    checkpoint: Checkpoints | None = None, resume: bool = False,
) -> tuple[TrainState, History]:
    """Minimises the mean of `ae.loss` over `x`; each epoch is one compiled program on device-resident data.

    On several devices data stay with the host, which feeds blocks of batches; each device has an equal part of each
    batch, of the same examples as on one device. Parameters are those of one device up to rounding, with "pmap" for a
    loss that draws no noise and says nothing about a whole batch; see `train.parallel`.

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
      callbacks: see `types.Callback`; their `state` has no axis of devices.
      devices: "all", a number, or some of `jax.devices()`; None: one, or all where there are several processes.
      parallel: "mesh": noise, and penalties about a whole batch, as on one device; "pmap": each device has its own.
      model_devices: with "mesh", over how many of the devices the longer axis of matrices named "kernel", and of what
        the optimiser keeps of them, is spread where this number divides it; the others divide the batch.
      checkpoint: where to save every `checkpoint.every` steps; SIGTERM and SIGINT then save and stop.
      resume: go on from the newest undamaged checkpoint, bit for bit as if never stopped; from the beginning where
        there is none.

    Returns:
      The final state, on each of the devices, and the history: equally long lists "loss", its terms, "val_…" of these,
      and "seconds".

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
    on = route(devices, parallel, model_devices, batch_size)
    init_key, noise_key, order_key, validation_key = (jax.random.fold_in(key, i) for i in range(4))
    shuffle_key = order_key if shuffle_key is None else shuffle_key
    example = first_example(x)
    with on.birthplace():
        state = init_state(ae, optimizer, init_key, example)
        sums = zero_sums(ae, state, example, batch_size)
    state, sums, noise_key, validation_key = map(on.spread, (state, sums, noise_key, validation_key))
    validation = on.validation(validation)

    steps, left_out = divmod(examples, batch_size)
    if left_out:
        logger.info("each epoch leaves out %d of %d examples (the incomplete last batch), others each time",
                    left_out, examples)
    info = {"epochs": epochs, "batch_size": batch_size, "steps_per_epoch": steps, "examples": examples,
            "left_out": left_out, "parameters": sum(leaf.size for leaf in jax.tree.leaves(state.params)),
            "device": str(jax.tree.leaves(state.params)[0].devices())}
    progress = Progress(state, sums, None if patience is None else jax.tree.map(jnp.copy, state))
    with contextlib.ExitStack() as stack:
        if checkpoint is not None:
            checkpoint.resume |= resume
            stack.enter_context(checkpoint)
            meet("checkpoints")   # the first process has tidied the folder up
            progress.restore(checkpoint)
        interruption = stack.enter_context(catch_signals() if checkpoint else contextlib.nullcontext())
        for callback in callbacks:   # before it begins, so that it ends whatever happens
            stack.callback(callback.on_train_end, progress.history)
        for callback in callbacks:
            callback.on_train_begin(info | {"history": progress.history})
        feed = stack.enter_context(contextlib.closing(segments(
            x, lambda epoch: epoch_order(shuffle_key, epoch, examples), batch_size=batch_size, epochs=epochs,
            start=(progress.epoch, progress.step), every=checkpoint and checkpoint.every, share=on.share,
            put=None if on.resident else on.put)))
        while progress.epoch < epochs and not (patience is not None and progress.waited >= patience):
            begin = time.perf_counter() - progress.seconds
            while progress.step < steps:
                segment, start = next(feed), progress.step
                before = jax.tree.map(jnp.copy, (progress.state, progress.sums))
                run = functools.partial(on.run, x=segment.x, order=segment.order, noise_key=noise_key,
                                        epoch=progress.epoch, start=start, stop=segment.stop, ae=ae,
                                        optimizer=optimizer, batch_size=batch_size)
                progress.state, progress.sums, reached = run(progress.state, progress.sums)
                scores = {}
                if segment.stop == steps and validation is not None:
                    scores = on.evaluate(progress.state.params, validation_key, validation, ae=ae)
                # a segment's one synchronisation
                totals, scores, reached = jax.device_get((progress.sums, scores, reached))
                if reached < segment.stop:   # the same steps again, for the last good state
                    progress.state, _, reached = run(*before, checked=True)
                    failed = int(reached)
                    finite = on.finite_at(progress.state.params, segment.x, segment.order, noise_key, progress.epoch,
                                          start, failed, ae=ae, batch_size=batch_size)
                    raise NonFiniteLossError(progress.epoch * steps + failed, culprit(finite), progress.state,
                                             progress.history)
                if not np.isfinite(scores.get("loss", 0.0)):
                    raise NonFiniteLossError(
                        progress.epoch * steps + steps, f"the validation loss after epoch {progress.epoch + 1}",
                        progress.best if np.isfinite(progress.best_loss) else progress.state, progress.history)
                progress.step = segment.stop
                if segment.stop < steps:
                    progress.save(checkpoint, steps, segment.stop - start, time.perf_counter() - begin, interruption)
            logs = {name: float(total) / steps for name, total in totals.items()}
            logs |= {f"val_{name}": float(value) for name, value in scores.items()}
            logs["seconds"] = time.perf_counter() - begin
            stopped = progress.end_epoch(logs, callbacks, patience, min_delta, on.spread)
            progress.save(checkpoint, steps, steps - start, 0.0, interruption)
            if stopped:
                break
    take_best = restore_best_weights and np.isfinite(progress.best_loss)
    return (progress.best if take_best else progress.state), progress.history


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
