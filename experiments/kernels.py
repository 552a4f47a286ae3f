"""Does denoising clean the kernels where no digit ever is? The lecture's figures 22 and 23, as ratios.

The notebook's networks (784→d→784, tanh both, MSE in [-1, 1], Adam 1e-3, batch 256; its mask for denoising), for 8 of
its 20 epochs, with d = 30 and d = 500, each standard and denoising, so that width and noise are told apart: the
lecture's figures show standard-30 beside denoising-500. Outside the digits' support are the pixels that fewer than 1
training image in 1,000 touches. Of the encoder's kernels two numbers are taken there: the energy, mean w², and the
roughness, the mean variance of a kernel around its own mean over these pixels, 0 for a kernel that is constant there.

Command: python -m experiments.kernels --data-dir FOLDER   (about 5 minutes on 2 cores; resumable)
Result: experiments/results/kernels.json and .png
"""

import dataclasses

import jax
import numpy as np
import optax
import tyro

from aejax import data, figures
from aejax.compare import NOTEBOOK_MASK, recipes
from aejax.recipes import Recipe, build
from aejax.train.points import train_points
from experiments._record import BaseConfig, Record

RARE = 1e-3   # share of the training images below which a pixel counts as outside
PAIRS = (("denoising-500", "standard-500"), ("denoising-30", "standard-30"), ("denoising-500", "standard-30"))


@dataclasses.dataclass(frozen=True)
class Config(BaseConfig):
    """Settings of the notebook, fewer epochs; `--smoke` takes fewer digits, one epoch and a narrow layer."""

    seeds: tuple[int, ...] = (0, 1, 2)
    epochs: int = 8
    batch_size: int = 256


def main(config: Config) -> Record:
    """Trains each network from every seed, measures its kernels, then compares seed by seed."""
    record = Record("kernels", config)
    seeds, epochs = (config.seeds[:2], 1) if config.smoke else (config.seeds, config.epochs)
    dataset = data.load("mnist_mini" if config.smoke else "mnist", data_dir=config.data_dir)
    train = dataset.train[:512] if config.smoke else dataset.train
    outside = np.mean(train.reshape(len(train), -1) > 0, axis=0) < RARE
    common = {"epochs": epochs, "batch_size": config.batch_size, "seeds": seeds, "data": dataset.digest, "rare": RARE}
    unfinished = record.path.with_suffix(".unfinished.npz")   # kernels for the figure, until it is drawn
    shown = dict(np.load(unfinished)) if unfinished.exists() else {}
    for name, recipe in _recipes(dataset, over_complete=40 if config.smoke else 500).items():
        settings = {"recipe": dataclasses.asdict(recipe), **common}
        if record.done(name, settings):
            continue
        ae = build(recipe)
        states, _ = train_points(lambda ae=ae: ae, train, points={}, seeds=np.array(seeds), optimizer=optax.adam(1e-3),
                                 shuffle_key=jax.random.key(7), epochs=epochs, batch_size=config.batch_size)
        kernels = np.asarray(states.params["encoder_kernel_0"]).swapaxes(1, 2)   # (seeds, d, 784)
        values = [_measure(each, outside) for each in kernels]
        record.add(name, settings, {metric: (unit, [value[metric, unit] for value in values])
                                    for metric, unit in values[0]}, seeds=seeds, n=int(outside.sum()))
        shown[name] = kernels[0, :32].reshape(-1, *dataset.shape)
        np.savez(unfinished, **shown)
    if len(shown) == 4:
        figures.kernels(record.path.with_suffix(".png"), {name: shown[name] for name in (
            "standard-30", "denoising-30", "standard-500", "denoising-500")}, across=2, grey=True)
        unfinished.unlink()
    found = {(row["name"], row["metric"]): np.array(row["each"]) for row in record.rows}
    for upper, lower in PAIRS:
        metrics = ("energy outside", "roughness outside", "outside over inside")
        values = {m: found[upper, m] / found[lower, m] for m in metrics}
        settings = {m: each.tolist() for m, each in values.items()}
        if not record.done(f"{upper} over {lower}", settings):
            record.add(f"{upper} over {lower}", settings, {m: ("ratio", each) for m, each in values.items()},
                       seeds=seeds, n=int(outside.sum()))
    return record


def _recipes(dataset: data.Dataset, over_complete: int) -> dict[str, Recipe]:
    """The notebook's recipes, each width with and without its mask."""
    notebook = recipes(dataset, 30, over_complete)
    found = {}
    for d, label in ((30, "30"), (over_complete, "500")):
        plain = notebook[f"standard-{d}"]
        found[f"standard-{label}"] = plain
        found[f"denoising-{label}"] = dataclasses.replace(plain, variant="denoising", corruption=NOTEBOOK_MASK)
    return found


def _measure(kernels: np.ndarray, outside: np.ndarray) -> dict[tuple[str, str], float]:
    """{(metric, unit): value} of one network's kernels (d, pixels)."""
    energy = np.mean(kernels[:, outside] ** 2)
    inside = np.mean(kernels[:, ~outside] ** 2)
    return {("energy outside", "weight²"): energy, ("energy inside", "weight²"): inside,
            ("outside over inside", "ratio"): energy / inside,
            ("roughness outside", "weight²"): np.mean(np.var(kernels[:, outside], axis=1)),
            ("roughness before training", "weight²"): 1 / (3 * kernels.shape[1])}   # of U(±1/√n), the first weights


if __name__ == "__main__":
    main(tyro.cli(Config, description=__doc__))
