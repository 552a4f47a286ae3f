"""Train a recipe into a run folder; `aejax.measuring` measures it."""

import contextlib
import dataclasses
import logging
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import jax
import numpy as np
import optax

from aejax.autoencoder import check_data
from aejax.data import Dataset, split_validation
from aejax.loss_courses import Finding, until_best
from aejax.recipes import Recipe, build
from aejax.runs import clear, held, save
from aejax.trackers import JsonLines
from aejax.train import NonFiniteLossError, TrainState, fit, init_state
from aejax.train.checkpoints import Checkpoints
from aejax.train.hosts import by_first
from aejax.train.parallel import local, route
from aejax.training_doctor import findings
from aejax.types import Autoencoder, Callback, InputError, Params

logger = logging.getLogger("aejax")

STEPS = 10        # of an epoch, at least: with one or two, the usual number of epochs teaches next to nothing
LEAST_BATCH = 8   # examples


@dataclasses.dataclass(frozen=True)
class Training:
    """How a recipe is trained: Adam, and a validation part cut from the training data by seed.

    Attributes:
      epochs, batch_size, learning_rate, seed: as named; the seed is that of parameters, noise, order and split.
      validation: fraction of the training data held out, 0 for none (as papers and the notebook do).
      patience: epochs without a better val_loss before training stops and returns to the best; None: never.
      devices, parallel: as for `fit`.
    """

    epochs: int = 20
    batch_size: int = 256
    learning_rate: float = 1e-3
    seed: int = 0
    validation: float = 0.1
    patience: int | None = None
    devices: str | int | None = None
    parallel: str = "mesh"


@dataclasses.dataclass(frozen=True)
class Trained:
    """A freshly trained recipe: the autoencoder, its state on one device, its history, and the seconds of `fit`."""

    recipe: Recipe
    ae: Autoencoder
    state: TrainState
    history: Mapping[str, list[float]]
    seconds: float

    @property
    def params(self) -> Params:
        """The trained parameters."""
        return self.state.params


def check_training(training: Training) -> None:
    """Refuses settings before any work starts."""
    for name, least in (("epochs", 1), ("batch_size", 1), ("patience", 1), ("seed", 0)):
        value = getattr(training, name)
        if value is not None and value < least:
            raise InputError(f"--{name.replace('_', '-')} must be at least {least}, got {value}")
    if not 0 < training.learning_rate < np.inf:
        raise InputError(f"--learning-rate must be a positive number, got {training.learning_rate}")
    if not 0 <= training.validation < 1:
        raise InputError(f"--validation is a fraction from 0 to below 1, got {training.validation}")
    if training.patience is not None and not training.validation:
        raise InputError("--patience needs validation data: set --validation above 0")
    route(training.devices, training.parallel, 1, training.batch_size)


