"""How many dimensions do data have, and how wide should a code be? From distances to neighbours, without training.

Near a point of an m-dimensional manifold, the number of neighbours within r grows as r^m; both estimators read m off
ratios of neighbour distances. Flat faces, edges of the manifold and few points bias them downward.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from aejax.applications.neighbours import flat_rows, neighbours
from aejax.types import InputError


def maximum_likelihood(distances: Float[np.ndarray, "anchors k"], *, k: int | None = None, published: bool = False,
                       ) -> float:
    """Levina and Bickel's estimator, averaged as MacKay and Ghahramani do: over the inverse of the local estimates.

    1/m = mean over points and j < k of log(T_k / T_j), T_j the distance to the j-th neighbour.

    Args:
      distances: of `neighbours`.
      k: how many neighbours to use, at least 2 (3 with `published`); all if not given.
      published: divide each sum by k − 2, as the code of Pope et al. does, instead of by its number of terms, k − 1.
        That makes the estimate smaller by (k − 2) / (k − 1), by a half for k = 3: for comparing with their figures.

    Raises:
      InputError: k out of range.

    Source: Levina & Bickel, NIPS 2004; MacKay & Ghahramani, "Comments on Levina and Bickel", 2005; Pope et al., ICLR
    2021.

    >>> line = np.random.default_rng(0).uniform(size=(2000, 1))
    >>> round(maximum_likelihood(neighbours(line, 10).distances), 1)
    1.0
    """
    k = distances.shape[1] if k is None else k
    least = 3 if published else 2
    if not least <= k <= distances.shape[1]:
        raise InputError(f"k must be from {least} to {distances.shape[1]}, the neighbours that were found; got {k}")
    logs = np.log(distances[:, k - 1: k] / distances[:, : k - 1])
    return float((k - 2 if published else k - 1) / logs.sum(axis=1).mean())


def two_nn(distances: Float[np.ndarray, "anchors k"], *, keep: float = 0.9) -> float:
    """TwoNN: the slope through the origin of −log(1 − F(μ)) against log μ, μ = T_2 / T_1, F its empirical distribution.

    Args:
      distances: of `neighbours`, k at least 2.
      keep: share of the smallest μ that is fitted; the far tail is where curvature and noise show.

    Raises:
      InputError: one neighbour alone, fewer than 10 points, or keep not above 0 and below 1.

    Source: Facco et al., Scientific Reports 7 (2017).

    >>> plane = np.random.default_rng(0).uniform(size=(2000, 2))
    >>> round(two_nn(neighbours(plane, 2).distances), 1)
    2.0
    """
    if distances.shape[1] < 2 or len(distances) < 10 or not 0 < keep < 1:
        raise InputError(f"TwoNN: {len(distances)} points with {distances.shape[1]} neighbours, keep {keep}: at least "
                         "10 points with 2, and a share between 0 and 1")
    logs = np.sort(np.log(distances[:, 1] / distances[:, 0]))
    fitted = round(keep * len(logs))
    x, y = logs[:fitted], -np.log1p(-np.arange(1, fitted + 1) / len(logs))
    return float(x @ y / (x @ x))


def variance_dimensions(x: np.ndarray, shares: Sequence[float] = (0.9, 0.95, 0.99)) -> tuple[int, ...]:
    """How many principal components hold at least each share of the variance.

    Raises:
      InputError: fewer than two points, or no variance.

    >>> variance_dimensions(np.diag([3.0, 1.0, 0.0, 0.0]), (0.5, 1.0))
    (1, 2)
    """
    flat = flat_rows(x).astype(np.float64)
    flat = flat - flat.mean(axis=0)
    spectrum = np.linalg.eigvalsh(flat.T @ flat)[::-1].clip(min=0)
    if len(flat) < 2 or not spectrum[0] > 0:
        raise InputError(f"{len(flat)} points without variance: bring different ones")
    reached = np.cumsum(spectrum) / spectrum.sum()
    return tuple(int(np.argmax(reached >= share - 1e-9)) + 1 for share in shares)


def knee(code_dims: Sequence[int], errors: Sequence[float]) -> int:
    """The code_dim after which more width buys less: where the curve lies farthest below the line between its ends.

    Error against log code_dim, both scaled to [0, 1]; the answer is one of `code_dims`.

    Raises:
      InputError: fewer than three points, unequal lengths, not rising, or the last error not below the first.

    Source: Satopää et al., "Finding a kneedle in a haystack", ICDCS workshops 2011.

    >>> knee([1, 2, 4, 8, 16], [1.0, 0.5, 0.1, 0.08, 0.07])
    4
    """
    d, e = np.log(np.asarray(code_dims, float)), np.asarray(errors, float)
    if len(d) < 3 or len(d) != len(e) or not (np.diff(d) > 0).all():
        raise InputError(f"knee: {len(d)} code_dims and {len(e)} errors; three or more of each are needed, code_dims "
                         "rising")
    if not e[-1] < e[0]:
        raise InputError(f"no knee: the error does not fall from code_dim {code_dims[0]} ({e[0]:g}) to "
                         f"{code_dims[-1]} ({e[-1]:g}); train longer, or sweep wider")
    across, down = (d - d[0]) / (d[-1] - d[0]), (e - e[-1]) / (e[0] - e[-1])
    return int(code_dims[int(np.argmax(1 - across - down))])


class Advice(NamedTuple):
    """What data say about the width of a code before anything is trained.

    Attributes:
      intrinsic: maximum likelihood with k − 1, k = 10 or what the points allow.
      two_nn: the same question asked of two neighbours.
      variance: components for 90, 95 and 99 % of the variance.
      points, duplicates: as in `Neighbours`.
      code_dim: recommended.
      reason: why, in one sentence.
    """

    intrinsic: float
    two_nn: float
    variance: tuple[int, ...]
    points: int
    duplicates: int
    code_dim: int
    reason: str


def suggest_code_dim(x: np.ndarray, *, k: int = 10, anchors: int = 4000, seed: int = 0) -> Advice:
    """Advice on code_dim: 2m + 1 for data of m dimensions, but no more than a linear code would need.

    Any smooth m-dimensional manifold fits into 2m + 1 dimensions without crossing itself (Whitney 1936), so that an
    encoder that is strong enough need not lose anything there; and where fewer principal components hold 95 % of the
    variance, these do.

    Raises:
      InputError: as `neighbours`; fewer than 10 different points.

    >>> suggest_code_dim(np.random.default_rng(0).uniform(size=(500, 2)) @ np.eye(2, 9)).code_dim
    2
    """
    found = neighbours(x, k, anchors=anchors, seed=seed)
    m, pairs = maximum_likelihood(found.distances), two_nn(found.distances)
    variance = variance_dimensions(x)
    whole = max(1, round(m))
    embedding = 2 * whole + 1
    if variance[1] <= embedding:
        return Advice(m, pairs, variance, *found[1:], variance[1],
                      f"{variance[1]} principal components hold 95 % of the variance, so that a linear code will do")
    return Advice(m, pairs, variance, *found[1:], embedding,
                  f"2·{whole} + 1: enough for any smooth manifold of {whole} dimensions (Whitney)")
