"""Does contraction learn better features than noise or weight decay? Rifai's table 1 on MNIST.

One layer of 1,000 tied sigmoid units with cross-entropy is trained without labels (AE, AE + weight decay, Gaussian and
masking DAE, CAE), then starts a 1,000-unit classifier that is fine-tuned with labels. 50,000 images train, 10,000
choose (hyper-parameter and stopping epoch), 10,000 test once. The grid is searched with a seed of its own; the reported
seeds, fixed before the run, are trained together by `vmap` and share their batches, so differences are paired.

Command: python -m experiments.contraction --data-dir FOLDER   (about 60 minutes on 2 idle cores; resumable)
Result: experiments/results/contraction.json, contraction_spectra.png, contraction_tangents_*.png
"""

import dataclasses
import functools
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import tyro

from aejax import corruptions, data, figures, losses, networks, variants
from aejax.autoencoder import autoencoder
from aejax.jacobian import singular_values, squared_norm, tangents
from aejax.train.points import train_points
from aejax.types import Autoencoder
from experiments._record import BaseConfig, Record

# The whole search. A pilot with the search seed, on validation error alone, had tried fine-tuning rates 3e-4, 1e-3 and
# 3e-3 and weights of the CAE from 0.03 to 3, and set the rate and the place of that grid; the other grids had no pilot.
GRIDS: dict[str, dict[str, tuple[float, ...]]] = {
    "no pre-training": {}, "AE": {},
    "CAE": {"weight": (0.3, 1.0, 3.0)},
    "DAE (Gaussian)": {"std": (0.1, 0.3, 0.5)},
    "DAE (masking)": {"rate": (0.1, 0.25, 0.5)},
    "AE + weight decay": {"weight": (1e-3, 1e-2, 1e-1)},
}
RANKS = (1, 2, 5, 10, 20, 50, 100, 200, 400, 784)
SHUFFLE = 1234   # key of the order of batches


@dataclasses.dataclass(frozen=True)
class Config(BaseConfig):
    """Budget of the full run; `--smoke` takes a few digits and a narrow layer."""

    seeds: tuple[int, ...] = (0, 1, 2, 3, 4)
    search_seed: int = 100
    code_dim: int = 1000
    pretraining_epochs: int = 15
    tuning_epochs: int = 15
    search_epochs: int = 8   # of both, for the search alone
    batch_size: int = 256
    learning_rate: float = 1e-3
    tuning_rate: float = 3e-3


def squared_weights(network, params, key, x, code):
    """Ω = ½ Σ_ij W_ij², one number for the batch."""
    return 0.5 * jnp.sum(jnp.square(params["encoder_kernel_0"]))


def makers(network: networks.Dense) -> dict[str, Callable[..., Autoencoder]]:
    """What each row of the table pre-trains, given its hyper-parameter."""
    ce = losses.cross_entropy()
    return {
        "AE": lambda: variants.standard(network, reconstruction=ce),
        "AE + weight decay": lambda weight: autoencoder(network, penalty=squared_weights, weight=weight,
                                                        reconstruction=ce),
        "DAE (Gaussian)": lambda std: variants.denoising(network, corruption=corruptions.gaussian_noise(std),
                                                         reconstruction=ce),
        "DAE (masking)": lambda rate: variants.denoising(network, corruption=corruptions.masking_noise(rate),
                                                         reconstruction=ce),
        "CAE": lambda weight: variants.contractive(network, weight=weight, reconstruction=ce),
    }


def classify(params, images):
    """Logits of the classifier 784-1000-10."""
    x = images.reshape(images.shape[0], -1).astype(jnp.float32) / 255
    hidden = jax.nn.sigmoid(x @ params["encoder_kernel_0"] + params["encoder_bias_0"][None])
    return hidden @ params["out_kernel"] + params["out_bias"][None]


def _tuning_loss(params, key, batch):
    loss = optax.softmax_cross_entropy_with_integer_labels(classify(params, batch["image"]), batch["label"]).mean()
    return loss, {"loss": loss}


CLASSIFIER = Autoencoder(init=None, encode=None, decode=None, loss=_tuning_loss, range=(0.0, 1.0))
adam = functools.cache(optax.adam)   # one for each rate, and one `_classifier`: each new one is compiled anew


def _classifier() -> Autoencoder:
    return CLASSIFIER


