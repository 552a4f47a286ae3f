"""To what is a contractive code sensitive? Jacobian spectra of AE, DAE and CAE; their tangents against true motions.

Encoders as in `experiments.contraction`, half as wide: 784-500, tied, sigmoid, cross-entropy, 50,000 images, 8 epochs,
with the hyper-parameter that was chosen there by the error of classifiers, not by anything measured here. At 40 test
digits: the participation ratio of the Jacobian's spectrum, and the share of a shift right, a shift down and a rotation
that lies in the span of its k leading tangents. Baselines: the same network untrained, k random directions, the first k
principal components of all training images, and of the 50 nearest training images of each digit.

Command: python -m experiments.sensitivity --data-dir FOLDER   (about 10 minutes on 2 cores; resumable)
Result: experiments/results/sensitivity.json, sensitivity_overlap.png, _spectra.png and _tangents.png
"""

import dataclasses
import functools
import json

import jax
import numpy as np
import tyro

from aejax import data, figures, networks
from aejax.applications.reconstruction import pca
from aejax.applications.sensitivity import MOTIONS, contained, decompose, motions, participation_ratio, response
from aejax.jacobian import jacobians
from aejax.jacobian.norms import map_chunks
from experiments import contraction
from experiments._record import RESULTS, BaseConfig, Record

MODELS = ("AE", "DAE (Gaussian)", "CAE", "no pre-training")
COUNTS = (1, 2, 4, 8, 16, 32)   # of leading tangents
SHOWN = 8                       # of these in the figures, and in the claim
RANKS = (1, 2, 5, 10, 20, 50, 100, 200, 400)
DIGITS = (0, 3)                 # classes whose first test image is drawn


@dataclasses.dataclass(frozen=True)
class Config(BaseConfig):
    """Sizes of the full run; `--smoke` takes a few digits and a narrow layer."""

    seeds: tuple[int, ...] = (0, 1, 2)
    digits: int = 40
    code_dim: int = 500
    nearest: int = 50


@dataclasses.dataclass(frozen=True)
class Digits:
    """What every row is measured on: test digits, flat, on the [0, 1] scale; their true tangents; those to draw."""

    x: np.ndarray
    motions: np.ndarray
    drawn: np.ndarray


def main(config: Config) -> Record:
    """Baselines, then one kind of encoder after the other, then the ratios to the AE."""
    record = Record("sensitivity", config)
    budget, models = contraction.Config(), MODELS
    budget = dataclasses.replace(budget, code_dim=config.code_dim, pretraining_epochs=budget.search_epochs)
    training, images, seeds = 50_000, config.digits, config.seeds
    if config.smoke:
        budget, training, images = dataclasses.replace(budget, code_dim=40, pretraining_epochs=1), 512, 4
        seeds, models = seeds[:2], ("AE", "no pre-training")
    dataset = data.load("mnist_mini" if config.smoke else "mnist", data_dir=config.data_dir)
    if config.smoke:
        dataset = dataclasses.replace(dataset, train=dataset.train[:, ::4, ::4], test=dataset.test[:, ::4, ::4])
    train = dataset.train[:training]
    digits = _digits(dataset, images)
    common = {"digits": images, "training": training, "data": dataset.digest, "motions": MOTIONS}
    unfinished = record.path.with_suffix(".unfinished.npz")   # tangents for the figure, until it is drawn
    shown = dict(np.load(unfinished)) if unfinished.exists() else {}

    def add(name: str, settings: dict, measure) -> None:
        """Measures and writes a row that is not there; `measure` gives metrics and the leading tangents."""
        if record.done(name, common | settings):
            return
        values, leading, of = measure()
        record.add(name, common | settings, values, seeds=of, n=images)
        shown[name] = leading[digits.drawn, :SHOWN].reshape(-1, *train.shape[1:])
        np.savez(unfinished, **shown)
    add("random directions", {"seeds": seeds}, lambda: _fixed([np.random.default_rng(seed).normal(
        size=(images, max(COUNTS), digits.x.shape[1])) for seed in seeds], digits, seeds))
    add("PCA of all", {}, lambda: _fixed([_global(train, images)], digits, [0]))
    add("PCA of the nearest", {"nearest": config.nearest}, lambda: _fixed([_local(train, digits.x, config.nearest)],
                                                                         digits, [0]))
    for name in models:
        chosen = _chosen(name)
        add(name, {"chosen": chosen, "seeds": seeds, "code_dim": budget.code_dim, "epochs": budget.pretraining_epochs,
                   "batch_size": budget.batch_size, "rate": budget.learning_rate},
            lambda name=name, chosen=chosen: _encoder(name, chosen, seeds, budget, train, digits))
    if unfinished.exists() and len(shown) == len(models) + 3:
        _draw(record, digits, shown)
        unfinished.unlink()
    _ratios(record, models, seeds, images)
    return record


