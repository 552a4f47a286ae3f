"""Train a recipe into a run folder, measure it on held-out data beside its baselines."""

import contextlib
import dataclasses
import functools
import itertools
import logging
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax

from aejax import metrics
from aejax.applications.denoising import denoise, linear_denoiser
from aejax.applications.reconstruction import pca, reconstruct
from aejax.autoencoder import check_data, corrupt, to_range
from aejax.data import Dataset, split_validation
from aejax.jacobian import encoder_of, squared_norm
from aejax.networks import full_precision
from aejax.recipes import Recipe, build, build_corruption, build_network
from aejax.runs import Run, clear, held, save
from aejax.trackers import JsonLines
from aejax.train import NonFiniteLossError, TrainState, fit, init_state
from aejax.train.checkpoints import Checkpoints
from aejax.train.hosts import by_first
from aejax.train.parallel import local, route
from aejax.types import Autoencoder, Callback, Corruption, InputError, Key, Params, Range

LINEAR_VALUES = 4096   # of a datum; a matrix of its square is inverted
Row = dict[str, Any]
logger = logging.getLogger("aejax")


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


@dataclasses.dataclass(frozen=True)
class Results:
    """A results table and the arrays behind it.

    Attributes:
      rows: one per model, then one per baseline (these have "baseline": True).
      clean, noisy: test data on the models' float scale, and the same corrupted: every row saw the same arrays.
      baselines: (reconstruction, restoration) by name.
      range: of the arrays.
    """

    rows: list[Row]
    clean: np.ndarray
    noisy: np.ndarray
    baselines: dict[str, tuple[np.ndarray, np.ndarray]]
    range: Range | None


def results(models: Mapping[str, Trained | Run], data: Dataset, corruption: Mapping[str, Any],
            seed: int = 0) -> Results:
    """Measures models of one range on `data.test`, beside baselines of the same code widths fitted on `data.train`."""
    (range,) = {model.ae.range for model in models.values()}
    clean, noisy = test_arrays(data, corruption, range, seed)
    rows = [{"name": name, **measure(model.recipe, model.ae, model.params, clean, noisy),
             "seconds": getattr(model, "seconds", None)} for name, model in models.items()]
    code_dims = [row["code_dim"] for row in rows if row["code_dim"] is not None]
    linear, arrays = baselines(data, corruption, range, clean, noisy, code_dims, seed)
    return Results(rows + linear, clean, noisy, arrays, range)


def test_arrays(data: Dataset, corruption: Mapping[str, Any], range: Range | None, seed: int = 0,
                ) -> tuple[np.ndarray, np.ndarray]:
    """Test data on the float scale `range`, and the same corrupted."""
    return _corrupted(data.test, build_corruption(corruption), range, jax.random.fold_in(jax.random.key(seed), 10_000))


def _corrupted(x: np.ndarray, corruption: Corruption, range: Range | None, key: Key) -> tuple[np.ndarray, np.ndarray]:
    """`x` on the float scale, and corrupted; one program, where one operation at a time would compile thirty."""
    @jax.jit
    def both(key: Key, x: jax.Array) -> tuple[jax.Array, jax.Array]:
        clean = to_range(x, range)
        return clean, corrupt(corruption, key, clean, range)
    return jax.device_get(both(key, jnp.asarray(x)))


def measure(recipe: Recipe, ae: Autoencoder, params: Params, clean: np.ndarray, noisy: np.ndarray) -> Row:
    """The numbers of one model on test data: errors, and the mean of ‖∂h/∂x‖_F over them (on the scale of `clean`)."""
    network = full_precision(build_network(recipe.network))
    facts = {"parameters": sum(a.size for a in jax.tree.leaves(params)),
             **errors(reconstruct(ae, params, clean), denoise(ae, params, noisy), clean, ae.range)}
    if ae.reconstruct is not None:
        return {"code_dim": None, "jacobian_norm": None, **facts}   # what leads around the code says more than the code
    inputs = clean.reshape(len(clean), -1) if getattr(network, "flat", False) else clean
    norm = jax.jit(lambda params, x: jnp.sqrt(squared_norm(encoder_of(network, params), x, chunk_size=50)))
    norms = [norm(params, inputs[i: i + 500]) for i in range(0, len(inputs), 500)]
    return {"code_dim": network.code_dim, "jacobian_norm": float(np.mean(np.concatenate(norms))), **facts}


def errors(reconstruction: np.ndarray, restored: np.ndarray, clean: np.ndarray, range: Range | None) -> Row:
    """Test errors of a reconstruction from clean and of a restoration from corrupted input."""
    found = [[float(value) for value in _means(outputs, clean, range=range)] for outputs in (reconstruction, restored)]
    (mse, psnr), (restored_mse, restored_psnr) = found
    row = {"mse": mse, "restored_mse": restored_mse}
    if range is not None:
        row |= {"signed_mse": 4 * mse, "restored_signed_mse": 4 * restored_mse,   # on [-1, 1]
                "psnr": psnr, "restored_psnr": restored_psnr}
    return row


@functools.partial(jax.jit, static_argnames="range")
def _means(outputs: jax.Array, clean: jax.Array, *, range: Range | None) -> tuple[jax.Array, jax.Array]:
    """Mean MSE and mean PSNR on the [0, 1] scale."""
    pair = metrics.to_unit(outputs, range), metrics.to_unit(clean, range)
    return metrics.mse(*pair).mean(), metrics.psnr(*pair).mean()


def baselines(data: Dataset, corruption: Mapping[str, Any], range: Range | None, clean: np.ndarray, noisy: np.ndarray,
              code_dims: Sequence[int], seed: int = 0) -> tuple[list[Row], dict[str, tuple[np.ndarray, np.ndarray]]]:
    """What an honest critic compares with, fitted on the training data: PCA of the same code, the best linear denoiser.

    Data of more than `LINEAR_VALUES` values get neither: the products take hours.

    Returns:
      Table rows, and the arrays behind them by name: (reconstruction, restoration).
    """
    cut = (lambda a: a) if range is None else (lambda a: np.clip(a, *range))
    outputs = {"corrupted input": (clean, cut(noisy))}
    if small := clean[0].size <= LINEAR_VALUES:
        train, train_noisy = _corrupted(data.train, build_corruption(corruption), range,
                                        jax.random.fold_in(jax.random.key(seed), 20_000))
        linear = linear_denoiser(train, train_noisy)
        outputs["linear denoiser"] = linear(clean), linear(noisy)
    else:
        logger.info("no linear baselines: %d values a datum are more than %d", clean[0].size, LINEAR_VALUES)
    details: dict[str, Row] = {}
    for d in sorted({min(d, train[0].size) for d in code_dims} if small else ()):
        model = pca(train, d)
        plain = model.reconstruct(clean), model.reconstruct(noisy)
        named = {f"PCA-{d}": plain} | ({} if range is None else {f"PCA-{d}, cut to range": tuple(map(cut, plain))})
        outputs |= named
        facts = {"code_dim": d, "parameters": (d + 1) * train[0].size, "jacobian_norm": d**0.5}   # d orthonormal rows
        details |= dict.fromkeys(named, facts)
    rows = [{"name": name, "baseline": True, **details.get(name, {}), **errors(*pair, clean, range)}
            for name, pair in outputs.items()]
    for row, key in itertools.product(rows[:2 if small else 1], ("mse", "signed_mse", "psnr")):
        row[key] = None   # the input itself, and a map fitted to restore: nothing to compare with
    return rows, outputs
