"""What is gained by a decoder of styles, and what do its coarse, middle and fine layers hold?

`networks.Style` against `networks.Convolutional` of the same code, encoder and batches, once for as many steps and once
for about as many seconds: reconstructions of test images, and samples from a mixture of Gaussians that is fitted to the
training images' codes, by features of the small classifier. Then pairs of test images: styles of one in all layers but
some, which take the other's. Whose class, outline and brightness does the mixture have? Beside it: no styles taken,
the codes' middle, and the pixels' mean.

Command: python -m experiments.style --data-dir FOLDER   (about 20 minutes on one core; resumable)
Result: experiments/results/style.json, style_mixing.png
"""

import dataclasses
from typing import Any

import jax
import numpy as np
import optax
import tyro

from aejax import data, figures, networks, variants
from aejax.applications import classifier as classifiers
from aejax.applications import generation, sample_quality, style_mixing
from aejax.applications.interpolation import measure
from aejax.applications.reconstruction import decode, encode, reconstruct
from aejax.train import fit
from aejax.types import Autoencoder, Network, Params
from experiments._record import BaseConfig, Record
from experiments.interpolation import pairs

EDGE = 0.1   # pixels above it are inside an outline, on the [0, 1] scale
SHOWN = {"a": (0, 3, 4, 5), "b": (6, 2, 1, 7)}   # classes of the figure's images, the first of each in the test set


@dataclasses.dataclass(frozen=True)
class Config(BaseConfig):
    """Budget of the full run; `--smoke` takes few digits, one epoch and small networks."""

    name: str = "fashion_mnist"
    seeds: tuple[int, ...] = (0, 1, 2)
    code_dim: int = 32
    channels: tuple[int, ...] = (16, 32)
    epochs: int = 2
    longer: int = 13         # epochs of the convolutional network that take about as long as the style network's
    batch_size: int = 64
    rate: float = 2e-3       # of Adam, warmed up, falling to 0 as a cosine
    components: int = 10     # of the mixture of Gaussians
    samples: int = 10_000    # as many as there are test images
    pairs: int = 250         # of each kind


def main(config: Config) -> Record:
    """Trains and measures one network after the other, each seed a row of its own."""
    record = Record("style", config)
    if config.smoke:
        config = dataclasses.replace(config, name="mnist_mini", seeds=(0,), channels=(2, 2), code_dim=3, epochs=1,
                                     longer=1, batch_size=16, components=2, samples=40, pairs=3)
    dataset = data.load(config.name, data_dir=config.data_dir)
    if config.smoke:
        dataset = dataclasses.replace(dataset, train=dataset.train[:160], test=dataset.test[:120],
                                      test_labels=dataset.test_labels[:120])
    shared = {"shape": dataset.train.shape[1:], "code_dim": config.code_dim, "channels": config.channels}
    plain = networks.Convolutional(**shared)
    models = {"style": (networks.Style(**shared), config.epochs), "convolutional": (plain, config.epochs),
              "convolutional, longer": (plain, config.longer)}
    for seed in config.seeds:
        for name, (network, epochs) in models.items():
            budget = {key: value for key, value in dataclasses.asdict(config).items()
                      if key not in ("smoke", "data_dir", "output", "seeds", "longer")}
            settings = {**budget, "epochs": epochs, "seed": seed, "data": dataset.digest,
                        "variant": "regularised"}   # whose codes stay small and so fit a mixture
            if not record.done(f"{name}, seed {seed}", settings):
                _measure(record, f"{name}, seed {seed}", settings, config, dataset, network, epochs, seed)
    return record


