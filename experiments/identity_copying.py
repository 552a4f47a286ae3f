"""Which autoencoders copy whatever they see? Errors on non-digits, over the error on test digits.

Networks 784-1,000-784 (over-complete, tanh code, sigmoid output) trained on MNIST as basic, denoising and contractive
autoencoder, 6 epochs, beside an under-complete one of 30 units, 40 epochs, and PCA with 30 components; Adam 1e-3,
batch 256. Non-digits: letters, Fashion-MNIST test items, test digits with their pixels shuffled (the same greys, no
shape) and uniform noise. A ratio near 1 means that what is no digit is reproduced as well as a digit. Much of the
picture's edge is black in every digit, where no network can learn to copy: ratios stand also for the pixels inside the
digits' region. And since a ratio depends on how well digits are done, the part of each kind's energy that is missed
stands beside it. Noise rates and weights were fixed after one pilot on training images.

And one under-complete net that memorises: 784-1000-500-30 and back (ReLU), 200 epochs on 1,000 images.

Command: python -m experiments.identity_copying --data-dir FOLDER   (about 9 minutes on 2 cores)
Result: experiments/results/identity_copying.json and .png
"""

import dataclasses
from collections.abc import Callable
from pathlib import Path

import jax
import numpy as np
import optax
import tyro

from aejax import corruptions, data, figures, networks, variants
from aejax.applications.reconstruction import pca, reconstruct
from aejax.data.strokes import letters
from aejax.train.points import train_points
from aejax.types import Autoencoder
from experiments._record import BaseConfig, Record

SHAPE = (28, 28, 1)
KINDS = {"digits": "test digits", "letters": "letters", "fashion": "Fashion items", "shuffled": "shuffled digits",
         "noise": "noise"}
INK = 0.1   # standard deviation of a training pixel, in [0, 1], from which it counts as inside the digits' region


@dataclasses.dataclass(frozen=True)
class Config(BaseConfig):
    """Budget of the run; `--smoke` takes few digits and narrow codes."""

    seeds: tuple[int, ...] = (0, 1, 2)
    over: int = 1000
    under: int = 30
    epochs: int = 6
    under_epochs: int = 40
    batch_size: int = 256
    memorised: int = 1000
    memorising_epochs: int = 200
    memorising_batch: int = 100
    memorising_widths: tuple[int, ...] = (1000, 500)


def models(config: Config) -> dict[str, Callable[[], Autoencoder]]:
    """The autoencoders by the name of their row."""
    over, under = (networks.Dense(shape=SHAPE, code_dim=d) for d in (config.over, config.under))
    return {
        f"AE-{config.under}": lambda: variants.standard(under), f"AE-{config.over}": lambda: variants.standard(over),
        f"DAE-{config.over}, half masked": lambda: variants.denoising(over, corruption=corruptions.masking_noise(0.5)),
        f"DAE-{config.over}, Gaussian 0.5":
            lambda: variants.denoising(over, corruption=corruptions.gaussian_noise(0.5)),
        f"CAE-{config.over}, λ = 0.1": lambda: variants.contractive(over, weight=0.1)}


def main(config: Config) -> Record:
    """Trains and measures one row after the other."""
    record = Record("identity_copying", config)
    dataset = data.load("mnist_mini" if config.smoke else "mnist", data_dir=config.data_dir)
    if config.smoke:
        config = dataclasses.replace(config, seeds=(0,), over=16, under=4, epochs=1, under_epochs=1, memorised=100,
                                     memorising_epochs=1, memorising_batch=50, memorising_widths=(16,), batch_size=50)
        dataset = dataclasses.replace(dataset, train=dataset.train[:200], test=dataset.test[:50])
    inputs = non_digits(dataset.test, config)
    inside = (dataset.train.astype(np.float32) / 255).std(axis=0) > INK
    settings = {"epochs": (config.epochs, config.under_epochs), "batch_size": config.batch_size, "seeds": config.seeds,
                "data": dataset.digest, "inputs": {name: len(x) for name, x in inputs.items()}}
    shown = _Shown(record.path.with_suffix(".npz"))   # kept beside the rows until the figure is drawn
    name = f"PCA-{config.under}"
    if not record.done(name, settings):
        linear = pca(dataset.train.astype(np.float32) / 255, config.under)
        images, row = outputs(linear.reconstruct, inputs, inside)
        shown.add(name, images)
        record.add(name, settings, _values([row]), seeds=[0], n=len(dataset.test))
    chosen = models(config)
    if config.smoke:   # each is a program of its own to compile
        chosen = dict([*chosen.items()][1::3])
    for name, make in chosen.items():
        if record.done(name, settings):
            continue
        epochs = config.under_epochs if name == f"AE-{config.under}" else config.epochs
        found = [outputs(model, inputs, inside)
                 for model in trained(make, dataset.train, config.seeds, epochs, config.batch_size)]
        shown.add(name, found[0][0])
        record.add(name, settings, _values([row for _, row in found]), seeds=config.seeds, n=len(dataset.test))
    if len(shown.rows) == 1 + len(chosen):
        figures.image_rows(record.path.with_suffix(".png"),
                           [("input", np.concatenate([x[:3] for x in inputs.values()])), *shown.rows.items()],
                           title="three each: " + ", ".join(KINDS[kind] for kind in inputs))
        shown.path.unlink()
    memorise(record, config, dataset)
    return record


