"""Several scores of the same data as one: of models from different seeds, or of different kinds."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import jax
import numpy as np
from jaxtyping import Float

from aejax.metrics import to_unit
from aejax.types import ArrayLike, Autoencoder, InputError, Params, Range

TINY = 1e-12   # a datum that was learnt has no distance to itself; its logarithm is this one's


class Combination(NamedTuple):
    """Scores brought to one scale: the mean and standard deviation of each on normal data, (M,) both."""

    mean: np.ndarray
    std: np.ndarray

    def __call__(self, scores: Float[ArrayLike, "m n"]) -> Float[np.ndarray, " n"]:
        """The mean of the standardised scores, (M, N) -> (N,)."""
        return ((np.asarray(scores, np.float64) - self.mean[:, None]) / self.std[:, None]).mean(axis=0)


def combination(scores: Float[ArrayLike, "m n"]) -> Combination:
    """Fits a `Combination` on M scores of n normal data, other ones than those that a threshold is calibrated on."""
    scores = np.asarray(scores, np.float64)
    std = scores.std(axis=1)
    if not np.isfinite(scores).all() or not std.all():
        raise InputError("scores must be finite and vary: one of them is the same for all data")
    return Combination(scores.mean(axis=1), std)


def product(scores: Sequence[Float[ArrayLike, " n"]], x: ArrayLike | None = None, range: Range | None = None, *,
            exponent: float = 0.25) -> Float[np.ndarray, " n"]:
    """Σ_i log(s_i / ‖x‖^(2γ)): scores of any unit as one, relative to how much there is in the datum.

    A sum of logarithms is high where both are, and needs no scale. Where data are ink on an empty ground, errors grow
    with the ink: a thin stroke has a small error however odd it is, and a bold one a large one.

    Args:
      scores: squared errors or squared distances, (N,) each.
      x: (N, *shape), uint8 or floats in `range`, to be measured on the [0, 1] scale; None: γ does not apply.
      range: of floats.
      exponent: γ from 0, absolute scores, to 1, scores in units of the datum's energy.

    >>> product([np.array([4.0, 1.0]), np.array([1.0, 4.0])]).round(3).tolist()
    [1.386, 1.386]
    """
    total = sum(np.log(np.maximum(np.asarray(s, np.float64), TINY)) for s in scores)
    if x is None:
        return total
    energy = np.square(np.asarray(to_unit(np.asarray(x), range), np.float64).reshape(len(x), -1)).sum(axis=1)
    return total - len(scores) * exponent * np.log(energy + 1)   # one white pixel: an empty image is no division by 0


def ensemble_scores(score: Callable[..., np.ndarray], ae: Autoencoder, params: Params, x: np.ndarray, **options
                    ) -> np.ndarray:
    """One score by each of M models that were trained together (`train.sweep`, `train.points`), (M, N).

    Args:
      score: of this module, for example `reconstruction_score`; one program serves all models.
      params: (M, …) in each leaf.
      options: of the score.
    """
    members = len(jax.tree.leaves(params)[0])
    return np.stack([score(ae, jax.tree.map(lambda leaf, i=i: leaf[i], params), x, **options) for i in range(members)])
