"""A grid of trainings as files: results.csv for programs, results.json with everything, and a plot."""

import csv
import dataclasses
import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import jax
import numpy as np
import optax

from aejax import figures
from aejax.data import Dataset
from aejax.files import atomic
from aejax.recipes import Recipe, build
from aejax.runs import clear, environment, write_json
from aejax.train import SweepResult, sweep
from aejax.types import Callback
from aejax.workflows import Training, check_enough, check_training, parts


def run_grid(
    make_recipe: Callable[..., Recipe], data: Dataset, training: Training, grid: Mapping[str, Sequence[Any]],
    seeds: Sequence[int], output: Path, *, command: str, source: Mapping[str, Any] | None = None,
    memory_limit: int | None = None, callbacks: Sequence[Callback] = (),
) -> SweepResult:
    """Trains every point of a grid from every seed; writes results.csv, results.json and figures/sweep.png.

    The validation part is cut by `training.seed` and the order of examples is that of the first seed, so that the first
    model of a point is the one that `workflows.train` makes of its recipe and that seed.

    Args:
      make_recipe: the grid's names as keyword arguments (without learning_rate; numbers may be traced) -> Recipe.
      data: images, or a table.
      training: shared by all models; a "learning_rate" in the grid replaces its own.
      grid, seeds, memory_limit, callbacks: as for `train.sweep`.
      output: a folder; an older sweep's or run's files in it are removed.
      command, source: kept in results.json.

    Raises:
      InputError: settings, recipes and data do not fit; nothing is written then.
    """
    check_training(training)
    check_enough(data, training)
    x, validation = parts(data, training)
    optimizer = optax.adam if "learning_rate" in grid else optax.adam(training.learning_rate)
    first = {name: values[0] for name, values in grid.items() if name != "learning_rate"}
    build(make_recipe(**first)).init(jax.random.key(0), x[:1])
    clear(output)
    (output / "results.csv").unlink(missing_ok=True)
    result = sweep(lambda **values: build(make_recipe(**values)), x, grid=grid, seeds=seeds, optimizer=optimizer,
                   epochs=training.epochs, batch_size=training.batch_size, validation=validation,
                   memory_limit=memory_limit, callbacks=callbacks)
    settings = {"command": command, "grid": {name: list(values) for name, values in grid.items()},
                "seeds": list(seeds), "training": dataclasses.asdict(training),
                "data": {"name": data.name, "source": data.source, "sha256": data.digest, "notes": data.notes,
                         "load": source}, **environment()}
    _draw(result, output / "figures" / "sweep.png")
    _write_csv(result, output / "results.csv")
    write_json(output / "results.json", settings | {
        "chosen_by": result.chosen_by, "best": result.best and dict(result.best.values), "rows": rows(result)})
    return result


def rows(result: SweepResult) -> list[dict[str, Any]]:
    """One dictionary for each point, numbers that are none as None."""
    found = []
    for point in result.points:
        row = {"values": dict(point.values), "loss": point.loss, "loss_sd": point.loss_sd, "val_loss": point.val_loss,
               "val_loss_sd": point.val_loss_sd, "losses": point.losses, "val_losses": point.val_losses,
               "steps": point.steps, "diverged": point.diverged}
        found.append({name: _plain(value) for name, value in row.items()})
    return found


def table(result: SweepResult) -> list[list[str]]:
    """Cells of the result's table, the header first; the best point is marked."""
    scores = ["loss", "val_loss"] if result.chosen_by == "val_loss" else ["loss"]
    cells = [[*result.points[0].values, *(f"{name} (mean ± sd)" for name in scores), "diverged", ""]]
    for index, point in enumerate(result.points):
        means = [_with_spread(getattr(point, name), getattr(point, f"{name}_sd")) for name in scores]
        cells.append([*map(_short, point.values.values()), *means, f"{sum(point.diverged)} of {len(result.seeds)}",
                      "best" if index == result.best_index else ""])
    return cells


def _write_csv(result: SweepResult, path: Path) -> None:
    """One line for each point and seed; a diverged model has empty losses."""
    with atomic(path) as temporary, temporary.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow([*result.points[0].values, "seed", "loss", "val_loss", "steps", "diverged"])
        for point in result.points:
            for index, seed in enumerate(result.seeds):
                losses = (point.losses[index], None if point.val_losses is None else point.val_losses[index])
                writer.writerow([*point.values.values(), seed, *map(_plain, losses), point.steps[index],
                                 int(point.diverged[index])])


def _draw(result: SweepResult, path: Path) -> None:
    """The score against the first name's values; one line for each combination of the others."""
    name, *others = result.points[0].values
    lines: dict[str, list[tuple[Any, float, float]]] = {}
    for point in result.points:
        label = ", ".join(f"{other} {_short(point.values[other])}" for other in others)
        spread = getattr(point, f"{result.chosen_by}_sd")
        lines.setdefault(label, []).append((point.values[name], getattr(point, result.chosen_by),
                                            0.0 if math.isnan(spread) else spread))
    kind = "validation" if result.chosen_by == "val_loss" else "training"
    few = "1 seed" if len(result.seeds) == 1 else f"mean ± sd of {len(result.seeds)} seeds"
    figures.spreads(path, {label: tuple(zip(*sorted(line, key=_place), strict=True)) for label, line in lines.items()},
                    x=name, y=f"{kind} loss ({few})")


def _place(entry: tuple[Any, float, float]) -> Any:
    return 0 if isinstance(entry[0], str) else entry[0]   # names stay in the grid's order


def _plain(value: Any) -> Any:
    if isinstance(value, tuple):
        return [_plain(part) for part in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _short(value: Any) -> str:
    return f"{value:g}" if isinstance(value, (float, np.floating)) else str(value)


def _with_spread(mean: float, deviation: float) -> str:
    if math.isnan(mean):
        return "–"
    return f"{mean:.5g}" if math.isnan(deviation) else f"{mean:.5g} ± {deviation:.2g}"
