"""How good a set of made pictures is: rows of features of real and of made ones in, numbers out.

Features are those of `applications.classifier` here, so that the distance is no FID: that name belongs to features of
an Inception network, and the two are on different scales.
"""

from collections.abc import Mapping
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from aejax.applications.classifier import Classifier
from aejax.applications.neighbours import flat_rows, nearest
from aejax.metrics import auroc
from aejax.types import InputError

Rows = Float[np.ndarray, "_ _"]   # (rows, features)
CHUNK = 1024       # rows compared with all others at a time
NEIGHBOURS = 5     # of the balls of density and coverage
CLOSE = 0.01       # share of held-out pictures that lie as near to a training picture as what counts as a copy


def feature_frechet_distance(a: Rows, b: Rows) -> float:
    """‖μ_a − μ_b‖² + tr(Σ_a + Σ_b − 2 (Σ_a^½ Σ_b Σ_a^½)^½): between the Gaussians of two sets of features, squared.

    It is biased upward for few rows: compare values of equal numbers of rows alone.

    Args:
      a, b: (N, F) and (M, F), at least two rows each.

    Raises:
      InputError: fewer rows, features of other widths, values that are not finite.

    Source: Heusel et al., "GANs trained by a two time-scale update rule …", NeurIPS 2017, with their own features.

    >>> x = np.array([[0.0, 0.0], [2.0, 0.0], [0.0, 2.0]])
    >>> print(round(feature_frechet_distance(x, x + 3), 6))
    18.0
    """
    a, b = (np.asarray(rows, np.float64) for rows in _check(a, b, 2))
    means, covariances = zip(*((rows.mean(axis=0), np.cov(rows, rowvar=False).reshape(rows.shape[1], -1))
                               for rows in (a, b)), strict=True)
    values, vectors = np.linalg.eigh(covariances[0])
    root = vectors * np.sqrt(np.maximum(values, 0))[None] @ vectors.T
    product = np.sqrt(np.maximum(np.linalg.eigvalsh(root @ covariances[1] @ root), 0)).sum()
    distance = np.square(means[0] - means[1]).sum() + np.trace(covariances[0]) + np.trace(covariances[1]) - 2 * product
    return max(float(distance), 0.0)


class Manifolds(NamedTuple):
    """How two sets of features lie within each other.

    Attributes:
      precision: share of made rows within the ball of some real row, whose radius is its distance to its k-th
        neighbour among the real ones.
      recall: the same the other way round: share of real rows within the ball of some made one.
      density: how many balls of real rows a made one lies in, over k, a mean; 1 where both sets are alike, and above
        it where made rows crowd where real ones are dense.
      coverage: share of real rows whose ball holds a made one.
    """

    precision: float
    recall: float
    density: float
    coverage: float


def manifolds(real: Rows, made: Rows, *, neighbours: int = NEIGHBOURS) -> Manifolds:
    """Precision and recall, density and coverage, all four with the same balls.

    Args:
      real, made: (N, F) and (M, F), more than `neighbours` rows each, best as many of one as of the other.
      neighbours: k; a row is not its own neighbour.

    Raises:
      InputError: fewer rows, features of other widths, values that are not finite.

    Source: Kynkäänniemi et al., "Improved precision and recall metric for assessing generative models", NeurIPS 2019;
    Naeem et al., "Reliable fidelity and diversity metrics for generative models", ICML 2020.

    >>> x = np.arange(8.0)[:, None]
    >>> manifolds(x, x + 100, neighbours=2)
    Manifolds(precision=0.0, recall=0.0, density=0.0, coverage=0.0)
    """
    if neighbours < 1:
        raise InputError(f"neighbours must be at least 1, got {neighbours}")
    real, made = _check(real, made, neighbours + 1)
    radii = [nearest(rows, rows, neighbours + 1)[:, -1] for rows in (real, made)]   # the first is the row itself
    balls, held = _balls(made, real, radii[0])
    return Manifolds(precision=float((balls > 0).mean()), recall=float((_balls(real, made, radii[1])[0] > 0).mean()),
                     density=float(balls.mean() / neighbours), coverage=float(held.mean()))


