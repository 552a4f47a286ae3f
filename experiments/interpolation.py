"""Does mixing codes keep to images where mixing pixels does not? Paths between test images, and what they lead through.

Autoencoders trained from three seeds, one layer (the lecture's) and two; pairs of test images of different and of the
same class; four paths: pixels mixed, codes mixed, slerp, and the geodesic of the decoder's metric. Measured in features
of the small classifier: the distance of every image on the way to the nearest of all training images, beside that of
the test images themselves and of their reconstructions; and the entropy of its probabilities.

Command: python -m experiments.interpolation --data-dir FOLDER   (about 18 minutes on 2 busy cores; resumable)
Result: experiments/results/interpolation.json, interpolation_*.png
"""

import dataclasses
from typing import Any

import numpy as np
import tyro

from aejax import data, figures
from aejax.applications import classifier as classifiers
from aejax.applications import interpolation
from aejax.applications.interpolation import PATHS, measure
from aejax.applications.reconstruction import reconstruct
from experiments._record import BaseConfig, Record
from experiments._trained import NETWORKS, trained

KINDS = ("different classes", "the same class")
LABELS = {"pixel": "pixels mixed", "linear": "codes mixed", "slerp": "slerp", "geodesic": "geodesic"}


@dataclasses.dataclass(frozen=True)
class Config(BaseConfig):
    """Budget of the full run; `--smoke` takes few digits, pairs and iterations."""

    names: tuple[str, ...] = ("mnist", "fashion_mnist")
    seeds: tuple[int, ...] = (0, 1, 2)
    epochs: int = 12
    pairs: int = 200   # of each kind
    steps: int = 9
    iterations: int = 200


def main(config: Config) -> Record:
    """Trains, walks and measures, one data set and network after the other."""
    record = Record("interpolation", config)
    if config.smoke:
        config = dataclasses.replace(config, seeds=(0, 1), epochs=1, pairs=4, steps=5, iterations=2)
    for name in ("mnist_mini",) if config.smoke else config.names:
        dataset = data.load(name, data_dir=config.data_dir)
        if config.smoke:
            dataset = dataclasses.replace(dataset, train=dataset.train[:512], test=dataset.test[:200],
                                          test_labels=dataset.test_labels[:200])
        budget = {**dataclasses.asdict(config), "data": dataset.digest}
        for field in ("output", "data_dir", "smoke", "names"):
            budget.pop(field)
        for network, parts in list(NETWORKS.items())[:1 if config.smoke else None]:
            settings = {**budget, "network": parts}
            label = f"{name} {network}"
            if not record.done(f"{label} paths", settings):
                _measure(record, label, settings, config, dataset, parts)
    return record


