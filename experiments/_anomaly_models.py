"""Autoencoders and scores that `anomaly` tries: every model with every score that suits it."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import numpy as np
import optax

from aejax import corruptions, networks, variants
from aejax.applications.detectors import fit_detector
from aejax.applications.ensembles import combination, ensemble_scores
from aejax.train.points import train_points
from aejax.types import Autoencoder, Corruption, Params

SHAPE = (28, 28, 1)
SCORES = ("reconstruction", "whitened", "mahalanobis", "joint", "code", "neighbours", "denoising", "likelihood")
SUM = "log error + log 5-NN of codes"
ENSEMBLE = ", three seeds as one"


class Model(NamedTuple):
    """An autoencoder by its recipe, and the scores that it is tried with."""

    ae: Autoencoder
    scores: tuple[str, ...]
    corruption: Corruption | None = None

    def make(self) -> Autoencoder:
        """What is trained; always the same object, so that a program is compiled once."""
        return self.ae


def models(widths: tuple[int, ...], narrow: int, wide: int) -> dict[str, Model]:
    """The autoencoders by the name of their row."""
    deep: dict[str, Any] = {"shape": SHAPE, "code_dim": narrow, "widths": widths, "activation": "relu",
                            "code_activation": "identity"}
    over = networks.Dense(shape=SHAPE, code_dim=wide, activation="relu", code_activation="relu")
    found = {f"AE-{narrow}": Model(variants.standard(networks.Dense(**deep)),
                                   tuple(name for name in SCORES if name != "denoising"))}
    for std in (0.3, 0.6):
        noise = corruptions.gaussian_noise(std)
        found[f"DAE-{narrow}, noise {std}"] = Model(variants.denoising(
            networks.Dense(**deep), corruption=noise), tuple(n for n in SCORES if n != "likelihood"), noise)
        found[f"DAE-{wide}, noise {std}"] = Model(variants.denoising(over, corruption=noise), (
            "reconstruction", "whitened", "mahalanobis", "neighbours", "denoising"), noise)
    return found


def train(model: Model, x: np.ndarray, *, seeds: Sequence[int], epochs: int, batch_size: int) -> Params:
    """The parameters of all seeds, (S, …), trained in one program on the same batches."""
    states, _ = train_points(model.make, x, points={}, seeds=np.array(seeds), optimizer=optax.adam(1e-3),
                             shuffle_key=jax.random.key(1234), epochs=epochs, batch_size=batch_size)
    return jax.device_get(states.params)


def scored(model: Model, params: Params, x: np.ndarray, test: np.ndarray) -> dict[str, np.ndarray]:
    """{score: (S, N)} of the test images; those of all seeds together have one row, (1, N)."""
    def by(name: str, images: np.ndarray) -> np.ndarray:
        def one(ae: Autoencoder, params: Params, images: np.ndarray) -> np.ndarray:
            detector = fit_detector(name, ae, params, x, corruption=model.corruption)
            return detector.score(ae, params, images)
        return ensemble_scores(one, model.ae, params, images)
    both = np.concatenate([x, test])   # what is fitted on x scores x too, for the scale of sums
    whole = {name: by(name, both) for name in model.scores}
    found = {name: scores[:, len(x):] for name, scores in whole.items()}
    for name in ("reconstruction", "mahalanobis"):
        logs = np.log(whole[name])
        found[name + ENSEMBLE] = combination(logs[:, :len(x)])(logs[:, len(x):])[None]
    return found
