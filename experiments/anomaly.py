"""How well do autoencoders find what is odd, and do conformal thresholds keep their rate?

One-class MNIST and Fashion-MNIST: trained on one class of the training split, every image of the test split is
scored, and the area under the ROC curve averaged over ten classes; every model with every score, beside baselines run
on the same images. Model and score are chosen twice, never on labels of the test data that they are measured on: as
those that were best on the *other* data set, and as those that best tell held-out normal images of the training split
from outliers made of these (`_anomaly_choice`). All that was tried stands in the result. The kinds of scores and the
exponents were fixed after pilots on some classes of both data sets, held-out images of the training splits.

Thresholds: a class of the training split is divided into images to learn from, to calibrate on, and fresh ones. The
number of fresh ones above the conformal threshold is held against its beta-binomial band of 99 %.

Tables: breast cancer (benign is normal), wine and digits (8x8) as scikit-learn brings them, with nothing chosen.

Command: python -m experiments.anomaly --data-dir FOLDER   (about 90 minutes on 2 cores; resumable)
Result: experiments/results/anomaly.json
"""

import dataclasses
import functools
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
import tyro

from aejax import data
from aejax.applications.detectors import SCORES
from aejax.metrics import auroc
from experiments import _anomaly_models as trial
from experiments._anomaly_baselines import BASELINES, SEEDED
from experiments._anomaly_choice import areas as areas_of_made
from experiments._anomaly_rates import rates
from experiments._anomaly_sets import Problem, areas, problems
from experiments._record import BaseConfig, Record

SAME_IMAGES = 5400   # of each class, as many as the smallest one has, so that one program serves all
Areas = dict[str, np.ndarray]   # of each score: (classes, seeds)
Part = tuple[np.ndarray, np.ndarray, np.ndarray]   # images to learn from, images to score, which of these are normal


@dataclasses.dataclass(frozen=True)
class Config(BaseConfig):
    """Budget of the run; `--smoke` takes two classes, few images and narrow networks."""

    parts: tuple[str, ...] = ("images", "rates", "tables")
    """What to measure."""
    seeds: tuple[int, ...] = (0, 1, 2)
    epochs: int = 12
    batch_size: int = 100
    narrow: int = 32
    wide: int = 512
    widths: tuple[int, ...] = (256,)
    classes: int = 10
    train_images: int | None = None
    """Of each class; all if not given."""
    test_images: int | None = None
    held_out: int = 500
    """Of each class of the training split, for the choice on outliers made of them."""
    rate_epochs: int = 10
    rate_score: str = "mahalanobis"
    alphas: tuple[float, ...] = (0.01, 0.05, 0.1)
    table_seeds: tuple[int, ...] = (0, 1, 2, 3, 4)
    table_epochs: int = 200
    table_problems: int | None = None
    """How many of them; all if not given."""
    table_scores: tuple[str, ...] = SCORES


SMOKE = {"seeds": (0,), "epochs": 1, "batch_size": 25, "narrow": 4, "wide": 8, "widths": (8,), "classes": 2,
         "train_images": 50, "test_images": 100, "held_out": 20, "rate_epochs": 1, "rate_score": "whitened",
         "alphas": (0.2,), "table_seeds": (0,), "table_epochs": 2, "table_problems": 1,
         "table_scores": ("reconstruction", "mahalanobis")}


def main(config: Config) -> Record:
    """Measures one row after the other."""
    record = Record("anomaly", config)
    names = ("mnist", "fashion_mnist")
    if config.smoke:
        config = dataclasses.replace(config, **SMOKE)
        sets = dict.fromkeys(names, data.load("mnist_mini", size=(8, 8)))
    elif {"images", "rates"} & set(config.parts):
        sets = {name: data.load(name, data_dir=config.data_dir) for name in names}
    if "tables" in config.parts:
        tables(record, config)
    if "images" in config.parts:
        images(record, config, sets)
    if "rates" in config.parts:
        for name, dataset in sets.items():
            hold_rates(record, config, name, dataset)
    return record


def images(record: Record, config: Config, sets: Mapping[str, data.Dataset]) -> None:
    """Rows of every model and baseline on both data sets and on outliers made of them, then of what these choose."""
    settings = {name: getattr(config, name) for name in ("seeds", "epochs", "batch_size", "narrow", "wide", "widths",
                                                         "classes", "train_images", "test_images")}
    settings["data"] = [dataset.digest for dataset in sets.values()]
    models = trial.models(next(iter(sets.values())).shape, config.widths, config.narrow, config.wide)
    if config.smoke:   # each is some programs to compile
        models = {name: models[name] for name in (f"DAE-{config.wide}",)}
    baselines = {name: functools.cache(functools.partial(_each_class, functools.partial(_baselines, config=config),
                                                         dataset, config)) for name, dataset in sets.items()}
    made = settings | {"held_out": config.held_out, "images": SAME_IMAGES, "seeds": config.seeds[:1]}
    for name, dataset in sets.items():   # the choice on outliers is made before a test image is scored
        for title, model in models.items():
            if not record.done(f"{name} outliers, {title}", made):
                _add(record, f"{name} outliers, {title}", made, _each_class(
                    lambda part, model=model: areas_of_made(model, part[0][:SAME_IMAGES], held_out=config.held_out,
                                                            seed=config.seeds[0], epochs=config.epochs,
                                                            batch_size=config.batch_size), dataset, config), dataset)
        key = best(record, f"{name} outliers")
        by_class(record, config, f"{name}, chosen on outliers", settings | {"chosen": key}, dataset, models[key[0]],
                 key, baselines[name])
    for name, dataset in sets.items():
        jobs = {title: functools.partial(_each_class, functools.partial(_model, model, config=config), dataset, config)
                for title, model in models.items()}
        for title, job in {"baselines": baselines[name], **jobs}.items():
            if not record.done(f"{name}, {title}", settings):
                _add(record, f"{name}, {title}", settings, job(), dataset)
    for name, other in zip(sets, reversed(sets), strict=True):
        key = best(record, other)
        by_class(record, config, f"{name}, chosen", settings | {"chosen": key}, sets[name], models[key[0]], key,
                 baselines[name])


