"""How likely are digits by a variational autoencoder, and how much do more samples of the posterior help?

Two questions. The notebook's network (784-400-20, ReLU, 10 epochs, batch 256, Adam 1e-3), with binary cross-entropy of
grey pixels, as there: −ELBO of the test images, its two parts, and the reconstruction at the posterior's mean. And
the importance-weighted bound of k = 1, 5 and 50 samples (784-200-200-50, tanh; Burda et al. 2016), for equal steps, on
pixels drawn black or white anew each time with the grey value as the probability of white: −log p(x) of the test
images, drawn once, by 5,000 importance samples, and on the way for the first 500 of them by 500. Batch 20, Adam with
ε = 1e-4, its rate falling from 1e-3 by half a cosine. Nothing is chosen on the test images. The baseline is one
probability of white for each pixel.

Command: python -m experiments.likelihood --data-dir FOLDER   (about 90 minutes on one core; resumable)
Result: experiments/results/likelihood.json and .png
"""

import dataclasses
import json
import shutil

import jax
import jax.numpy as jnp
import numpy as np
import optax
import tyro

from aejax import data, figures, losses, networks, variants
from aejax.applications.marginal_likelihood import nll
from aejax.runs import write_json
from aejax.train import fit
from aejax.train.checkpoints import Checkpoints
from aejax.train.evaluation import evaluate
from aejax.types import Autoencoder, Callback, Params
from experiments._record import BaseConfig, Record

TITLES = {"mnist": "MNIST", "mnist_mini": "digits", "fashion_mnist": "Fashion-MNIST"}
LIKELIHOOD = losses.cross_entropy()


@dataclasses.dataclass(frozen=True)
class Config(BaseConfig):
    """`--smoke` takes fewer digits, one epoch, few samples."""

    seeds: tuple[int, ...] = (0, 1, 2)
    """Of the notebook's network."""
    samples: tuple[int, ...] = (1, 5, 50)
    """k of the importance-weighted networks, one seed each."""
    epochs: int = 100
    """Of each of these."""
    every: int = 10
    """Epochs between two points of the curve."""


def main(config: Config) -> Record:
    """Trains and measures the networks one after the other."""
    record = Record("likelihood", config)
    for name in ("mnist_mini",) if config.smoke else ("mnist", "fashion_mnist"):
        notebook(record, config, data.load(name, data_dir=config.data_dir))
    digits = data.load("mnist_mini" if config.smoke else "mnist", data_dir=config.data_dir)
    weighted(record, config, digits)
    return record


def notebook(record: Record, config: Config, dataset: data.Dataset) -> None:
    """−ELBO of grey test images after 10 epochs, mean over the seeds."""
    epochs, train, test = (1, dataset.train[:512], dataset.test[:64]) if config.smoke else (10, dataset.train,
                                                                                           dataset.test)
    name = f"{TITLES[dataset.name]}, variational 784-400-20"
    settings = {"data": dataset.digest, "epochs": epochs, "seeds": config.seeds, "train": len(train), "test": len(test)}
    if record.done(name, settings):
        return
    network = networks.Dense(shape=dataset.shape, code_dim=20, widths=(400,), activation="relu")
    ae, optimizer = variants.variational(network, reconstruction=LIKELIHOOD), optax.adam(1e-3)
    found: dict[str, list[float]] = {"-ELBO": [], "reconstruction": [], "KL": [], "reconstruction at the mean": []}
    for seed in config.seeds:
        state, _ = fit(ae, train, optimizer=optimizer, key=jax.random.key(seed), epochs=epochs, batch_size=256)
        measured = evaluate(state.params, jax.random.key(100 + seed), test, ae=ae)
        for metric, part in (("-ELBO", "loss"), ("reconstruction", "reconstruction"), ("KL", "kl")):
            found[metric].append(float(measured[part]))
        found["reconstruction at the mean"].append(-float(np.mean(_at_the_mean(ae, state.params, test))))
    record.add(name, settings, {metric: ("nats", each) for metric, each in found.items()}, seeds=config.seeds,
               n=len(test))