def _digits(dataset: data.Dataset, count: int) -> Digits:
    images, labels = dataset.test[:count], dataset.test_labels[:count]
    drawn = [int(np.flatnonzero(labels == label)[0]) if (labels == label).any() else 0 for label in DIGITS]
    return Digits((images / np.float32(255)).reshape(count, -1), motions(images).reshape(count, len(MOTIONS), -1),
                  np.array(drawn))


def _chosen(name: str) -> dict[str, float]:
    """The hyper-parameter that `experiments.contraction` chose on its validation images."""
    rows = json.loads((RESULTS / "contraction.json").read_text())["rows"]
    return {row["metric"].removeprefix("chosen "): row["value"] for row in rows
            if row["name"] == name and row["metric"].startswith("chosen ")}


def _overlaps(found: np.ndarray) -> dict[str, float]:
    """{metric: mean over digits} of the shares (digits, motions, k)."""
    mean = found.mean(axis=0)
    return ({f"share in {k} directions": mean[:, k - 1].mean() for k in COUNTS if k <= mean.shape[1]}
            | {f"share of {motion}": mean[i, min(SHOWN, mean.shape[1]) - 1] for i, motion in enumerate(MOTIONS)})


def _fixed(directions: list[np.ndarray], digits: Digits, seeds):
    """Overlaps of directions that no encoder gave, (digits, k, n) for each seed."""
    each = [_overlaps(contained(one, digits.motions)) for one in directions]
    unit = directions[0] / np.linalg.norm(directions[0], axis=2, keepdims=True)
    return {metric: ("share of ‖v‖²", [one[metric] for one in each]) for metric in each[0]}, unit, seeds


def _global(train: np.ndarray, count: int) -> np.ndarray:
    found = pca(train.reshape(len(train), -1) / np.float32(255), max(COUNTS)).components
    return np.broadcast_to(found, (count, *found.shape))


def _local(train: np.ndarray, x: np.ndarray, nearest: int) -> np.ndarray:
    """The leading principal components of each digit's nearest training images."""
    flat = train.reshape(len(train), -1) / np.float32(255)
    distances = np.square(flat).sum(axis=1)[None] - 2 * x @ flat.T
    near = flat[np.argpartition(distances, nearest, axis=1)[:, :nearest]]
    return np.linalg.svd(near - near.mean(axis=1, keepdims=True), full_matrices=False)[2][:, :max(COUNTS)]


@functools.partial(jax.jit, static_argnames=("network",))
def _listen(params, x, vectors, *, network: networks.Dense):
    """The Jacobians at x, and the answers to the vectors."""
    encode = network.split_encoder(params)
    return map_chunks(functools.partial(jacobians, encode), x, 5), response(encode, x, vectors)


