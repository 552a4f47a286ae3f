"""Is a tied linear autoencoder PCA? Trained by gradient steps from random weights on full MNIST, from 2 to 128 units.

`networks.Dense(tied=True, code_activation="identity")`, x̂ = W(Wᵀx + b) + c, squared error, `fit`: SGD with momentum
0.9, batch 512, a rate that falls to 0 by a cosine. The mean of the training images is subtracted first: the biases
would absorb it, but its direction is eight times as steep as any other and would set the rate. Nothing is taken from
PCA; rate and number of epochs were set on training error. PCA is that of the same 60,000 images. A subspace is well
defined only where the eigenvalues beside its edge differ: λ_d / λ_(d+1) stands beside every angle.

Command: python -m experiments.linear_pca --data-dir FOLDER   (about 8 minutes on 2 cores)
Result: experiments/results/linear_pca.json and .png
"""

import dataclasses
from collections.abc import Callable, Iterator

import jax
import numpy as np
import optax
import tyro

from aejax import data, figures, losses, metrics, networks, variants
from aejax.applications.reconstruction import PCA, pca, reconstruct
from aejax.train import fit
from experiments._record import BaseConfig, Record

SHOWN = 16   # the code_dim that the figure shows


@dataclasses.dataclass(frozen=True)
class Config(BaseConfig):
    """Budget of the run; `--smoke` takes few digits and small codes."""

    seeds: tuple[int, ...] = (0, 1, 2)
    code_dims: tuple[int, ...] = (2, 5, 8, 10, 16, 30, 64, 128)
    epochs: int = 15
    batch_size: int = 512
    learning_rate: float = 0.02


def main(config: Config) -> Record:
    """Trains every code_dim from every seed and puts it beside PCA."""
    record = Record("linear_pca", config)
    dataset = data.load("mnist_mini" if config.smoke else "mnist", data_dir=config.data_dir)
    x, test = (images.astype(np.float32) / 255 for images in (dataset.train, dataset.test))
    if config.smoke:
        config = dataclasses.replace(config, seeds=(0,), code_dims=(2, SHOWN), epochs=1, batch_size=50)
        x, test = x[:500], test[:50]
    mean = x.mean(axis=0)
    x, test = x - mean, test - mean
    best = None
    for d in config.code_dims:
        settings = {"d": d, "seeds": config.seeds, "epochs": config.epochs, "batch_size": config.batch_size,
                    "learning_rate": config.learning_rate, "data": dataset.digest, "examples": len(x)}
        name = f"{d}"
        if record.done(name, settings):
            continue
        best = best or components(x, max(config.code_dims) + 1)
        linear, variance = PCA(best[0].mean, best[0].components[:d]), best[1]
        errors = [float(np.mean((linear.reconstruct(part) - part) ** 2)) for part in (x, test)]
        rows = []
        for kernel, trained in networks_of(config, d, x):
            rows.append(compare(kernel, trained, x, test, linear))
            if d == SHOWN and len(rows) == 1:
                draw(record, kernel, linear, x)
        values = {metric: (UNITS.get(metric, "degrees"), [row[metric] for row in rows]) for metric in rows[0]}
        values |= {"PCA's training MSE": ("[0, 1]²", errors[:1]), "PCA's test MSE": ("[0, 1]²", errors[1:]),
                   "above PCA": ("% of its test MSE", [100 * (row["test MSE"] / errors[1] - 1) for row in rows]),
                   "above PCA in training": ("% of its MSE", [100 * (row["training MSE"] / errors[0] - 1)
                                                              for row in rows]),
                   "eigenvalue gap": ("", [variance[d - 1] / variance[d]])}
        record.add(name, settings, values, seeds=config.seeds, n=len(test))
    return record


UNITS = {"training MSE": "[0, 1]²", "test MSE": "[0, 1]²"}   # the rest: angles


def components(x: np.ndarray, count: int) -> tuple[PCA, np.ndarray]:
    """PCA of the training images, and the variance along each component."""
    linear = pca(x, count)
    return linear, linear.encode(x).astype(np.float64).var(axis=0)


def networks_of(config: Config, d: int, x: np.ndarray) -> Iterator[tuple[np.ndarray, Callable]]:
    """The network of every seed after training: its kernel W (n, d), and x -> x̂."""
    network = networks.Dense(shape=x.shape[1:], code_dim=d, tied=True, code_activation="identity")
    ae = variants.standard(network, reconstruction=losses.squared_error(activation="identity", range=None))
    steps = config.epochs * (len(x) // config.batch_size)
    optimizer = optax.sgd(optax.cosine_decay_schedule(config.learning_rate, steps), momentum=0.9)
    for seed in config.seeds:
        state, _ = fit(ae, x, optimizer=optimizer, key=jax.random.key(seed), epochs=config.epochs,
                       batch_size=config.batch_size)
        yield (np.asarray(state.params["encoder_kernel_0"], np.float64),
               lambda inputs, params=state.params: reconstruct(ae, params, inputs))


def compare(kernel: np.ndarray, trained: Callable, x: np.ndarray, test: np.ndarray, linear: PCA) -> dict[str, float]:
    """One trained network beside PCA: errors, angles of the subspaces, and of single components."""
    errors = [float(np.mean((trained(part) - part) ** 2)) for part in (x, test)]
    angles = metrics.principal_angles(kernel, linear.components.T)
    single = np.abs(np.sum(own_axes(kernel, x) * linear.components, axis=1))
    return {"training MSE": errors[0], "test MSE": errors[1], "largest angle": float(angles[-1]),
            "median angle": float(np.median(angles)),
            "largest angle of a component": float(np.degrees(np.arccos(np.clip(single.min(), 0, 1))))}


def own_axes(kernel: np.ndarray, x: np.ndarray) -> np.ndarray:
    """The network's own principal axes, (d, n): within the span of W, ordered by the data's variance along them.

    The error does not change when a tied linear network's code is turned, so its kernels are any basis of the subspace.
    Its codes tell the axes apart, without a look at PCA of the images.
    """
    basis, _ = np.linalg.qr(kernel)
    codes = x.reshape(len(x), -1) @ basis.astype(np.float32)
    _, turn = np.linalg.eigh(np.cov(codes.T.astype(np.float64)))
    return (basis @ turn[:, ::-1]).T


def draw(record: Record, kernel: np.ndarray, linear: PCA, x: np.ndarray) -> None:
    """PCA's components, the network's kernels as they are, and its own axes; a component's sign means nothing."""
    axes = own_axes(kernel, x)
    axes *= np.sign(np.sum(axes * linear.components, axis=1))[:, None]
    named = {"PCA's components": linear.components, "the network's kernels": kernel.T,
             "the network's axes, by variance": axes}
    figures.kernels(record.path.with_suffix(".png"), {name: rows.reshape(-1, *x.shape[1:])
                                                      for name, rows in named.items()}, columns=8, rows=SHOWN // 8)


if __name__ == "__main__":
    main(tyro.cli(Config, description=__doc__))