def pairs(labels: np.ndarray, count: int) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Indices of test images, for each kind of pair: no image is used twice."""
    rng = np.random.default_rng(0)
    order, found = list(rng.permutation(len(labels))), {}
    for kind in KINDS:
        chosen: list[tuple[int, int]] = []
        while len(chosen) < count:
            first = order.pop()
            place = next(i for i, other in enumerate(order)
                         if (labels[other] == labels[first]) == (kind == "the same class"))
            chosen.append((first, order.pop(place)))
        found[kind] = tuple(np.array(chosen).T)
    return found


def _measure(record: Record, label: str, settings, config: Config, dataset, parts) -> None:
    """All rows of one data set and network; the row "paths", written last, says that they are complete."""
    judge = classifiers.load(dataset.name)
    real = judge.features(dataset.train)
    ae, models = trained(parts, dataset.train, seeds=config.seeds, epochs=config.epochs,
                         batch_size=64 if config.smoke else 256)
    chosen = pairs(dataset.test_labels, config.pairs)
    ends = {kind: [dataset.test[index] / np.float32(255) for index in pair] for kind, pair in chosen.items()}
    t = np.linspace(0, 1, config.steps)
    middle, n = config.steps // 2, config.pairs
    found: dict[tuple[str, str], list[Any]] = {}
    both = np.concatenate([x for pair in ends.values() for x in pair])
    _images(record, f"{label} test images", settings, [measure(judge, both[:, None], real)], config.seeds, len(both))
    outputs = [measure(judge, reconstruct(ae, params, both)[:, None], real) for params in models]
    _images(record, f"{label} reconstructions", settings, outputs, config.seeds, len(both))
    strips: dict[str, list[np.ndarray]] = {}
    for params in models:
        for kind, (a, b) in ends.items():
            for name, path in PATHS.items():
                more = {"iterations": config.iterations} if name == "geodesic" else {}
                way = path(ae, params, a, b, config.steps, **more)
                images = np.asarray(way.images)
                values = measure(judge, images, real)
                found.setdefault((kind, name), []).append(
                    (np.asarray(values.distance), np.asarray(values.entropy), np.asarray(interpolation.energy(images))))
                if params is models[0]:
                    strips.setdefault(kind, []).append(images[0])
    for kind in KINDS:
        for name in PATHS:
            distance, entropy, energy = (np.stack(part) for part in zip(*found[kind, name], strict=True))
            pixel = np.stack([values[0] for values in found[kind, "pixel"]])
            straight = np.stack([values[2] for values in found[kind, "linear"]])
            rows = {"midpoint distance": ("feature unit", distance[:, :, middle].mean(axis=1)),
                    "midpoint nearer than the mixed pixels'": (
                        "% of pairs", 100 * (distance[:, :, middle] < pixel[:, :, middle]).mean(axis=1)),
                    "midpoint entropy": ("nats", entropy[:, :, middle].mean(axis=1)),
                    "energy": ("[0, 1]²", energy.mean(axis=1)),
                    "energy over codes mixed": ("", (energy / straight).mean(axis=1))}
            if kind == KINDS[0]:
                for i, value in enumerate(t):
                    rows |= {f"distance at {value:g}": ("feature unit", distance[:, :, i].mean(axis=1)),
                             f"entropy at {value:g}": ("nats", entropy[:, :, i].mean(axis=1))}
            record.add(f"{label} {kind} {name}", settings, rows, seeds=config.seeds, n=n)
    _draw(record, label, strips)
    record.add(f"{label} paths", settings, {"pairs": ("", [2.0 * n])}, seeds=config.seeds, n=2 * n)


def _images(record: Record, name: str, settings, each, seeds, n: int) -> None:
    """Rows of images that are no paths; of the test images themselves there is one value, not one for each seed."""
    seeds = seeds if len(each) == len(seeds) else (0,)
    record.add(name, settings, {
        "distance": ("feature unit", [float(values.distance.mean()) for values in each]),
        "entropy": ("nats", [float(values.entropy.mean()) for values in each])}, seeds=seeds, n=n)


def _draw(record: Record, label: str, strips) -> None:
    """The strips of the first pair of each kind, and the curves along the way, of different classes."""
    stem = f"{record.path.stem}_{label.replace(' ', '_')}"
    figures.image_rows(record.path.with_name(f"{stem}.png"), [
        (LABELS[name], images) for kind in KINDS for name, images in zip(PATHS, strips[kind], strict=True)],
        title=f"{label}: images of different classes above, of the same class below")
    rows = {(row["name"], row["metric"]): row for row in record.rows}
    for what, unit in (("distance", "to the nearest real image"), ("entropy", "of the classifier (nats)")):
        curves = {}
        for path in PATHS:
            name = f"{label} {KINDS[0]} {path}"
            ts = [float(m.split()[-1]) for row, m in rows if row == name and m.startswith(f"{what} at")]
            each = [rows[name, f"{what} at {value:g}"] for value in ts]
            curves[LABELS[path]] = (ts, [row["value"] for row in each], [row["sd"] or 0.0 for row in each])
        for reference in ("test images", "reconstructions"):
            value = rows[f"{label} {reference}", what]["value"]
            curves[reference] = ([0.0, 1.0], [value, value], [0.0, 0.0])
        figures.spreads(record.path.with_name(f"{stem}_{what}.png"), curves, x="t, from a (0) to b (1)",
                        y=f"{what} {unit}")


if __name__ == "__main__":
    main(tyro.cli(Config, description=__doc__))