def _encoder(name: str, chosen: dict[str, float], seeds, budget: contraction.Config, train: np.ndarray,
             digits: Digits):
    """Trains the encoder from every seed, and measures its Jacobian at the digits."""
    points = {key: np.full(len(seeds), value, np.float32) for key, value in chosen.items()}
    network, params = contraction.pretrain(name, points, np.array(seeds), budget, train)
    each, first = [], None
    for index in range(len(seeds)):
        matrices, answers = jax.device_get(_listen(
            jax.tree.map(lambda leaf, i=index: leaf[i], params), digits.x, digits.motions, network=network))
        spectra, leading = decompose(matrices, max(COUNTS))
        first = leading if first is None else first
        chance = np.sqrt(np.square(spectra).sum(axis=1) / digits.x.shape[1])   # root mean square over directions
        metrics = {("participation ratio", "directions"): participation_ratio(spectra).mean(),
                   ("directions above a tenth", "directions"): (spectra > spectra[:, :1] / 10).sum(axis=1).mean()}
        metrics |= {(f"relative singular value {rank}", "of the largest"):
                    (spectra[:, rank - 1] / spectra[:, 0]).mean() for rank in RANKS if rank <= spectra.shape[1]}
        metrics |= {(f"response to {motion}", "of a random direction's"): (answers[:, i] / chance).mean()
                    for i, motion in enumerate(MOTIONS)}
        metrics |= {(metric, "share of ‖v‖²"): value
                    for metric, value in _overlaps(contained(leading, digits.motions)).items()}
        each.append(metrics)
    return {metric: (unit, [one[metric, unit] for one in each]) for metric, unit in each[0]}, first, seeds


def _ratios(record: Record, models, seeds, n: int) -> None:
    """Each trained encoder over the AE, seed by seed."""
    found = {(row["name"], row["metric"]): np.array(row["each"]) for row in record.rows}
    metrics = [f"share in {k} directions" for k in COUNTS] + ["participation ratio"]
    for name in models[1:]:
        values = {metric: found[name, metric] / found["AE", metric] for metric in metrics if ("AE", metric) in found}
        settings = {metric: each.tolist() for metric, each in values.items()}
        if not record.done(f"{name} over AE", settings):
            record.add(f"{name} over AE", settings, {metric: ("ratio", each) for metric, each in values.items()},
                       seeds=seeds, n=n)


def _draw(record: Record, digits: Digits, shown: dict[str, np.ndarray]) -> None:
    shape = shown["AE"].shape[1:]
    stem = record.path.with_suffix("")
    overlap, spectra = {}, {}
    for row in record.rows:
        for part, lines in (("share in ", overlap), ("relative singular value ", spectra)):
            if row["metric"].startswith(part):
                across, up, spread = lines.setdefault(row["name"], ([], [], []))
                across.append(float(row["metric"].removeprefix(part).split()[0]))
                up.append(max(row["value"], 1e-7))
                spread.append(row["sd"] or 0.0)
    figures.spreads(f"{stem}_overlap.png", overlap, x="leading directions k",
                    y="share of true motions within (mean ± sd)")
    figures.lines(f"{stem}_spectra.png", {name: line[:2] for name, line in spectra.items()}, scale="log", x="rank",
                  y="singular value / largest (mean over digits)")
    true = np.zeros((len(DIGITS), SHOWN, *shape))
    true[:, 0] = digits.x[digits.drawn].reshape(-1, *shape)
    true[:, 1: 1 + len(MOTIONS)] = digits.motions[digits.drawn].reshape(len(DIGITS), -1, *shape)
    true /= np.linalg.norm(true.reshape(len(DIGITS), SHOWN, -1), axis=2).clip(1e-9)[..., None, None, None]
    named = {"digit; shifted right, down, rotated": true.reshape(-1, *shape)}
    named |= {name: shown[name] for name in ("PCA of the nearest", *MODELS[:3]) if name in shown}
    figures.kernels(f"{stem}_tangents.png", named, columns=SHOWN, rows=len(DIGITS), across=2,
                    label="change of a pixel, unit vectors")


if __name__ == "__main__":
    main(tyro.cli(Config, description=__doc__))