def train(ae: Autoencoder, x: np.ndarray, config: Config, epochs: int, seed: int) -> tuple[Params, float]:
    """Parameters, and the seconds of training without what compiling takes."""
    steps = epochs * (len(x) // config.batch_size)
    rate = optax.warmup_cosine_decay_schedule(0, config.rate, min(100, steps // 2), steps)
    state, history = fit(ae, x, optimizer=optax.adam(rate), key=jax.random.key(seed), epochs=epochs,
                         batch_size=config.batch_size)
    return state.params, min(history["seconds"]) * epochs


def _measure(record: Record, name: str, settings, config: Config, dataset, network: Network, epochs: int,
             seed: int) -> None:
    """All rows of one training; that of `name` itself is written last."""
    ae = variants.regularised(network)
    params, seconds = train(ae, dataset.train, config, epochs, seed)
    judge = classifiers.load(dataset.name)
    test = dataset.test[: config.samples]
    against = sample_quality.reference(judge, dataset.train, test)
    found = reconstruct(ae, params, test)
    prior = generation.fit_prior("mixture", ae, params, dataset.train[:20_000], key=jax.random.key(seed),
                                 components=config.components)
    samples = generation.sample(ae, params, prior, jax.random.key(1000 + seed), len(test))
    quality = sample_quality.measure(samples, against)
    rows = {"parameters": ("", [float(sum(leaf.size for leaf in jax.tree.leaves(params)))]),
            "seconds": ("s", [seconds]),
            "steps": ("", [float(epochs * (len(dataset.train) // config.batch_size))]),
            "reconstruction MSE": ("[0, 1]²", [float(np.mean(np.square(found - test / np.float32(255))))]),
            "distance of reconstructions": ("feature unit²", [sample_quality.feature_frechet_distance(
                np.asarray(judge.features(np.clip(found, 0, 1))), against.features)]),
            **{f"samples: {key}": ("", [float(value)]) for key, value in quality.items()}}
    if isinstance(network, networks.Style):
        _mix(record, name, settings, config, dataset, network, ae, params, judge, seed)
    record.add(name, settings, rows, seeds=[seed], n=len(test))


def _mix(record: Record, name: str, settings, config: Config, dataset, network: networks.Style, ae: Autoencoder,
         params: Params, judge, seed: int) -> None:
    """Rows of every way to make one image of two, and of the first seed the figure."""
    space = style_mixing.in_style_space(network)
    real = judge.features(dataset.train)

    def styles(x: np.ndarray) -> np.ndarray:
        return style_mixing.styles(network, params, encode(ae, params, x))
    for kind, (first, second) in pairs(dataset.test_labels, config.pairs).items():
        a, b = dataset.test[first], dataset.test[second]
        kept, taken = styles(a), styles(b)
        codes = [encode(ae, params, x) for x in (a, b)]
        ways = {"nothing": decode(space, params, kept), **{
            group: style_mixing.mix(space, params, kept, taken, layers, layer_count=network.layer_count)
            for group, layers in network.groups.items()},
            "codes' middle": decode(ae, params, (codes[0] + codes[1]) / 2),
            "pixels' mean": ((a.astype(np.float32) + b) / 510)}
        ends = [decode(space, params, each) for each in (kept, taken)]
        labels = [dataset.test_labels[index] for index in (first, second)]
        for way, images in ways.items():
            record.add(f"{name}, {kind}, {way}", settings, compared(judge, real, images, ends, labels), seeds=[seed],
                       n=len(images))
    if seed == config.seeds[0]:
        a, b = (dataset.test[[int(np.argmax(dataset.test_labels == label)) for label in SHOWN[side]]] for side in "ab")
        table = style_mixing.table(space, params, styles(a), styles(b), network.groups, layer_count=network.layer_count)
        titles = {group: f"{group} layers from B,\nthe others from A" for group in table}
        figures.mixtures(record.path.with_name("style_mixing.png"), a / np.float32(255), b / np.float32(255),
                         {titles[group]: images for group, images in table.items()})


def compared(judge, real: Any, images: np.ndarray, ends: list[np.ndarray], labels: list[np.ndarray],
             ) -> dict[str, tuple[str, list[float]]]:
    """Whose class, outline and brightness images have, a's or b's, and how far they are from real images.

    Brightness is the mean of pixels inside the outline; outlines are compared by intersection over union, brightness by
    correlation over pairs. `ends` are what the styles of a and of b decode to.
    """
    images = np.clip(images, 0, 1)
    classes = np.asarray(judge.probabilities(images)).argmax(axis=1)
    inside = images > EDGE
    values = {"to the nearest real image": ("feature unit", [float(np.mean(
        np.asarray(measure(judge, images[:, None], real).distance)))])}
    for side, end, label in zip("AB", ends, labels, strict=True):
        values[f"class of {side}"] = ("%", [100 * float(np.mean(classes == label))])
        values[f"outline of {side}"] = ("IoU", [float(np.mean(overlap(inside, end > EDGE)))])
        values[f"brightness of {side}"] = ("correlation", [correlation(brightness(images), brightness(end))])
    return values


def overlap(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Intersection over union of each pair of masks, 1 for two empty ones."""
    axes = tuple(range(1, a.ndim))
    union = (a | b).sum(axis=axes)
    return np.where(union > 0, (a & b).sum(axis=axes) / np.maximum(union, 1), 1.0)


def brightness(images: np.ndarray) -> np.ndarray:
    """Mean of the pixels inside each outline, 0 where there are none."""
    inside, axes = images > EDGE, tuple(range(1, images.ndim))
    return np.where(inside, images, 0).sum(axis=axes) / np.maximum(inside.sum(axis=axes), 1)


def correlation(a: np.ndarray, b: np.ndarray) -> float:
    """Pearson's, 0 where one of them does not vary."""
    return float(np.corrcoef(a, b)[0, 1]) if min(np.ptp(a), np.ptp(b)) > 0 else 0.0


if __name__ == "__main__":
    main(tyro.cli(Config, description=__doc__))
