"""Does an autoencoder restore images better than what one would use otherwise? One table and one figure per task.

Denoising, inpainting, super-resolution of MNIST and Fashion-MNIST, of patches of photographs and of faces, and the
warning of the lecture's figure 9. Networks learn from training images; strengths of classical methods, ridges and the
prior's weight are chosen on 200 of 2,000 training images set aside; test images are only measured on. One row is one
task on one data set from one seed, and holds every method, so that all see the same inputs.

Command: python -m experiments.restoration --data-dir FOLDER   (85 minutes, with each data set in a process of its own
(`--datasets`) on a core of its own; `--tasks` for some)
Result: experiments/results/restoration.json and restoration_<task>_<data>.png, of holes also …_energy.png
"""

import dataclasses
import functools
import re
from collections.abc import Callable

import numpy as np
import tyro

from aejax import data, figures
from aejax.types import InputError
from experiments import _restoration_pictures as pictures
from experiments import _restoration_tasks as tasks
from experiments._record import BaseConfig, Record
from experiments._restoration_models import SMOKE, Budget, Images, unit

TASKS: dict[str, Callable] = {
    "noise": tasks.noise,
    "mask unknown": tasks.masked,
    **{hidden: functools.partial(tasks.hole, hidden=hidden)
       for hidden in ("half known", "centre hole", "left half", "random 80 %")},
    "x2": functools.partial(tasks.enlarged, factor=2),
    "x4": functools.partial(tasks.enlarged, factor=4),
}
OTHERS = ("warning", "photographs", "faces")
SMOKE_TASKS = ("centre hole", "faces")


@dataclasses.dataclass(frozen=True)
class Config(BaseConfig):
    """Rows to run; `--smoke` takes a few digits and next to no training."""

    seeds: tuple[int, ...] = (0, 1, 2)
    datasets: tuple[str, ...] = ("mnist", "fashion_mnist")
    tasks: tuple[str, ...] = ()
    """Some of them; all if not given, with `--smoke` two."""


def main(config: Config) -> Record:
    """Runs every row that is missing and draws the figures of the first seed."""
    record = Record("restoration", config)
    chosen = config.tasks or (SMOKE_TASKS if config.smoke else (*TASKS, *OTHERS))
    if unknown := set(chosen) - {*TASKS, *OTHERS}:
        raise InputError(f"unknown tasks {', '.join(sorted(unknown))}: some of {', '.join((*TASKS, *OTHERS))}")
    budget, seeds = (SMOKE, config.seeds[:1]) if config.smoke else (Budget(), config.seeds)
    for name in ("mnist_mini",) if config.smoke else config.datasets:
        images, labels = _images(name, config, budget)
        for task in chosen:
            for seed in seeds:
                row = f"{name}, {task}, seed {seed}"
                settings = {"budget": dataclasses.asdict(budget), "data": images.digest, "seed": seed}
                if task in ("photographs", "faces") or record.done(row, settings):
                    continue
                if task == "warning":
                    run = functools.partial(pictures.warning, name, images.train, labels.train, images.all_test,
                                            labels.test)
                else:
                    run = functools.partial(TASKS[task], images.part)
                _run(record, row, settings, task, run, seed, seeds, budget)
    for task in ("photographs", "faces"):
        for seed in seeds if task in chosen else ():
            row, settings = f"{task}, {task}, seed {seed}", {"budget": dataclasses.asdict(budget), "seed": seed}
            if not record.done(row, settings):
                _run(record, row, settings, task, getattr(pictures, task), seed, seeds, budget)
    return record


def _run(record: Record, row: str, settings, task: str, run: Callable, seed: int, seeds, budget: Budget) -> None:
    values, shown, *traces = run(seed=seed, budget=budget)
    if seed == seeds[0]:
        slug = "_".join(re.findall(r"\w+", f"{task} {row.split(',')[0]}".lower()))
        path = record.path.with_name(f"{record.path.stem}_{slug}.png")
        figures.image_rows(path, [(label, x[: budget.shown]) for label, x in shown])
        for found in traces:
            figures.lines(path.with_name(f"{path.stem}_energy.png"), found, x="step of Adam", y="energy E(z)")
    record.add(row, settings, values, seeds=[seed], n=len(shown[0][1]))


@dataclasses.dataclass(frozen=True)
class _Cut:
    part: Images
    train: np.ndarray
    all_test: np.ndarray
    digest: str


@dataclasses.dataclass(frozen=True)
class _Labels:
    train: np.ndarray
    test: np.ndarray


def _images(name: str, config: Config, budget: Budget) -> tuple[_Cut, _Labels]:
    """Training images less those set aside, these, and test images in an order that no seed changes."""
    dataset = data.load(name, data_dir=config.data_dir)
    if config.smoke:
        dataset = dataclasses.replace(dataset, train=dataset.train[:, 2:26:2, 2:26:2],
                                      test=dataset.test[:, 2:26:2, 2:26:2])
    order, test_order = (np.random.default_rng(0).permutation(len(x)) for x in (dataset.train, dataset.test))
    aside = 20 if config.smoke else 2000
    learn = order[aside: aside + 300] if config.smoke else order[aside:]
    test, test_labels = dataset.test[test_order], dataset.test_labels[test_order]
    part = Images(name, dataset.train[learn], unit(dataset.train[order[: budget.choice]]), unit(test[: budget.test]))
    return (_Cut(part, part.train, unit(test), dataset.digest),
            _Labels(dataset.train_labels[learn], test_labels))


if __name__ == "__main__":
    main(tyro.cli(Config, description=__doc__))
