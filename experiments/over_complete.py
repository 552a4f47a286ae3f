"""Is a wider code easier to optimise? Loss against steps of 784-d-784 networks, d from 8 to 1,568.

Basic autoencoder (tanh code, sigmoid output, squared error), Adam, batch 128, 1,000 steps on 6,400 images of MNIST,
three seeds. Three learning rates, trained together on the same batches; each d is shown with the one of lowest
training loss at the end, so that no width suffers from another's rate. Training loss is the mean over 50 steps, each on
the batch before its own step. Beside it the training error of PCA with d components: what capacity alone allows a
linear network.

Command: python -m experiments.over_complete --data-dir FOLDER   (about 7 minutes on 2 cores)
Result: experiments/results/over_complete.json and .png
"""

import dataclasses

import jax
import numpy as np
import optax
import tyro

from aejax import data, figures, networks, variants
from aejax.applications.reconstruction import pca
from aejax.train.sweep import sweep
from experiments._record import BaseConfig, Record

THRESHOLDS = (0.04, 0.02, 0.01, 0.005)   # training MSE, fixed before the run


@dataclasses.dataclass(frozen=True)
class Config(BaseConfig):
    """Budget of the run; `--smoke` takes few digits and narrow codes."""

    seeds: tuple[int, ...] = (0, 1, 2)
    code_dims: tuple[int, ...] = (8, 16, 32, 64, 128, 256, 784, 1568)
    learning_rates: tuple[float, ...] = (1e-3, 3e-3, 1e-2)
    examples: int = 6400
    epochs: int = 20
    batch_size: int = 128


def main(config: Config) -> Record:
    """Trains every width and records when it passes each threshold."""
    record = Record("over_complete", config)
    dataset = data.load("mnist_mini" if config.smoke else "mnist", data_dir=config.data_dir)
    if config.smoke:
        config = dataclasses.replace(config, seeds=(0, 1), code_dims=(8, 16), examples=256, epochs=2, batch_size=32)
    x = dataset.train[:config.examples]
    flat = x.reshape(len(x), -1).astype(np.float32) / 255
    new = False
    for d in config.code_dims:
        settings = {"d": d, "seeds": config.seeds, "rates": config.learning_rates, "examples": len(x),
                    "epochs": config.epochs, "batch_size": config.batch_size, "data": dataset.digest}
        if not record.done(f"{d}", settings):
            record.add(f"{d}", settings, train(config, x, d) | linear(flat, d), seeds=config.seeds, n=len(x))
            new = True
    if new:
        draw(record, config)
    return record


def train(config: Config, x: np.ndarray, d: int) -> dict[str, tuple[str, list[float]]]:
    """Training error after every 50 steps at the better rate, and the steps to each threshold."""
    network = networks.Dense(shape=x.shape[1:], code_dim=d)
    result = sweep(lambda: variants.standard(network), x, grid={"learning_rate": config.learning_rates},
                   seeds=config.seeds, optimizer=optax.adam, epochs=config.epochs, batch_size=config.batch_size,
                   shuffle_key=jax.random.key(0))
    errors = result.history["loss"][:, result.best_index] * 2 / x[0].size   # (epochs, seeds), of ½‖x − x̂‖²
    every = len(x) // config.batch_size
    values = {"learning rate": ("", [result.best.values["learning_rate"]])}
    values |= {f"after {(i + 1) * every}": ("training MSE", list(row)) for i, row in enumerate(errors)}
    for threshold in THRESHOLDS:
        below = errors <= threshold
        if below.any(axis=0).all():   # every seed arrived
            values[f"steps to {threshold:g}"] = ("steps", list((below.argmax(axis=0) + 1.0) * every))
    return values


def linear(flat: np.ndarray, d: int) -> dict[str, tuple[str, list[float]]]:
    """The training error of PCA, where it has that many components."""
    if d >= flat.shape[1]:
        return {"PCA": ("training MSE", [0.0])}
    return {"PCA": ("training MSE", [float(np.mean((pca(flat, d).reconstruct(flat) - flat) ** 2))])}


def draw(record: Record, config: Config) -> None:
    """Mean training error against steps, a line for each width."""
    named = {}
    for d in config.code_dims:
        points = [(float(row["metric"].split()[1]), row["value"]) for row in record.rows
                  if row["name"] == f"{d}" and row["metric"].startswith("after ")]
        if points:
            named[f"d = {d:,}"] = tuple(zip(*points, strict=True))
    figures.lines(record.path.with_suffix(".png"), named, x="steps", y="training MSE", scale="log")


if __name__ == "__main__":
    main(tyro.cli(Config, description=__doc__))
