"""Autoencoders and scores that `anomaly` tries: every model with every score that suits it."""

import functools
import itertools
from collections.abc import Sequence
from typing import NamedTuple

import jax
import numpy as np
import optax

from aejax import corruptions, losses, networks, variants
from aejax.applications.anomaly_detection import features, nearest, noise_averaged, reconstruction_score
from aejax.applications.detectors import fit_detector
from aejax.applications.ensembles import ensemble_scores, product
from aejax.train.points import train_points
from aejax.types import Autoencoder, Corruption, Params

OPTIMIZER = optax.adam(1e-3)   # one object: another one would be another program
EXPONENTS = (0.0, 0.25, 0.5)   # of the energy that a product of scores is relative to
DRAWS = 4                      # of the noise


class Model(NamedTuple):
    """An autoencoder, what it was trained against, and itself with its restorations averaged over noise."""

    ae: Autoencoder
    corruption: Corruption | None = None
    averaged: Autoencoder | None = None

    def make(self) -> Autoencoder:
        """What is trained; always the same object, so that a program is compiled once."""
        return self.ae


@functools.cache
def models(shape: tuple[int, ...], widths: tuple[int, ...], narrow: int, wide: int) -> dict[str, Model]:
    """The autoencoders by the name of their row."""
    deep = networks.Dense(shape=shape, code_dim=narrow, widths=widths, activation="relu", code_activation="identity")
    over = networks.Dense(shape=shape, code_dim=wide, activation="relu", code_activation="relu")
    found = {f"AE-{narrow}": Model(variants.standard(deep)), f"tied-{narrow}": Model(variants.tied(deep)),
             f"contractive-{narrow}": Model(variants.contractive(deep)),
             f"variational-{narrow}": Model(variants.variational(deep, reconstruction=losses.cross_entropy())),
             f"sparse-{wide}": Model(variants.sparse(over))}
    for name, network, std in ((f"DAE-{narrow}", deep, 0.6), (f"DAE-{wide}", over, 0.6)):
        noise = corruptions.gaussian_noise(std)
        ae = variants.denoising(network, corruption=noise)
        found[name] = Model(ae, noise, noise_averaged(ae, noise, key=jax.random.key(0), draws=DRAWS))
    return found


def train(model: Model, x: np.ndarray, *, seeds: Sequence[int], epochs: int, batch_size: int) -> Params:
    """The parameters of all seeds, (S, …), trained in one program on the same batches."""
    states, _ = train_points(model.make, x, points={}, seeds=np.array(seeds), optimizer=OPTIMIZER,
                             shuffle_key=jax.random.key(1234), epochs=epochs, batch_size=batch_size)
    return jax.device_get(states.params)


def scored(model: Model, params: Params, x: np.ndarray, test: np.ndarray) -> dict[str, np.ndarray]:
    """{score: (S, N)} of the test images; three seeds as one have one row, (1, N)."""
    def fitted(name: str) -> np.ndarray:
        return ensemble_scores(lambda ae, p, images: fit_detector(name, ae, p, x).score(ae, p, images),
                               model.ae, params, test)

    def near(of: str) -> np.ndarray:
        """Squared mean distance to what the five nearest training images give."""
        def one(ae: Autoencoder, p: Params, images: np.ndarray) -> np.ndarray:
            reference, found = (features(ae, p, part, of=of) for part in (x, images))
            return np.square(nearest(found, reference, 5).mean(axis=1))
        return ensemble_scores(one, model.ae, params, test)
    errors = {"error": fitted("reconstruction"), "Mahalanobis": fitted("mahalanobis")}
    if model.averaged is not None:
        errors["error of the mean restoration"] = ensemble_scores(reconstruction_score, model.averaged, params, test,
                                                                  batch_size=256)
    distances = {"5-NN of codes": near("code"), "5-NN of reconstructions": near("reconstruction")}
    found = {**errors, **distances, "whitened": fitted("whitened")}
    for (first, e), (second, d), exponent in itertools.product(errors.items(), distances.items(), EXPONENTS):
        both = np.stack([product(pair, test, model.ae.range, exponent=exponent) for pair in zip(e, d, strict=True)])
        found[f"{first} x {second} / energy^{exponent:g}"] = both
    for name in [*found]:
        if len(found[name]) > 1 and " x " in name:
            found[f"{name}, {len(found[name])} seeds as one"] = found[name].mean(axis=0, keepdims=True)
    return found
