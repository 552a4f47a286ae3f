"""How many dimensions do the images have, and how wide should a code be? Estimates against k and N, and a trained knee.

MNIST and Fashion-MNIST in raw pixels. The estimators of `applications.intrinsic_dimension` at k = 3, 5, 10, 20 among N
= 1,000, 10,000 and 60,000 training images; a seed draws the N images and the 3,000 anchors. Beside them what the usual
advice says: components of PCA, and the validation error of autoencoders 784-256-d-256-784 against d (10,000 images
train, 5,000 validate; no test image is touched), with PCA of the same d as the baseline.

Command: python -m experiments.intrinsic_dimension --data-dir FOLDER   (about 6 minutes on 2 cores; resumable)
Result: experiments/results/intrinsic_dimension.json, intrinsic_dimension_estimates.png and _sweep.png
"""

import dataclasses

import jax
import numpy as np
import optax
import tyro

from aejax import data, figures, networks, variants
from aejax.applications.intrinsic_dimension import (
    knee,
    maximum_likelihood,
    suggest_code_dim,
    two_nn,
    variance_dimensions,
)
from aejax.applications.neighbours import neighbours
from aejax.applications.reconstruction import pca
from aejax.train import sweep
from experiments._record import BaseConfig, Record
from experiments._tables_latent import POPE

NEIGHBOURS = (3, 5, 10, 20)
TITLES = {"mnist_mini": "MNIST", "mnist": "MNIST", "fashion_mnist": "Fashion-MNIST"}


@dataclasses.dataclass(frozen=True)
class Config(BaseConfig):
    """Sizes of the full run; `--smoke` takes few digits and three widths."""

    seeds: tuple[int, ...] = (0, 1, 2)
    sources: tuple[str, ...] = ("mnist", "fashion_mnist")
    points: tuple[int, ...] = (1000, 10_000, 60_000)
    anchors: int = 3000
    code_dims: tuple[int, ...] = (2, 4, 8, 16, 32, 64, 128)
    training: int = 10_000
    validation: int = 5000
    epochs: int = 12
    learning_rate: float = 1e-3
    widths: tuple[int, ...] = (256,)


def main(config: Config) -> Record:
    """Estimates, components, sweep; one row after the other."""
    record = Record("intrinsic_dimension", config)
    if config.smoke:
        config = dataclasses.replace(config, seeds=(0, 1), points=(300,), anchors=200, code_dims=(2, 4, 8),
                                     training=512, validation=100, epochs=3, widths=(), learning_rate=0.03)
    for source in ("mnist_mini",) if config.smoke else config.sources:
        dataset = data.load(source, data_dir=config.data_dir)
        if config.smoke:
            dataset = dataclasses.replace(dataset, train=dataset.train[:, ::4, ::4])
        for points in config.points:
            _estimate(record, config, dataset, points)
        _components(record, config, dataset)
        _sweep(record, config, dataset)
    _draw(record)
    return record


def _estimate(record: Record, config: Config, dataset: data.Dataset, points: int) -> None:
    name = f"{TITLES[dataset.name]}, N = {points:,}"
    settings = {"anchors": config.anchors, "seeds": config.seeds, "data": dataset.digest}
    if record.done(name, settings):
        return
    found: dict[str, list[float]] = {}
    for seed in config.seeds:
        pick = np.random.default_rng([seed, points]).permutation(len(dataset.train))[:points]
        near = neighbours(dataset.train[pick], max(NEIGHBOURS), anchors=config.anchors, seed=seed)
        values = {f"{label}, k = {k}": maximum_likelihood(near.distances, k=k, published=published)
                  for label, published in (("MLE, k − 1", False), ("MLE, k − 2", True)) for k in NEIGHBOURS}
        for metric, value in (values | {"TwoNN": two_nn(near.distances), "duplicates": near.duplicates}).items():
            found.setdefault(metric, []).append(value)
    record.add(name, settings, {metric: ("images" if metric == "duplicates" else "dimensions", each)
                                for metric, each in found.items()}, seeds=config.seeds, n=points)