class _Shown:
    """Rows of the figure, in a file of their own, so that a run that was stopped goes on."""

    def __init__(self, path: Path):
        self.path, self.rows = path, dict(np.load(path)) if path.exists() else {}

    def add(self, name: str, images: dict[str, np.ndarray]) -> None:
        self.rows[name] = np.concatenate(list(images.values()))
        np.savez_compressed(self.path, **self.rows)


def non_digits(digits: np.ndarray, config: Config) -> dict[str, np.ndarray]:
    """Test digits, and as many pictures of each other kind, floats in [0, 1]."""
    random = np.random.default_rng(5)
    x = digits.astype(np.float32) / 255
    kinds = {"digits": x, "letters": letters(len(x), seed=5)[0].astype(np.float32) / 255}
    if not config.smoke:
        kinds["fashion"] = data.load("fashion_mnist", data_dir=config.data_dir).test.astype(np.float32) / 255
    kinds["shuffled"] = random.permuted(x.reshape(len(x), -1), axis=1).reshape(x.shape)
    kinds["noise"] = random.uniform(size=x.shape).astype(np.float32)
    return kinds


def trained(make: Callable[[], Autoencoder], x: np.ndarray, seeds, epochs: int, batch_size: int):
    """The trained model of every seed, as a function x -> x̂."""
    states, _ = train_points(make, x, points={}, seeds=np.array(seeds), optimizer=optax.adam(1e-3),
                             shuffle_key=jax.random.key(0), epochs=epochs, batch_size=batch_size)
    ae = make()
    for index in range(len(seeds)):
        params = jax.tree.map(lambda leaf, i=index: leaf[i], states.params)
        yield lambda inputs, params=params: reconstruct(ae, params, inputs)


def outputs(model, inputs: dict[str, np.ndarray], inside: np.ndarray) -> tuple[dict[str, np.ndarray], dict[str, float]]:
    """The first outputs of each kind, for the figure; its error, and its ratios to the digits'."""
    shown, row, within, energy = {}, {}, {}, {}
    for kind, x in inputs.items():
        restored = model(x)
        shown[kind] = restored[:3]
        row[f"{kind}: error"] = float(np.mean((restored - x) ** 2))
        within[kind] = float(np.mean((restored - x)[:, inside] ** 2))
        energy[kind] = float(np.mean(x**2))
    for kind in list(inputs)[1:]:
        ratio = row[f"{kind}: error"] / row["digits: error"]
        row |= {f"{kind}: ratio": ratio, f"{kind}: ratio inside": within[kind] / within["digits"],
                f"{kind}: ratio by energy": ratio * energy["digits"] / energy[kind]}
    row |= {f"{kind}: missed": 100 * row[f"{kind}: error"] / energy[kind] for kind in inputs}
    return shown, row


def memorise(record: Record, config: Config, dataset: data.Dataset) -> None:
    """A wide under-complete net on few images, and PCA on the same ones: training against test error."""
    x, test = dataset.train[:config.memorised], dataset.test
    settings = {"images": len(x), "epochs": config.memorising_epochs, "batch": config.memorising_batch,
                "widths": config.memorising_widths, "code": config.under, "seeds": config.seeds, "data": dataset.digest}
    name = "-".join(map(str, (784, *config.memorising_widths, config.under)))
    if record.done(name, settings):
        return
    network = networks.Dense(shape=SHAPE, code_dim=config.under, widths=config.memorising_widths, activation="relu",
                             code_activation="identity")
    linear = pca(x.astype(np.float32) / 255, config.under)
    found = {f"PCA-{config.under} of {len(x):,} images": ([linear.reconstruct], [0]),
             name: (trained(lambda: variants.standard(network), x, config.seeds, config.memorising_epochs,
                           config.memorising_batch),
                    config.seeds)}
    for label, (each, seeds) in found.items():
        errors = [[float(np.mean((model(part) - part) ** 2)) for part in (x.astype(np.float32) / 255,
                                                                         test.astype(np.float32) / 255)]
                  for model in each]
        record.add(label, settings, {
            "training error": ("[0, 1]²", [a for a, _ in errors]), "test error": ("[0, 1]²", [b for _, b in errors]),
            "test over training": ("", [b / a for a, b in errors])}, seeds=seeds, n=len(test))


def _values(rows: list[dict[str, float]]) -> dict[str, tuple[str, list[float]]]:
    units = {"error": "[0, 1]²", "missed": "% of the mean square"}
    return {metric: (units.get(metric.rpartition(" ")[2], "of the digits' error"), [row[metric] for row in rows])
            for metric in rows[0]}


if __name__ == "__main__":
    main(tyro.cli(Config, description=__doc__))
