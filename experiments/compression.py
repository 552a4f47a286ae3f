"""How small do pictures get by an autoencoder, with loss and without? Real bytes of real files, beside PCA and codecs.

MNIST and Fashion-MNIST, test images, all of them in one file whose head counts. With loss: quantised autoencoders of
several weights of a bit, and the model of pixels that keeps few grey levels, against PCA with the same coder, and JPEG,
WebP and JPEG 2000 on sheets of 100 images; a second table has a file for each image. Without loss: the code and every
pixel, against general compressors and PNG and WebP on one sheet, and published numbers. The trained models do not
count, neither ours nor PCA. Nothing is chosen on test images: PCA's widths on 2,000 training images, settings of ours
on validation parts of the training images before this script was written.

Command: python -m experiments.compression --data-dir FOLDER   (estimated: 45 minutes on 2 cores; resumable)
Result: experiments/results/compression.json and compression_<data>.png
"""

import dataclasses

import numpy as np
import tyro

from aejax import data, figures
from experiments import _compression_classical as classical
from experiments import _compression_models as models
from experiments._compression_models import SMOKE, Budget, Point
from experiments._record import BaseConfig, Record
from experiments._tables_compression import ALONE, GUIDED, TITLES, curves

SEED = 0   # of the model of pixels: one is what the minutes allow


@dataclasses.dataclass(frozen=True)
class Config(BaseConfig):
    """Rows to run; `--smoke` takes a few digits and next to no training."""

    seeds: tuple[int, ...] = (0, 1, 2)
    datasets: tuple[str, ...] = ("mnist", "fashion_mnist")


class Task:
    """One data set: its images, and rows that are measured where they are missing."""

    def __init__(self, record: Record, config: Config, budget: Budget, name: str):
        dataset = data.load(name, data_dir=config.data_dir)
        self.record, self.budget, self.title = record, budget, TITLES[name]
        self.seeds = config.seeds[:1] if config.smoke else config.seeds
        self.train, self.test = dataset.train, dataset.test
        if config.smoke:
            self.train, self.test = dataset.train[:60, 2:26:3, 2:26:3], dataset.test[:9, 2:26:3, 2:26:3]
        self.settings = {"budget": dataclasses.asdict(budget), "data": dataset.digest}

    def missing(self, row: str, seeds: tuple[int, ...] = ()) -> bool:
        """Whether the row is still to be measured."""
        return not self.record.done(f"{self.title}, {row}", self.settings | {"seeds": seeds})

    def add(self, row: str, points: list[Point], seeds: tuple[int, ...] = (), n: int | None = None, **more) -> None:
        """A point, from every seed, and what else was measured."""
        sizes, values = zip(*points, strict=True)
        self.record.add(f"{self.title}, {row}", self.settings | {"seeds": seeds}, {
            "bytes an image": ("bytes", sizes), "PSNR": ("dB", values), **more}, seeds=seeds, n=n or len(self.test))


def main(config: Config) -> Record:
    """Every row that is missing, and the figures."""
    record = Record("compression", config)
    budget = SMOKE if config.smoke else Budget()
    for name in ("mnist_mini",) if config.smoke else config.datasets:
        task = Task(record, config, budget, name)
        _autoencoders(task)
        _pixels(task)
        _classical(task)
        _single(task)
        _lossless(task)
        figures.spreads(record.path.with_name(f"{record.path.stem}_{name}.png"), curves(record.rows, task.title),
                        x="bytes an image", y="PSNR, dB")
    return record


def _autoencoders(task: Task) -> None:
    """With loss: a point of the curve for each weight."""
    for weight in task.budget.weights:
        if task.missing(row := f"autoencoder, weight {weight:g}", task.seeds):
            points = [models.point(task.test, models.written(models.trained_codec(
                task.train, weight, seed, task.budget), task.test)) for seed in task.seeds]
            task.add(row, points, task.seeds)


def _pixels(task: Task) -> None:
    """The code and every pixel, in all grey levels or in few of them; and the same without a code."""
    rows = {f"{how}, {number} levels": (how, number) for how, levels in (
        (GUIDED, task.budget.guided), (ALONE, task.budget.alone)) for number in levels}
    missing = [row for row in rows if task.missing(row, (SEED,))]
    if not missing:
        return
    codec = models.trained_codec(task.train, task.budget.guide_weight, SEED, task.budget)
    guide = models.guides(codec, task.train)
    for row in missing:
        how, levels = rows[row]
        model, seconds = models.timed(lambda how=how, levels=levels: models.pixel_model(
            task.train, 0 * guide if how == ALONE else guide, levels, SEED, task.budget))
        if how == ALONE:
            size, decoded = models.pixels_alone(model, task.test)
        else:
            size, decoded = models.written(codec, task.test, model)
        if not np.array_equal(decoded, model.kept[task.test]):
            raise AssertionError(f"{row}: what was decoded is not what was coded")
        task.add(row, [models.point(task.test, (size, decoded))], (SEED,),
                 **{"bits per pixel": ("bits", [8 * size / task.test.size]), "training": ("s", [seconds])})


def _classical(task: Task) -> None:
    """PCA with the same coder, and image codecs on sheets."""
    order = np.random.default_rng(0).permutation(len(task.train))
    choice, rest = order[: task.budget.choice], order[task.budget.choice:]
    if task.missing(f"PCA, step {task.budget.steps[-1]:g}"):
        points = models.pca_curve(task.train[rest], task.train[choice], task.test, task.budget)
        for step, found in zip(task.budget.steps, points, strict=True):
            task.add(f"PCA, step {step:g}", [found])
    if task.missing(f"{list(classical.LOSSY)[-1]}, setting 0"):
        for name, points in models.codec_curves(task.test, task.budget).items():
            for number, found in enumerate(points):
                task.add(f"{name}, setting {number}", [found])


def _single(task: Task) -> None:
    """A file for each image."""
    test = task.test[: task.budget.single]
    if task.missing(row := "a file each: autoencoder", (SEED,)):
        codec = models.trained_codec(task.train, task.budget.guide_weight, SEED, task.budget)
        each = [models.written(codec, test[i: i + 1]) for i in range(len(test))]
        together = sum(size for size, _ in each), np.concatenate([images for _, images in each])
        task.add(row, [models.point(test, together)], (SEED,), len(test))
    for name, points in (models.codec_curves(test, task.budget, single=True) if task.missing(
            f"a file each: {list(classical.LOSSY)[-1]}, setting 0") else {}).items():
        for number, found in enumerate(points):
            task.add(f"a file each: {name}, setting {number}", [found], n=len(test))


def _lossless(task: Task) -> None:
    """What one would use without a model."""
    for name, size in classical.LOSSLESS.items():
        if task.missing(row := f"lossless: {name}"):
            found = size(task.test)
            task.record.add(f"{task.title}, {row}", task.settings | {"seeds": ()}, {
                "bits per pixel": ("bits", [8 * found / task.test.size])}, seeds=[], n=len(task.test))


if __name__ == "__main__":
    main(tyro.cli(Config, description=__doc__))