def best(record: Record, name: str) -> tuple[str, str]:
    """The model and the score with the highest mean among a data set's rows; baselines do not count."""
    found = {(row["name"].partition(", ")[2], row["metric"]): row["value"] for row in record.rows
             if row["name"].startswith(f"{name}, ") and not row["name"].endswith(("baselines", "chosen", "rates",
                                                                                  "chosen on outliers"))}
    return max(found, key=found.get)


def by_class(record: Record, config: Config, row: str, settings: Mapping[str, Any], dataset: data.Dataset,
             model: trial.Model, key: tuple[str, str], baselines: Callable[[], Areas]) -> None:
    """One row of what was chosen and of the baselines, class by class."""
    if record.done(row, settings):
        return
    ours = _each_class(functools.partial(_model, model, config=config), dataset, config)
    found = {": ".join(key): ours[key[1]]} | baselines()
    record.add(row, settings, {f"{title}: class {label}": ("AUROC %", values[label]) for title, values in found.items()
                               for label in range(len(values))}, seeds=config.seeds, n=len(dataset.test))


def _each_class(job: Callable[[Part], Mapping[str, list[float]]], dataset: data.Dataset, config: Config) -> Areas:
    each = [job(part) for part in _classes(dataset, config)]
    return {score: np.array([areas[score] for areas in each]) for score in each[0]}


def _add(record: Record, row: str, settings: Mapping[str, Any], found: Areas, dataset: data.Dataset) -> None:
    record.add(row, settings, {score: ("AUROC %", values.mean(axis=0)) for score, values in found.items()},
               seeds=settings["seeds"], n=len(dataset.test))


def _classes(dataset: data.Dataset, config: Config) -> Iterator[Part]:
    """(training images of the class, test images, which of these are of the class), uint8."""
    for label in range(config.classes):
        yield (dataset.train[dataset.train_labels == label][:config.train_images], dataset.test[:config.test_images],
               dataset.test_labels[:config.test_images] == label)


def _area(scores: np.ndarray, normal: np.ndarray) -> float:
    return 100 * auroc(scores[normal], scores[~normal])


def _model(model: trial.Model, part: Part, config: Config) -> dict[str, list[float]]:
    x, test, normal = part
    params = trial.train(model, x, seeds=config.seeds, epochs=config.epochs, batch_size=config.batch_size)
    found = trial.scored(model, params, x, test)
    return {name: np.resize([_area(one, normal) for one in scores], len(config.seeds)).tolist()
            for name, scores in found.items()}


def _baselines(part: Part, config: Config) -> dict[str, list[float]]:
    x, test = (images.reshape(len(images), -1).astype(np.float32) / 255 for images in part[:2])
    found = {}
    for name, baseline in BASELINES.items():
        seeds = config.seeds if name in SEEDED else config.seeds[:1]
        found[name] = np.resize([_area(baseline(x, test, seed), part[2]) for seed in seeds], len(config.seeds)).tolist()
    return found


def hold_rates(record: Record, config: Config, name: str, dataset: data.Dataset) -> None:
    """False alarms of every class and seed at three rates, and how many lie in their band."""
    row = f"{name}, rates"
    settings = {key: getattr(config, key) for key in ("seeds", "rate_epochs", "rate_score", "alphas", "narrow",
                                                      "widths", "classes", "train_images", "test_images")} | {
        "data": dataset.digest}
    if record.done(row, settings):
        return
    models = trial.models(dataset.shape, config.widths, config.narrow, config.wide)
    model = models[f"AE-{config.narrow}"]
    each = [[rates(model.ae, x[:SAME_IMAGES], test[normal], score=config.rate_score, seed=seed,
                   epochs=config.rate_epochs, alphas=config.alphas)
             for x, test, normal in _classes(dataset, config)] for seed in config.seeds]
    units = {"inside": "% of classes", "fresh": "% of fresh images", "test": "% of test images"}
    found = {}
    for metric in each[0][0]:
        kind = metric.partition(" ")[0]
        factor = 100 if kind == "inside" else 1
        found[metric] = units[kind], [factor * float(np.mean([one[metric] for one in seed])) for seed in each]
    record.add(row, settings, found, seeds=config.seeds, n=len(dataset.train))


def tables(record: Record, config: Config) -> None:
    """One row for each table; those with several classes are the mean of each class as the normal one."""
    settings = {key: getattr(config, f"table_{key}") for key in ("seeds", "epochs", "problems", "scores")}
    found: dict[str, list[Problem]] = {}
    for problem in list(problems())[:config.table_problems]:
        found.setdefault(problem.name, []).append(problem)
    for name, group in found.items():
        if record.done(name, settings):
            continue
        each = [[areas(problem, seed=seed, epochs=config.table_epochs, scores=config.table_scores)
                 for problem in group] for seed in config.table_seeds]
        record.add(name, settings, {score: ("AUROC %", [float(np.mean([one[score] for one in seed])) for seed in each])
                                    for score in each[0][0]}, seeds=config.table_seeds,
                   n=sum(len(problem.normal) + len(problem.odd) for problem in group[:1]))


if __name__ == "__main__":
    main(tyro.cli(Config, description=__doc__))