@jax.jit
def _errors(params, images, labels):
    """Percentage of wrong labels of every seed, (P,)."""
    wrong = jax.lax.map(lambda p: jnp.mean(jnp.argmax(classify(p, images), axis=1) != labels), params)
    return 100 * wrong


@dataclasses.dataclass(frozen=True)
class Split:
    """Images and labels of one part."""

    images: np.ndarray
    labels: np.ndarray


def main(config: Config) -> Record:
    """Searches, trains, fine-tunes and records one row of the table after the other."""
    record = Record("contraction", config)
    if config.smoke:
        config = dataclasses.replace(config, seeds=(0, 1), code_dim=8, pretraining_epochs=1, tuning_epochs=1,
                                     search_epochs=1)
    dataset = data.load("mnist_mini" if config.smoke else "mnist", data_dir=config.data_dir)
    sizes = (512, 100) if config.smoke else (50_000, 10_000)
    train, chooser = (Split(dataset.train[part], dataset.train_labels[part])
                      for part in (slice(sizes[0]), slice(sizes[0], sum(sizes))))
    test = Split(dataset.test[: sizes[1]], dataset.test_labels[: sizes[1]])
    budget = {**dataclasses.asdict(config), "data": dataset.digest}
    for name in ("output", "data_dir"):
        budget.pop(name)
    for name, grid in GRIDS.items():
        settings = {"grid": grid, **budget}
        if record.done(name, settings):
            continue
        chosen = _search(name, grid, config, train, chooser) if grid else {}
        found = _run(name, {k: np.full(len(config.seeds), v, np.float32) for k, v in chosen.items()},
                     np.array(config.seeds), config, train, chooser, test, figures_beside=record.path)
        values = {f"chosen {k}": ("", [v]) for k, v in chosen.items()} | found
        record.add(name, settings, values, seeds=config.seeds, n=len(test.labels))
    _draw_spectra(record)
    _pairs(record, budget, config, len(test.labels))
    return record


def _search(name: str, grid: dict[str, Any], config: Config, train: Split, chooser: Split) -> dict[str, float]:
    """The grid's value of least validation error, all values trained together from the search seed."""
    ((key, values),) = grid.items()
    seeds = np.full(len(values), config.search_seed)
    points = {key: np.array(values, np.float32)}
    shorter = dataclasses.replace(config, pretraining_epochs=config.search_epochs, tuning_epochs=config.search_epochs)
    found = _run(name, points, seeds, shorter, train, chooser, None)
    best = int(np.argmin(found["validation error"][1]))
    return {key: values[best]}


def pretrain(name: str, points: dict[str, np.ndarray], seeds: np.ndarray, config: Config, images: np.ndarray,
             ) -> tuple[networks.Dense, Any]:
    """The network, and its parameters for every seed after training without labels."""
    network = networks.Dense(shape=images.shape[1:], code_dim=config.code_dim, code_activation="sigmoid", tied=True,
                             kernel_init="glorot_uniform")
    if name == "no pre-training":
        ae = variants.standard(network, reconstruction=losses.cross_entropy())
        return network, jax.vmap(lambda seed: ae.init(jax.random.key(seed), images[:1]))(jnp.asarray(seeds))
    states, _ = train_points(makers(network)[name], images, points=points, seeds=seeds,
                             shuffle_key=jax.random.key(SHUFFLE), optimizer=adam(config.learning_rate),
                             epochs=config.pretraining_epochs, batch_size=config.batch_size)
    return network, states.params