def _components(record: Record, config: Config, dataset: data.Dataset) -> None:
    name, shares = f"{TITLES[dataset.name]}, PCA", (0.9, 0.95, 0.99)
    images = dataset.train[: max(config.points)]
    settings = {"shares": shares, "n": len(images), "data": dataset.digest}
    if not record.done(name, settings):
        values = variance_dimensions(images, shares)
        record.add(name, settings, {f"{share:.0%} of the variance": ("components", [value])
                                    for share, value in zip(shares, values, strict=True)}, seeds=[], n=len(images))
    name, settings = f"{TITLES[dataset.name]}, advice", {"anchors": config.anchors, **settings}
    if not record.done(name, settings):
        found = suggest_code_dim(images, anchors=config.anchors)
        record.add(name, settings, {"intrinsic dimension": ("dimensions", [found.intrinsic]),
                                    "code_dim": ("dimensions", [found.code_dim])}, seeds=[], n=len(images))


def _sweep(record: Record, config: Config, dataset: data.Dataset) -> None:
    """Validation MSE against d, of autoencoders and of PCA, and the knee of each seed's curve."""
    title = TITLES[dataset.name]
    settings = {"code_dims": config.code_dims, "training": config.training, "validation": config.validation,
                "epochs": config.epochs, "rate": config.learning_rate, "widths": config.widths, "seeds": config.seeds,
                "data": dataset.digest}
    if record.done(f"{title}, autoencoder", settings):
        return
    train = dataset.train[: config.training]
    validation = dataset.train[config.training: config.training + config.validation]
    result = sweep(lambda code_dim: variants.standard(networks.Dense(
        shape=dataset.shape, code_dim=code_dim, widths=config.widths, activation="elu", code_activation="identity")),
        train, grid={"code_dim": config.code_dims}, seeds=config.seeds, optimizer=optax.adam(config.learning_rate),
        epochs=config.epochs, batch_size=128, shuffle_key=jax.random.key(3), validation=validation)
    per_pixel = 2 / np.prod(dataset.shape)   # the loss is half the sum over the pixels
    errors = np.array([point.val_losses for point in result.points]) * per_pixel   # (d, seeds)
    floats, held = train / np.float32(255), validation / np.float32(255)
    linear = [float(np.mean((pca(floats, d).reconstruct(held) - held) ** 2)) for d in config.code_dims]
    for label, curves, seeds in (("PCA as code", np.array(linear)[:, None], [0]),
                                 ("autoencoder", errors, config.seeds)):
        record.add(f"{title}, {label}", settings, {
            **{f"validation MSE, d = {d}": ("[0, 1]²", each) for d, each in zip(config.code_dims, curves, strict=True)},
            "knee": ("dimensions", [knee(config.code_dims, curve) for curve in curves.T.tolist()])}, seeds=seeds,
            n=len(validation))


def _order(item: tuple[str, object]) -> tuple[str, int, str]:
    """MNIST after Fashion-MNIST, and N by its size."""
    title, points, label = item[0].replace(", N = ", "|").replace(", k", "|k").split("|")
    return title, int(points.replace(",", "")), label


def _draw(record: Record) -> None:
    rows = {(row["name"], row["metric"]): row for row in record.rows}
    estimates, curves = {}, {}
    for (name, metric), row in rows.items():
        for label in ("MLE, k − 1", "MLE, k − 2"):
            if metric.startswith(label):
                across, up, spread = estimates.setdefault(f"{name}, {label.removeprefix('MLE, ')}", ([], [], []))
                across.append(int(metric.split()[-1]))
                up.append(row["value"])
                spread.append(row["sd"])
        if metric.startswith("validation MSE"):
            across, up, spread = curves.setdefault(name, ([], [], []))
            across.append(int(metric.split()[-1]))
            up.append(row["value"])
            spread.append(row["sd"] or 0.0)
    largest = max(row["n"] for row in record.rows)
    stem = record.path.with_suffix("")
    largest = f"N = {largest:,}"
    shown = {name: line for name, line in sorted(estimates.items(), key=_order) if "k − 1" in name or (
        largest in name and not name.startswith("Fashion"))}
    if not record.head["smoke"]:
        shown["MNIST, published by Pope et al."] = (list(POPE), list(POPE.values()), [0] * len(POPE))
    figures.spreads(f"{stem}_estimates.png", shown, x="neighbours k", y="estimated dimensions (mean ± sd)")
    figures.spreads(f"{stem}_sweep.png", curves, x="width of the code d", y="validation MSE on [0, 1] (mean ± sd)")


if __name__ == "__main__":
    main(tyro.cli(Config, description=__doc__))
