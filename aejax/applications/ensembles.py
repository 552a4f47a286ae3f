"""Several scores of the same data as one: of models from different seeds, or of different kinds."""

from collections.abc import Callable
from typing import NamedTuple

import jax
import numpy as np
from jaxtyping import Float

from aejax.types import ArrayLike, Autoencoder, InputError, Params


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