def weighted(record: Record, config: Config, dataset: data.Dataset) -> None:
    """−log p(x) of black and white test images for each number of samples, and its curve."""
    train, test = (dataset.train[:200], dataset.test[:20]) if config.smoke else (dataset.train, dataset.test)
    epochs, samples = (2, 20) if config.smoke else (config.epochs, 5000)
    key = jax.random.key(2016)
    black_white = np.asarray(jax.random.bernoulli(key, test / 255.0), np.float32)
    settings = {"data": dataset.digest, "epochs": epochs, "samples": samples, "train": len(train), "test": len(test)}
    if not record.done("one probability for each pixel", settings):
        p = np.clip(train.mean(axis=0) / 255, 1 / 255 / len(train), 1 - 1 / 255 / len(train))
        each = -np.sum(np.where(black_white > 0, np.log(p), np.log1p(-p)), axis=(1, 2, 3))
        record.add("one probability for each pixel", settings, {"-log p(x)": ("nats", [each.mean()])}, seeds=[0],
                   n=len(test))
    network = networks.Dense(shape=dataset.shape, code_dim=50, widths=(200, 200))
    for k in config.samples:
        name = f"importance weighted, k = {k}"
        if record.done(name, settings | {"k": k}):
            continue
        ae = variants.importance_weighted(network, samples=k, reconstruction=LIKELIHOOD)
        folder = record.path.parent / f"likelihood_{k}.unfinished"
        curve = Curve(ae, black_white[:500], samples // 10, config.every, folder / "curve.json")
        rate = optax.cosine_decay_schedule(1e-3, epochs * (len(train) // 20))
        state, history = fit(binarised(ae), train, optimizer=optax.adam(rate, eps=1e-4), key=jax.random.key(k),
                             epochs=epochs, batch_size=20, callbacks=[curve], resume=True,
                             checkpoint=Checkpoints(folder / "checkpoints", every=10_000, resume=True,
                                                    configuration={"settings": json.dumps(settings | {"k": k})}))
        each = nll(ae, state.params, jax.random.key(1), black_white, samples=samples)
        bound = evaluate(state.params, jax.random.key(2), black_white, ae=ae)["loss"]
        values = {"-log p(x)": ("nats", [each.mean()]), f"bound of {k}": ("nats", [float(bound)]),
                  "standard error": ("nats", [each.std() / len(each) ** 0.5]),
                  "training": ("minutes", [sum(history["seconds"]) / 60]), "steps": ("steps", [int(state.step)])}
        values |= {f"after epoch {epoch}": ("nats", [value]) for epoch, value in curve.points.items()}
        record.add(name, settings | {"k": k}, values, seeds=[k], n=len(test))
        shutil.rmtree(folder)
    figures.lines(record.path.with_suffix(".png"), {f"k = {k}": _curve(record, k) for k in config.samples},
                  x="epoch", y="−log p(x) in nats, 500 test images")


def binarised(ae: Autoencoder) -> Autoencoder:
    """The same autoencoder, trained on black and white pixels that each step draws by their grey values."""
    def loss(params, key, x):
        draw, rest = jax.random.split(key)
        return ae.loss(params, rest, jax.random.bernoulli(draw, x.astype(jnp.float32) / 255).astype(jnp.float32))
    return ae._replace(loss=loss)


class Curve(Callback):
    """−log p(x) of some images every so many epochs; in a file, so that a stopped run goes on with it."""

    def __init__(self, ae: Autoencoder, x: np.ndarray, samples: int, every: int, path):
        self.ae, self.x, self.samples, self.every, self.path = ae, x, samples, every, path
        self.points = json.loads(path.read_text()) if path.exists() else {}

    def on_epoch_end(self, epoch, logs, state) -> None:
        """Measures after the first and every so many epochs."""
        if epoch and (epoch + 1) % self.every:
            return
        found = nll(self.ae, state.params, jax.random.key(0), self.x, samples=self.samples)
        self.points[str(epoch + 1)] = float(found.mean())
        write_json(self.path, self.points)


def _at_the_mean(ae: Autoencoder, params: Params, x: np.ndarray) -> np.ndarray:
    return np.asarray(ae.log_likelihood(params, ae.encode(params, x), x))


def _curve(record: Record, k: int) -> tuple[list[float], list[float]]:
    points = {float(row["metric"].split()[-1]): row["value"] for row in record.rows
              if row["name"] == f"importance weighted, k = {k}" and row["metric"].startswith("after epoch ")}
    return list(points), list(points.values())


if __name__ == "__main__":
    main(tyro.cli(Config, description=__doc__))