def _balls(points: Rows, centres: Rows, radii: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """In how many balls each point lies, (N,), and which balls hold a point, (M,)."""
    middle = centres.mean(axis=0)   # small numbers lose less to rounding
    centres = jnp.asarray(centres - middle, jnp.float32)
    radii = jnp.asarray(np.square(radii) * (1 + 1e-6), jnp.float32)   # a row on the edge is inside, rounding or not
    counts, held = [], np.zeros(len(centres), bool)
    for begin in range(0, len(points), CHUNK):
        rows = np.asarray(points[begin: begin + CHUNK] - middle, np.float32)
        padded = np.concatenate([rows, np.full((min(CHUNK, len(points)) - len(rows), rows.shape[1]), 1e18, np.float32)])
        inside, hit = jax.device_get(_inside(padded, centres, radii))   # one compiled shape; far away, in no ball
        counts.append(inside[: len(rows)])
        held |= hit
    return np.concatenate(counts), held


@jax.jit
def _inside(points: Array, centres: Array, radii: Array) -> tuple[Array, Array]:
    lengths = [jnp.sum(jnp.square(rows), axis=1) for rows in (points, centres)]
    squares = lengths[0][:, None] + lengths[1][None] - 2 * points @ centres.T
    inside = squares <= radii[None]
    return jnp.sum(inside, axis=1), jnp.any(inside, axis=0)


class Memorisation(NamedTuple):
    """Whether samples repeat training pictures.

    Attributes:
      ratio: distance to the nearest training picture over that to the nearest held-out one, of equally many of each; a
        median over samples. About 1 without memorisation, 0 for copies.
      nearer: how often a sample is nearer to a training picture than a held-out picture is; ½ where samples keep as far
        away as these. Blurred samples are near to everything: read it beside `ratio`.
      copies: share of samples nearer to a training picture than all but 1 % of the held-out pictures are; about 0.01
        without memorisation.
    """

    ratio: float
    nearer: float
    copies: float


def memorisation(samples: np.ndarray, train: np.ndarray, held_out: np.ndarray, *, seed: int = 0,
                 usual: Float[np.ndarray, " held"] | None = None) -> Memorisation:
    """Distances of samples to their nearest training and held-out pictures, pixel by pixel (or feature by feature).

    Args:
      samples, train, held_out: (N, *shape), (T, *shape), (H, *shape); uint8 counts as 0 … 1.
      seed: of which training pictures `ratio` looks at, min(T, H) of them, and as many held-out ones.
      usual: distances of the held-out pictures to their nearest training picture, if they are known.

    Raises:
      InputError: an empty set, or values that are not finite.

    >>> x = np.random.default_rng(0).uniform(size=(60, 4))
    >>> print(memorisation(x[:10], x[:30], x[30:]).ratio)
    0.0
    """
    samples, train, held_out = (flat_rows(x) for x in (samples, train, held_out))
    if not min(map(len, (samples, train, held_out))):
        raise InputError("memorisation: samples, training and held-out pictures, at least one of each")
    to_train = nearest(samples, train, 1)[:, 0]
    usual = nearest(held_out, train, 1)[:, 0] if usual is None else usual
    random, size = np.random.default_rng(seed), min(len(train), len(held_out))
    equal = [nearest(samples, x[random.choice(len(x), size, replace=False)], 1)[:, 0] if len(x) > size else
             nearest(samples, x, 1)[:, 0] for x in (train, held_out)]
    ratio = np.median(equal[0] / np.maximum(equal[1], 1e-12))
    return Memorisation(float(ratio), auroc(to_train, usual), float((to_train < np.quantile(usual, CLOSE)).mean()))


class Reference(NamedTuple):
    """What samples of one data set are compared with, computed once.

    Attributes:
      classifier: of these data.
      train, test: pictures; `test` are as many as will be compared.
      features: of `test`.
      usual: distances of the first test pictures to their nearest training picture.
    """

    classifier: Classifier
    train: np.ndarray
    test: np.ndarray
    features: np.ndarray
    usual: np.ndarray


def reference(classifier: Classifier, train: np.ndarray, test: np.ndarray, *, copies: int = 1000) -> Reference:
    """Pictures, uint8 or floats in [0, 1], (N, 28, 28, 1), to compare samples with.

    Args:
      copies: as many test pictures, at most, and later as many samples, are looked for among the training pictures.
    """
    usual = nearest(flat_rows(test[:copies]), flat_rows(train), 1)[:, 0]
    return Reference(classifier, train, test, np.asarray(classifier.features(test)), usual)


def measure(made: np.ndarray, against: Reference, *, neighbours: int = NEIGHBOURS, rows: int = 5000,
            memory: bool = True) -> Mapping[str, float]:
    """All measures of made pictures, by name.

    Args:
      made: floats in [0, 1], (N, 28, 28, 1), cut to it; N and the number of test pictures had better be equal.
      against: from `reference`.
      neighbours: as for `manifolds`.
      rows: of each set, at most, that `manifolds` looks at, the first ones.
      memory: whether to look for the samples among the training pictures.
    """
    made = np.clip(made, 0, 1)
    found = np.asarray(against.classifier.features(made))
    size = min(rows, len(found), len(against.features))
    values = {"feature_frechet_distance": feature_frechet_distance(found, against.features)}
    values |= manifolds(against.features[:size], found[:size], neighbours=neighbours)._asdict()
    if memory:
        copies = len(against.usual)
        repeated = memorisation(made[:copies], against.train, against.test[:copies], usual=against.usual)
        values |= {f"memorisation_{name}": value for name, value in repeated._asdict().items()}
    return values


def _check(a: Rows, b: Rows, least: int) -> list[np.ndarray]:
    """Both as arrays, if they can be compared."""
    both = [np.asarray(rows) for rows in (a, b)]
    if any(rows.ndim != 2 for rows in both) or both[0].shape[1] != both[1].shape[1]:
        raise InputError(f"features of shapes {both[0].shape} and {both[1].shape}: two sets of rows of one width are "
                         "compared")
    if min(map(len, both)) < least:
        raise InputError(f"sets of {len(both[0])} and {len(both[1])} rows: at least {least} of each are needed")
    if not all(np.isfinite(rows).all() for rows in both):
        raise InputError("features that are NaN or infinite cannot be compared")
    return both