def _run(name: str, points, seeds: np.ndarray, config: Config, train: Split, chooser: Split, test: Split | None,
         figures_beside: Path | None = None) -> dict[str, tuple[str, Any]]:
    """Pre-trains, measures, fine-tunes; {metric: (unit, value per seed)}."""
    network, params = pretrain(name, points, seeds, config, train.images)
    found: dict[str, tuple[str, Any]] = {}
    if test is not None:
        found |= _representation(network, params, test)
        slug = "_".join(re.findall(r"\w+", name.lower()))
        _draw_tangents(network, params, test, name,
                       figures_beside.with_name(f"{figures_beside.stem}_tangents_{slug}.png"))
    out = jax.vmap(lambda seed: jax.nn.initializers.lecun_normal()(
        jax.random.fold_in(jax.random.key(seed), 77), (config.code_dim, 10)))(jnp.asarray(seeds))
    start = {name: params[name] for name in ("encoder_kernel_0", "encoder_bias_0")}
    start |= {"out_kernel": out, "out_bias": jnp.zeros((len(seeds), 10))}
    errors: dict[str, list[np.ndarray]] = {"validation": [], "test": []}

    def score(epoch: int, metrics, states) -> None:
        errors["validation"].append(np.asarray(_errors(states.params, chooser.images, chooser.labels)))
        if test is not None:
            errors["test"].append(np.asarray(_errors(states.params, test.images, test.labels)))
    train_points(_classifier, {"image": train.images, "label": train.labels}, points={}, seeds=seeds,
                 optimizer=adam(config.tuning_rate), shuffle_key=jax.random.key(SHUFFLE),
                 epochs=config.tuning_epochs, batch_size=config.batch_size, params=start, on_epoch_end=score)
    validation = np.stack(errors["validation"])
    best = validation.argmin(axis=0)   # the epoch is chosen on validation, for each seed
    found["validation error"] = ("%", validation.min(axis=0))
    if test is not None:
        found["test error"] = ("%", np.stack(errors["test"])[best, np.arange(len(seeds))])
    return found


def _representation(network: networks.Dense, params, test: Split) -> dict[str, tuple[str, Any]]:
    """Before fine-tuning: mean ‖J‖_F, share of saturated units, and the mean spectrum of the Jacobian."""
    x = jnp.asarray(test.images.reshape(len(test.images), -1), jnp.float32) / 255

    @jax.jit
    def measure(p):
        encoder = network.split_encoder(p)
        h = encoder(x)
        return (jnp.mean(jnp.sqrt(squared_norm(encoder, x))), 100 * jnp.mean((h < 0.05) | (h > 0.95)),
                jnp.mean(singular_values(encoder, x[:32], chunk_size=8), axis=0))
    each = [measure(jax.tree.map(lambda leaf, i=i: leaf[i], params)) for i in range(len(params["encoder_bias_0"]))]
    norms, saturated, spectra = (np.stack(part) for part in zip(*jax.device_get(each), strict=True))
    found = {"mean ‖J‖": ("code unit / [0, 1]", norms), "saturated": ("%", saturated)}
    return found | {f"singular value {rank}": ("code unit / [0, 1]", spectra[:, rank - 1])
                    for rank in RANKS if rank <= spectra.shape[1]}


def _draw_tangents(network: networks.Dense, params, test: Split, name: str, path: Path) -> None:
    """The eight leading tangents of the first seed's code at the first test image of five classes."""
    pick = [int(np.flatnonzero(test.labels == label)[0]) for label in (0, 2, 3, 5, 8)]
    x = jnp.asarray(test.images[pick].reshape(len(pick), -1), jnp.float32) / 255
    found = tangents(network.split_encoder(jax.tree.map(lambda leaf: leaf[0], params)), x, 8)
    shape = test.images.shape[1:]
    figures.directions(path, np.asarray(x).reshape(-1, *shape), np.asarray(found).reshape(len(pick), -1, *shape),
                       title=f"{name}: the eight directions that the code hears best")


def _draw_spectra(record: Record) -> None:
    """Mean singular values of every pre-trained encoder, from the rows."""
    spectra: dict[str, tuple[list[float], list[float]]] = {}
    for row in record.rows:
        if row["metric"].startswith("singular value"):
            ranks, values = spectra.setdefault(row["name"], ([], []))
            ranks.append(float(row["metric"].split()[-1]))
            values.append(max(row["value"], 1e-8))   # float32's rounding; a logarithm needs a positive number
    figures.lines(record.path.with_name(f"{record.path.stem}_spectra.png"), spectra, scale="log",
                  x="rank", y="mean singular value (code unit / [0, 1])")


def _pairs(record: Record, budget, config: Config, n: int) -> None:
    """CAE minus each other row, seed by seed."""
    errors = {row["name"]: np.array(row["each"]) for row in record.rows if row["metric"] == "test error"}
    for name in GRIDS:
        label = f"CAE minus {name}"
        settings = {"errors": {key: errors[key].tolist() for key in (name, "CAE")}}
        if name == "CAE" or record.done(label, settings):
            continue
        record.add(label, settings, {"difference of test errors": ("percentage points", errors["CAE"] - errors[name])},
                   seeds=config.seeds, n=n)


if __name__ == "__main__":
    main(tyro.cli(Config, description=__doc__))
