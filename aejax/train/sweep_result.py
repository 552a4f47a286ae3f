"""What a sweep found: one row for each point of the grid, tidy."""

import dataclasses
import math
from collections.abc import Mapping, Sequence
from typing import Any

import jax
import numpy as np

from aejax.train.step import TrainState


@dataclasses.dataclass(frozen=True)
class Point:
    """One point of the grid after training; tuples are by seed.

    Attributes:
      values: the hyper-parameters by name.
      losses: of the last epoch, training; NaN where the seed diverged.
      val_losses: the same on the validation data; None without.
      steps: taken; fewer than all where a loss was not finite, from there on.
      diverged: whether that happened.
    """

    values: Mapping[str, Any]
    losses: tuple[float, ...]
    val_losses: tuple[float, ...] | None
    steps: tuple[int, ...]
    diverged: tuple[bool, ...]

    @property
    def loss(self) -> float:
        """Mean over the seeds; NaN where one diverged."""
        return float(np.mean(self.losses))

    @property
    def loss_sd(self) -> float:
        """Standard deviation over the seeds; NaN for one seed."""
        return _deviation(self.losses)

    @property
    def val_loss(self) -> float | None:
        """Mean over the seeds; NaN where one diverged; None without validation."""
        return None if self.val_losses is None else float(np.mean(self.val_losses))

    @property
    def val_loss_sd(self) -> float | None:
        """Standard deviation over the seeds; NaN for one seed; None without validation."""
        return None if self.val_losses is None else _deviation(self.val_losses)


@dataclasses.dataclass(frozen=True)
class SweepResult:
    """What `sweep` found.

    Attributes:
      points: in the grid's order, the last name varying fastest.
      seeds: as given.
      states: of each point, (seeds, …) leading every leaf, on the host.
      history: {metric: (epochs, points, seeds)}; NaN where a point has no such metric.
      chosen_by: "val_loss", or "loss" where there was no validation: what `best` is the best by.
    """

    points: tuple[Point, ...]
    seeds: tuple[int, ...]
    states: tuple[TrainState, ...]
    history: Mapping[str, np.ndarray]
    chosen_by: str

    @property
    def best_index(self) -> int | None:
        """Place of the point of least mean loss over the seeds; None where every point diverged with some seed."""
        scores = [getattr(point, self.chosen_by) for point in self.points]
        finite = [index for index, score in enumerate(scores) if math.isfinite(score)]
        return min(finite, key=scores.__getitem__, default=None)

    @property
    def best(self) -> Point | None:
        """The point at `best_index`."""
        return None if self.best_index is None else self.points[self.best_index]


def gather(models: Sequence[tuple[TrainState, Mapping[str, np.ndarray]]], points: Sequence[Mapping[str, Any]],
           seeds: tuple[int, ...], steps: int, validated: bool) -> SweepResult:
    """The models, (point, seed) in a flat list, as tidy results."""
    names = list(dict.fromkeys(name for _, history in models for name in history))
    epochs = len(models[0][1]["loss"])
    history = {name: np.stack([own.get(name, np.full(epochs, np.nan)) for _, own in models], axis=1)
               .reshape(epochs, len(points), len(seeds)) for name in names}
    rows, states = [], []
    for index, values in enumerate(points):
        own = [state for state, _ in models[index * len(seeds): (index + 1) * len(seeds)]]
        states.append(jax.tree.map(lambda *leaves: np.stack(leaves), *own))
        taken = tuple(int(state.step) for state in own)
        last = {name: tuple(float(v) if n == steps else math.nan for v, n in zip(history[name][-1, index], taken,
                            strict=True)) for name in ("loss", "val_loss") if name in history}
        rows.append(Point(values, last["loss"], last.get("val_loss"), taken, tuple(n < steps for n in taken)))
    return SweepResult(tuple(rows), seeds, tuple(states), history, "val_loss" if validated else "loss")


def _deviation(values: Sequence[float]) -> float:
    return float(np.std(values, ddof=1)) if len(values) > 1 else math.nan
