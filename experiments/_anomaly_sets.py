"""Tables that come with scikit-learn, one class of each normal, for `anomaly`."""

import functools
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import jax
import numpy as np
from sklearn import datasets

from aejax import corruptions, losses, networks, variants
from aejax.applications.detectors import SCORES, fit_detector
from aejax.data.dataset import Standardiser
from aejax.metrics import auroc
from aejax.train import fit
from aejax.types import Autoencoder, Corruption
from experiments._anomaly_baselines import BASELINES
from experiments._anomaly_models import OPTIMIZER

STD = 0.3   # of the noise, in standard deviations of a column


class Problem(NamedTuple):
    """Rows that are normal, and rows that are not, in the table's units."""

    name: str
    normal: np.ndarray
    odd: np.ndarray


def problems() -> Iterator[Problem]:
    """Breast cancer (benign is normal), and each class of wine and of digits (8x8) in turn."""
    cancer = datasets.load_breast_cancer()
    yield Problem("breast cancer", cancer.data[cancer.target == 1], cancer.data[cancer.target == 0])
    for name, load in (("wine", datasets.load_wine), ("digits", datasets.load_digits)):
        found = load()
        for label in np.unique(found.target):
            yield Problem(name, found.data[found.target == label], found.data[found.target != label])


def areas(problem: Problem, *, seed: int, epochs: int, scores: Sequence[str] = SCORES) -> dict[str, float]:
    """AUROC (%) of each score and baseline: half of the normal rows learn, the others and all odd ones are scored.

    The network has 64 and min(32, F/2) units; nothing is chosen on these tables.
    """
    order = np.random.default_rng(seed).permutation(len(problem.normal))
    learn, held = np.split(problem.normal[order], (len(order) // 2,))
    scale = Standardiser.fit(learn)
    x, normal, odd = (scale.apply(part) for part in (learn, held, problem.odd))
    test = np.concatenate([normal, odd])
    ae, noise = _model(x.shape[1])
    state, _ = fit(ae, x, optimizer=OPTIMIZER, key=jax.random.key(seed), epochs=epochs,
                   batch_size=min(16, len(x)))
    found = {name: fit_detector(name, ae, state.params, x, corruption=noise).score(ae, state.params, test)
             for name in scores}
    found |= {name: baseline(x, test, seed) for name, baseline in BASELINES.items()}
    return {name: 100 * auroc(scores[:len(normal)], scores[len(normal):]) for name, scores in found.items()}


@functools.cache
def _model(width: int) -> tuple[Autoencoder, Corruption]:
    """The autoencoder of tables with so many columns, and the noise that it is trained against."""
    noise = corruptions.gaussian_noise(STD)
    network = networks.Dense(shape=(width,), code_dim=min(32, width // 2), widths=(64,), activation="relu",
                             code_activation="identity")
    return variants.denoising(network, corruption=noise, reconstruction=losses.squared_error(
        activation="identity", range=None)), noise
