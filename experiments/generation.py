"""Which autoencoder makes the best pictures, and which distribution of its codes? Samples of MNIST beside test images.

One convolutional network of 16 code units, the same batches and steps, nine autoencoders, all but one with the same
reconstruction loss; on the codes of each four priors: N(0, I), the Gaussian of the codes, a mixture of ten Gaussians, a
coupling flow. A vector-quantised one beside them, its indices drawn evenly or from a learnt prior. 10,000 samples
against the 10,000 test images in features of the small classifier: a Fréchet distance (no FID: other features, another
scale), precision and recall, density and coverage; and whether samples repeat training images. Beside them:
reconstructions of the test images, as many training images, and a mixture over PCA of the same width. Nothing is chosen
on test images.

Command: python -m experiments.generation --data-dir FOLDER   (about 55 minutes on one core; resumable; `--names
fashion_mnist` for clothes)
Result: experiments/results/generation.json, generation_<data>.png and generation_<data>_priors.png, drawn from the
samples that generation_<data>.npz keeps
"""

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np
import tyro

from aejax import data, figures
from aejax.applications import classifier as classifiers
from aejax.applications.sample_quality import Reference, reference
from aejax.files import atomic
from experiments import _generation_models as models
from experiments._generation_models import MODELS, QUANTISED, SMOKE, Budget
from experiments._record import BaseConfig, Record

SHOWN = 12                    # pictures in a row of a figure
SMOKE_MODELS = ("standard", QUANTISED)
TITLES = {"normal": "N(0, I)", "gaussian": "Gaussian", "mixture": "mixture", "flow": "flow",
          "autoregressive": "learnt indices", "reconstructions": "reconstructed test images"}
TOWARDS_NORMAL = ("variational", "variational, beta 0.1", "variational, cross-entropy", "wasserstein",
                  "adversarial")   # the others: a mixture
CHOSEN = {"PCA": "mixture", QUANTISED: "autoregressive"} | {
    model: "normal" if model in TOWARDS_NORMAL else "mixture" for model in MODELS}   # what each is made for
MEANT = {f"{model}, {prior}": f"{model.replace('_', '-')}: {TITLES[prior]}" for model, prior in CHOSEN.items()}
OF_ONE = {f"regularised, l2, {prior}": TITLES[prior] for prior in ("reconstructions", *models.PRIORS)}


@dataclasses.dataclass(frozen=True)
class Config(BaseConfig):
    """Rows to run; `--smoke` takes a few digits and next to no training."""

    names: tuple[str, ...] = ("mnist",)
    seeds: tuple[int, ...] = (0, 1, 2)
    models: tuple[str, ...] = (*MODELS, QUANTISED)


def main(config: Config) -> Record:
    """Measures what is missing; draws the figures of the first seed."""
    record = Record("generation", config)
    budget, seeds = (SMOKE, config.seeds[:1]) if config.smoke else (Budget(), config.seeds)
    chosen = SMOKE_MODELS if config.smoke else config.models
    for name in ("mnist_mini",) if config.smoke else config.names:
        dataset = data.load(name, data_dir=config.data_dir)
        x = dataset.train[: budget.train]
        against = reference(classifiers.load(name), x, dataset.test[: budget.samples], copies=budget.copies)
        settings = {"budget": dataclasses.asdict(budget), "data": dataset.digest}
        shown = _Shown(record, name, against.test)
        _references(record, name, x, against, budget, seeds, settings, shown)
        for model in chosen:
            for seed in seeds:
                _model(record, name, model, x, against, budget, seed, settings | {"seed": seed}, shown)
    return record


class _Shown:
    """The first samples of some models and priors, those of seed 0: kept, so that a run that was stopped can go on
    with the figures.
    """

    def __init__(self, record: Record, name: str, test: np.ndarray):
        self.path = record.path.with_name(f"{record.path.stem}_{name}.npz")
        self.found = dict(np.load(self.path)) if self.path.exists() else {}
        self.found["test images"] = test[:SHOWN]

    def add(self, made: Mapping[str, np.ndarray], seed: int) -> None:
        """Keeps samples on the [0, 1] scale, by label, of those that figures show, and draws the figures."""
        if seed != 0:
            return
        self.found |= {label: np.rint(255 * np.clip(x[:SHOWN], 0, 1)).astype(np.uint8) for label, x in made.items()
                       if label in MEANT | OF_ONE}
        with atomic(self.path) as temporary, temporary.open("wb") as file:
            np.savez_compressed(file, **self.found)
        self._draw(self.path.with_suffix(".png"), {"test images": "test images"} | MEANT)
        self._draw(self.path.with_name(f"{self.path.stem}_priors.png"), OF_ONE)

    def _draw(self, path, titles: Mapping[str, str]) -> None:
        """A row for each label that is there."""
        rows = [(title, self.found[label] / np.float32(255)) for label, title in titles.items() if label in self.found]
        if len(rows) > 1:
            figures.image_rows(path, rows, cell=0.5)


def _references(record: Record, name: str, x: np.ndarray, against: Reference, budget: Budget, seeds: tuple[int, ...],
                settings: Mapping[str, Any], shown: _Shown) -> None:
    """What real images get, and the linear baseline."""
    row = f"{name}, training images"
    if not record.done(row, settings):
        order = np.random.default_rng(0).permutation(len(x))[: budget.samples]
        found = models.measured(x[order] / np.float32(255), against, budget, memory=False)
        record.add(row, settings, found, seeds=[0], n=len(order))
    for seed in seeds:
        row, own = f"{name}, PCA, mixture, seed {seed}", {**settings, "seed": seed}
        if not record.done(row, own):
            found, made = models.linear(x, against, budget, seed)
            shown.add({"PCA, mixture": made}, seed)
            record.add(row, own, found, seeds=[seed], n=len(made))


def _model(record: Record, name: str, model: str, x: np.ndarray, against: Reference, budget: Budget, seed: int,
           settings: Mapping[str, Any], shown: _Shown) -> None:
    """Trains one model from one seed, and measures every prior of it."""
    settings = {**settings, "model": MODELS.get(model)}
    if record.done(f"{name}, {model}, {'autoregressive' if model == QUANTISED else 'flow'}, seed {seed}", settings):
        return
    ae, params = models.train(model, x, budget, seed)
    values, made = models.rows_of(model, ae, params, x, against, budget, seed)
    if model == QUANTISED:
        values["reconstructions"] |= models.perplexity(ae, params, against.test)
    shown.add({f"{model}, {label}": pictures for label, pictures in made.items()}, seed)
    for label, found in values.items():
        record.add(f"{name}, {model}, {label}, seed {seed}", settings, found, seeds=[seed], n=len(made[label]))


if __name__ == "__main__":
    main(tyro.cli(Config, description=__doc__))