def suited(training: Training, data: Dataset, batch_size: int | None) -> Training:
    """`training` with batches of `batch_size`, or where that is None with as few as leave an epoch `STEPS` steps.

    These are a power of two, which devices divide, from `LEAST_BATCH` to the batch size that `training` has.
    """
    share = int(len(data.train) * (1 - training.validation)) // STEPS
    size = max(LEAST_BATCH, 2 ** max(share, 1).bit_length() // 2)
    if batch_size is not None or size >= training.batch_size:
        return training
    logger.info("batches of %d examples: larger ones would leave an epoch less than %d steps", size, STEPS)
    return dataclasses.replace(training, batch_size=size)


def check_enough(data: Dataset, training: Training) -> None:
    """Refuses data that, less the validation part, do not fill a batch."""
    left = len(data.train) - round(len(data.train) * training.validation)
    if data.train_groups is not None:
        left = len(parts(data, training)[0])
    if left < training.batch_size:
        without = f" without the {training.validation:.0%} for validation" if training.validation else ""
        raise InputError(f"{data.name}: {left} training examples{without} are fewer than a batch of "
                         f"{training.batch_size}: lower --batch-size, or bring more data")


def parts(data: Dataset, training: Training) -> tuple[np.ndarray, np.ndarray | None]:
    """The training data less the validation part, and this part, if any."""
    if not training.validation:
        return data.train, None
    return split_validation(data.train, training.validation, training.seed, groups=data.train_groups)


def examine(recipe: Recipe, ae: Autoencoder, params: Params, history: Mapping[str, list[float]] | None, data: Dataset,
            training: Training) -> list[Finding]:
    """What is ill about a model that was trained so, looked at on its validation part, without one on training data."""
    x, validation = parts(data, training)
    if history is not None and training.patience is not None:
        history = until_best(history)
    return findings(ae, params, x if validation is None or not len(validation) else validation, history, recipe=recipe)


def train(recipe: Recipe, data: Dataset, training: Training, callbacks: Sequence[Callback] = (),
          checkpoint: Checkpoints | None = None) -> Trained:
    """Builds and trains a recipe on `data.train`; `checkpoint` as for `fit`.

    Raises:
      InputError: settings, recipe and data do not fit.
      NonFiniteLossError: as `fit`.
    """
    check_training(training)
    ae = build(recipe)
    x, validation = parts(data, training)
    begin = time.perf_counter()
    state, history = fit(ae, x, optimizer=optax.adam(training.learning_rate), key=jax.random.key(training.seed),
                         epochs=training.epochs, batch_size=training.batch_size, validation=validation,
                         patience=training.patience, callbacks=callbacks, checkpoint=checkpoint,
                         devices=training.devices, parallel=training.parallel)
    seconds = time.perf_counter() - begin
    return Trained(recipe, ae, local(jax.block_until_ready(state)), history, seconds)


def _check_fit(ae: Autoencoder, data: Dataset) -> None:
    """Refuses data that the autoencoder does not take, before anything is written."""
    check_data(data.train[:1], ae.range)
    init_state(ae, optax.identity(), jax.random.key(0), data.train[:1])


def train_run(recipe: Recipe, data: Dataset, training: Training, path: Path, *, command: str,
              source: Mapping[str, Any] | None = None, callbacks: Sequence[Callback] = (),
              checkpoint_every: int | None = None, resume: bool = False) -> Trained:
    """Trains a recipe into the folder `path`: config.json, metrics.jsonl, params.safetensors.

    Recipe, settings and data are checked before an older run's files are removed. After a non-finite loss the last
    good parameters are saved, with the reason in config.json's "status", and the error goes on. `source` holds the
    arguments of `data.load`, so that the run can be evaluated on the same data again. With `checkpoint_every` or
    `resume`, checkpoints lie in `path`/checkpoints, and `resume` goes on from them. One process writes to `path` at a
    time, the first of those that train together: another one is refused, and touches nothing.
    """
    check_training(training)
    _check_fit(build(recipe), data)
    check_enough(data, training)
    checkpoint = None
    if resume or checkpoint_every is not None:
        checkpoint = Checkpoints(path / "checkpoints", every=1000 if checkpoint_every is None else checkpoint_every,
                                 configuration={"recipe": dataclasses.asdict(recipe), **dataclasses.asdict(training),
                                                "data": data.digest}, resume=resume)
    first = jax.process_index() == 0
    scale = data.standardiser
    config = {"command": command, "training": dataclasses.asdict(training), "seed": training.seed,
              "data": {"name": data.name, "source": data.source, "sha256": data.digest, "shape": data.shape,
                       "range": data.range, "notes": data.notes, "load": source,
                       "standardiser": scale and {"mean": scale.mean, "std": scale.std}}}
    with contextlib.ExitStack() as stack:
        def hold() -> None:
            stack.enter_context(held(path))
            if not resume:
                clear(path)
        by_first(hold)
        try:
            watching = (*callbacks, JsonLines(path / "metrics.jsonl")) if first else ()
            trained = train(recipe, data, training, watching, checkpoint)
        except NonFiniteLossError as error:
            if first:
                save(path, recipe, error.state.params, {"status": str(error), **config})
            raise
        if first:
            save(path, recipe, trained.state.params,
                 {"status": "done", "seconds": round(trained.seconds, 2), "steps": int(trained.state.step), **config})
    return trained
