"""Detectors without a network, for `anomaly`: (normal training data, data to score, seed) -> scores, high = odd."""

from collections.abc import Callable

import numpy as np
from sklearn.ensemble import IsolationForest
from sklearn.svm import OneClassSVM

from aejax.applications.neighbours import nearest
from aejax.applications.reconstruction import pca
from aejax.applications.whitening import fit_whitening

Baseline = Callable[[np.ndarray, np.ndarray, int], np.ndarray]


def linear(x: np.ndarray, test: np.ndarray, seed: int) -> np.ndarray:
    """Squared reconstruction error of PCA with 32 components, or half of the values."""
    model = pca(x, min(32, max(1, x.shape[1] // 2)))
    return np.square(test - model.reconstruct(test)).sum(axis=1)


def neighbours(x: np.ndarray, test: np.ndarray, seed: int) -> np.ndarray:
    """Mean distance to the five nearest."""
    return nearest(test, x, 5).mean(axis=1)


def gaussian(x: np.ndarray, test: np.ndarray, seed: int) -> np.ndarray:
    """Mahalanobis distance, a tenth of the mean variance on the diagonal."""
    return np.asarray(fit_whitening(x).contributions(test)).sum(axis=1)


def forest(x: np.ndarray, test: np.ndarray, seed: int) -> np.ndarray:
    """100 trees of 256 examples."""
    trees = IsolationForest(n_estimators=100, max_samples=min(256, len(x)), random_state=seed)
    return -trees.fit(x).score_samples(test)


def support_vectors(x: np.ndarray, test: np.ndarray, seed: int) -> np.ndarray:
    """One-class SVM, ν = 0.1, γ = 1 / (n · variance), on the principal components that hold 95 % of the variance."""
    variances, vectors = np.linalg.eigh(np.cov(x, rowvar=False))
    count = 1 + int(np.searchsorted(np.cumsum(variances[::-1]), 0.95 * variances.sum()))
    axes, mean = vectors[:, ::-1][:, :count], x.mean(axis=0)
    return -OneClassSVM(nu=0.1, gamma="scale").fit((x - mean) @ axes).score_samples((test - mean) @ axes)


BASELINES: dict[str, Baseline] = {"PCA": linear, "5-NN": neighbours, "Gaussian": gaussian, "isolation forest": forest,
                                  "one-class SVM": support_vectors}
SEEDED = ("isolation forest",)   # the others come out the same each time
