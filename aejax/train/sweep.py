"""`sweep`: every point of a grid, with every seed, as few compiled programs on shared batches."""

import contextlib
import dataclasses
import functools
import inspect
import itertools
import logging
import time
from collections.abc import Mapping, Sequence
from typing import Any

import jax
import numpy as np

from aejax.autoencoder import check_data
from aejax.train.memory import available_bytes, fewest_parts
from aejax.train.points import MakeAutoencoder, Optimizer, check_sizes, predict_bytes, resolve, train_points
from aejax.train.resident import resident, take
from aejax.train.step import TrainState, count, init_state, train_step
from aejax.train.sweep_result import SweepResult, gather
from aejax.types import Batch, Callback, InputError, Key

logger = logging.getLogger("aejax")


def sweep(
    make_autoencoder: MakeAutoencoder, x: Batch, *, grid: Mapping[str, Sequence[Any]], seeds: Sequence[int] = (0,),
    optimizer: Optimizer, epochs: int, batch_size: int = 256, shuffle_key: Key | None = None,
    validation: Batch | None = None, memory_limit: int | None = None, callbacks: Sequence[Callback] = (),
) -> SweepResult:
    """Trains every point of a grid from every seed, together by `vmap` and on the same batches.

    Numbers become traced arguments of one program where `make_autoencoder` and a training step allow that. Values that
    are no numbers, or that shapes and branches depend on (code_dim), make groups, each compiled once. Every model
    equals a `fit` of its own with `key=jax.random.key(seed)` and this `shuffle_key`, up to rounding.

    Args:
      make_autoencoder: the grid's names as keyword arguments (without learning_rate) -> Autoencoder.
      x: (N, *shape), as for `fit`.
      grid: {name: hashable values}; {} where only seeds differ. A loss that contains what is swept (a penalty's weight,
        a corruption's rate) is another objective at each point: the least one is then not by itself the best model.
      seeds: whole numbers from 0, of initialisation and noise.
      optimizer: from optax; or a function learning rate -> such (`optax.adam`) for a grid with "learning_rate".
      epochs, batch_size: as for `fit`.
      shuffle_key: of the order that all models share; by default that of `fit` with the first seed.
      validation: like `x`; evaluated exactly after each epoch.
      memory_limit: bytes for the models, beside the data; by default half of what is free. Where all models need more,
        they are trained in the fewest equal parts that fit.
      callbacks: called with the means over the models that train together; epochs count on over groups and parts.

    Returns:
      Points, states and history; the best by mean validation loss, or by training loss where there is no validation.

    Raises:
      InputError: unusable grid, seeds or data.

    >>> import optax
    >>> from aejax import networks, variants
    >>> network = networks.Dense(shape=(4,), code_dim=2)
    >>> result = sweep(lambda weight: variants.sparse(network, weight=weight), np.zeros((8, 4), np.float32),
    ...                grid={"weight": (0.1, 1.0)}, seeds=(0, 1), optimizer=optax.adam(0.01), epochs=1, batch_size=4)
    >>> [point.values["weight"] for point in result.points], result.history["loss"].shape
    ([0.1, 1.0], (1, 2, 2))
    """
    check_sizes(x, epochs, batch_size)
    points = _points(make_autoencoder, grid, seeds, optimizer)
    if shuffle_key is None:
        shuffle_key = jax.random.fold_in(jax.random.key(seeds[0]), 2)
    x, validation = resident(x), jax.device_put(validation)
    limit = available_bytes() // 2 if memory_limit is None else memory_limit
    data = {"x": x, "batch_size": batch_size, "validation": validation}
    groups = _groups(make_autoencoder, optimizer, points, seeds, data)
    jobs = [job for group in groups for job in group.split(limit, data)]
    watch = _Watch(callbacks, epochs, len(jobs))
    models: list[Any] = [None] * (len(points) * len(seeds))
    with watch:
        for job in jobs:
            states, history = train_points(job.make, points=job.points, seeds=job.seeds, optimizer=job.optimizer,
                                           shuffle_key=shuffle_key, epochs=epochs, on_epoch_end=watch, **data)
            states = jax.device_get(states)
            for i, place in enumerate(job.places):
                models[place] = _at(states, i), {name: values[:, i] for name, values in history.items()}
    return gather(models, points, tuple(seeds), epochs * (count(x) // batch_size), validation is not None)


def _points(make: MakeAutoencoder, grid: Mapping[str, Sequence[Any]], seeds: Sequence[int], optimizer: Optimizer,
            ) -> list[dict[str, Any]]:
    """Every combination of the grid's values, each built once: numbers out of their range are refused here."""
    if not len(seeds) or min(seeds) < 0:
        raise InputError(f"seeds are whole numbers from 0, at least one, got {tuple(seeds)}")
    for name, values in grid.items():
        if isinstance(values, str) or not len(values):
            raise InputError(f"grid: {name} needs a sequence of at least one value, got {values!r}")
    if callable(optimizer) != ("learning_rate" in grid):
        raise InputError("a grid with learning_rate needs optimizer as a function of it, such as optax.adam; without, "
                         "an optimizer that has its learning rate")
    known = inspect.signature(make).parameters
    open_ended = any(parameter.kind is parameter.VAR_KEYWORD for parameter in known.values())
    for name in grid:
        if name not in known and name != "learning_rate" and not open_ended:
            raise InputError(f"grid: make_autoencoder takes no {name}; it takes {', '.join(known) or 'nothing'}")
    points = [dict(zip(grid, combination, strict=True)) for combination in itertools.product(*grid.values())]
    for point in points:
        resolve(make, optimizer, point)
    return points


@dataclasses.dataclass(frozen=True)
class _Job:
    """Models that one program trains: where each belongs in the flat list of (point, seed), and its arguments."""

    make: MakeAutoencoder
    optimizer: Optimizer
    places: np.ndarray
    points: Mapping[str, np.ndarray]
    seeds: np.ndarray

    def part(self, pick: np.ndarray) -> "_Job":
        points = {name: values[pick] for name, values in self.points.items()}
        return _Job(self.make, self.optimizer, self.places[pick], points, self.seeds[pick])

    def split(self, limit: int, data: Mapping[str, Any]) -> list["_Job"]:
        """The fewest equal parts that fit into `limit` bytes."""
        @functools.cache
        def predict(models: int) -> int:
            job = self.part(np.arange(models))
            return predict_bytes(job.make, points=job.points, seeds=job.seeds, optimizer=job.optimizer, **data)
        parts = fewest_parts(len(self.places), limit, predict)
        size = -(-len(self.places) // parts)
        logger.info("%d models in %d %s of at most %d, about %.3g MB each", len(self.places), parts,
                    "part" if parts == 1 else "parts", size, predict(size) / 1e6)
        return [self.part(pick) for pick in np.array_split(np.arange(len(self.places)), parts)]


def _groups(make: MakeAutoencoder, optimizer: Optimizer, points: Sequence[Mapping[str, Any]], seeds: Sequence[int],
            data: Mapping[str, Any]) -> list[_Job]:
    """Points that one program can train together: equal in everything that cannot be traced."""
    traced = _traceable(make, optimizer, points, data["x"], data["batch_size"])
    members: dict[tuple, list[int]] = {}
    for index, point in enumerate(points):
        members.setdefault(tuple((n, v) for n, v in point.items() if n not in traced), []).append(index)
    if len(members) > 1:
        logger.info("%d programs, one for each %s", len(members), ", ".join(n for n in points[0] if n not in traced))
    jobs = []
    for key, group in members.items():
        fixed = dict(key)
        own = optimizer(fixed.pop("learning_rate")) if "learning_rate" in fixed else optimizer
        ae, _ = resolve(make, optimizer, points[group[0]])
        check_data(data["validation"], ae.range)
        ae.init(jax.random.key(0), take(data["x"], np.arange(1)))   # on concrete input it checks more than when traced
        places = np.add.outer(np.arange(len(seeds)), np.array(group) * len(seeds)).ravel()   # a seed's points together:
        arrays = {n: np.tile([points[i][n] for i in group], len(seeds)) for n in points[0] if n in traced}   # one noise
        jobs.append(_Job(functools.partial(make, **fixed), own, places, arrays, np.repeat(seeds, len(group))))
    return jobs


def _traceable(make: MakeAutoencoder, optimizer: Optimizer, points: Sequence[Mapping[str, Any]], x: Batch,
               batch_size: int) -> set[str]:
    """The names whose values are numbers that a training step can be traced with."""
    def step(value: jax.Array, key: Key, batch: Batch, name: str) -> TrainState:
        own = resolve(make, optimizer, {**points[0], name: value})
        return train_step(*own, init_state(*own, key, batch), key, batch)[0]
    found = set()
    for name in points[0]:
        values = [point[name] for point in points]
        if all(isinstance(value, (int, float, np.number)) and not isinstance(value, bool) for value in values):
            with contextlib.suppress(TypeError):   # as every error of JAX about a value that is not there yet
                jax.eval_shape(functools.partial(step, name=name), jax.numpy.asarray(values)[0], jax.random.key(0),
                               take(x, np.arange(batch_size)))
                found.add(name)
    return found


class _Watch:
    """Passes the epochs of one job after the other on to callbacks, as those of one run."""

    def __init__(self, callbacks: Sequence[Callback], epochs: int, jobs: int):
        self.callbacks, self.epochs, self.history = callbacks, epochs * jobs, {}

    def __enter__(self) -> None:
        self.begin = time.perf_counter()
        for callback in self.callbacks:
            callback.on_train_begin({"epochs": self.epochs})

    def __call__(self, epoch: int, metrics: Mapping[str, np.ndarray], states: TrainState) -> None:
        logs = {name: float(np.mean(values)) for name, values in metrics.items()}
        logs["seconds"], self.begin = time.perf_counter() - self.begin, time.perf_counter()
        for name, value in logs.items():
            self.history.setdefault(name, []).append(value)
        for callback in self.callbacks:
            callback.on_epoch_end(len(self.history["seconds"]) - 1, logs, states)

    def __exit__(self, *error: object) -> None:
        for callback in self.callbacks:
            callback.on_train_end(self.history)


def _at(tree: Any, index: int | slice) -> Any:
    return jax.tree.map(lambda leaf: leaf[index], tree)
