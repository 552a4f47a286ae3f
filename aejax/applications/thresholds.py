"""From a score to a decision: thresholds on the scores of held-out normal data, p-values, and false alarms to expect.

Scores are high where a datum is odd; what lies above a threshold is flagged. Calibration scores must come from normal
data that the model was not trained on: scores of training data are too low, and a threshold on them flags too much.
"""

import math
from typing import NamedTuple

import numpy as np

from aejax.types import ArrayLike, InputError

THRESHOLDS = ("conformal", "quantile", "mad")
_ROUNDING = 1e-9   # of alpha (n + 1), which is a whole number as often as not


def conformal_threshold(calibration_scores: ArrayLike, *, alpha: float) -> float:
    """The ⌈(n+1)(1−α)⌉-th smallest of n scores: a fresh normal datum lies above it with probability at most α.

    This holds for every distribution and every score, over the draw of calibration and fresh data together; given one
    calibration set the rate varies, as `false_alarms` says.

    Args:
      calibration_scores: (n,), of normal data that the model has not seen.
      alpha: accepted rate of false alarms, between 0 and 1.

    Raises:
      InputError: alpha out of range, scores that are not finite, or fewer than 1/α − 1 of them.

    Source: Vovk, Gammerman and Shafer, "Algorithmic learning in a random world", 2005; Laxhammar and Falkman,
    "Conformal prediction for distribution-independent anomaly detection in streaming vessel data", 2010.

    >>> conformal_threshold(np.arange(1.0, 20.0), alpha=0.1)
    18.0
    """
    scores = _checked(calibration_scores, alpha)
    above = math.floor(alpha * (len(scores) + 1) + _ROUNDING)
    if above < 1:
        raise InputError(f"{len(scores)} calibration scores are too few for alpha = {alpha:g}: at least "
                         f"{fewest_scores(alpha)} are needed; hold out more normal data, or take a larger alpha")
    return float(scores[len(scores) - above])


def fewest_scores(alpha: float) -> int:
    """⌈1/α − 1⌉: with fewer calibration scores there is no `conformal_threshold`.

    >>> fewest_scores(0.05)
    19
    """
    return math.ceil(1 / alpha - 1 - _ROUNDING)


def quantile_threshold(scores: ArrayLike, *, alpha: float) -> float:
    """The smallest score with at most a share α of all scores above it. It exists for any number of scores.

    Unlike `conformal_threshold` it promises nothing: with n scores a fresh datum lies above it with probability up to
    α + 1/(n+1).

    >>> quantile_threshold(np.arange(1.0, 20.0), alpha=0.1)
    18.0
    """
    found = _checked(scores, alpha)
    return float(found[len(found) - 1 - math.floor(alpha * len(found) + _ROUNDING)])


def mad_threshold(scores: ArrayLike, *, factor: float = 3.0) -> float:
    """median + factor · 1.4826 · median |score − median|: few odd data among the scores do not move it.

    The constant makes the second term `factor` standard deviations of a Gaussian.

    Raises:
      InputError: a factor that is not positive, scores that are not finite, or more than half of them equal.

    >>> round(mad_threshold(np.array([1.0, 2.0, 3.0, 4.0, 100.0]), factor=2.0), 4)
    5.9652
    """
    if not 0 < factor < math.inf:
        raise InputError(f"factor must be a positive number, got {factor:g}")
    found = _checked(scores)
    median = np.median(found)
    deviation = np.median(np.abs(found - median))
    if deviation == 0:
        raise InputError("more than half of the scores are equal, so that they have no median deviation: take the "
                         "conformal or the quantile threshold")
    return float(median + factor * 1.4826 * deviation)


def threshold_by(method: str, scores: ArrayLike, *, alpha: float | None = None, factor: float = 3.0) -> float:
    """The threshold by the name of its method, one of `THRESHOLDS`; `factor` is that of "mad", `alpha` of the others.

    >>> threshold_by("quantile", np.arange(10.0), alpha=0.2)
    7.0
    """
    if method not in THRESHOLDS:
        raise InputError(f"unknown threshold {method!r}: one of {', '.join(THRESHOLDS)}")
    if method == "mad":
        return mad_threshold(scores, factor=factor)
    return (conformal_threshold if method == "conformal" else quantile_threshold)(scores, alpha=alpha)


def conformal_p_values(scores: ArrayLike, calibration_scores: ArrayLike) -> np.ndarray:
    """(1 + number of calibration scores at least as high) / (n + 1), for every score.

    The p-value of a fresh normal datum is at most α with probability at most α, for each α; a score lies above
    `conformal_threshold` exactly where its p-value is at most α.

    Args:
      scores: (N,).
      calibration_scores: (n,), of normal data that the model has not seen.

    Raises:
      InputError: values that are not finite, or no calibration scores.

    Source: Bates, Candès, Lei, Romano and Sesia, "Testing for outliers with conformal p-values", 2023.

    >>> conformal_p_values(np.array([0.0, 3.5]), np.array([1.0, 2.0, 3.0])).tolist()
    [1.0, 0.25]
    """
    reference = _checked(calibration_scores)
    scores = np.asarray(scores, np.float64)
    if not np.isfinite(scores).all():
        raise InputError(f"{(~np.isfinite(scores)).sum()} scores are NaN or infinite")
    at_least = len(reference) - np.searchsorted(reference, scores, side="left")
    return (1 + at_least) / (len(reference) + 1)


class FalseAlarms(NamedTuple):
    """How many of `count` fresh normal data will be flagged: the mean, and an interval of probability `level`."""

    expected: float
    low: int
    high: int
    count: int
    level: float

    def __str__(self) -> str:
        return (f"{self.expected:.1f} false alarms in {self.count:,} normal data expected ({self.level:.0%} between "
                f"{self.low} and {self.high})")


def false_alarms(calibration_scores: ArrayLike, threshold: float, *, count: int = 1000, level: float = 0.95,
                 ) -> FalseAlarms:
    """False alarms to expect among `count` fresh normal data, the chance of the calibration set counted in.

    Where the threshold is a calibration score with j of n above it, the rate is Beta(j+1, n−j) distributed and the
    number of alarms BetaBinomial(count, j+1, n−j), whatever the distribution of the scores (as long as ties are rare;
    ties make it smaller). For other thresholds these are the numbers of the next calibration score below.

    Args:
      calibration_scores: (n,), of normal data that the model has not seen.
      threshold: what lies above it is flagged.
      count: number of fresh data, at least 1.
      level: probability of the interval, between 0 and 1.

    Raises:
      InputError: numbers out of bounds, or a threshold below every score.

    Source: Vovk, "Conditional validity of inductive conformal predictors", 2012.

    >>> print(false_alarms(np.arange(999.0), 989.0))
    10.0 false alarms in 1,000 normal data expected (95% between 3 and 20)
    """
    from scipy.stats import betabinom  # takes a second; JAX depends on it
    scores = _checked(calibration_scores)
    if count < 1 or not 0 < level < 1:
        raise InputError(f"count must be at least 1 and level between 0 and 1, got {count} and {level:g}")
    above = int((scores > threshold).sum())
    if above == len(scores):
        raise InputError(f"threshold {threshold:g} lies below every calibration score: it flags everything")
    alarms = betabinom(count, above + 1, len(scores) - above)
    low, high = (int(alarms.ppf(p)) for p in ((1 - level) / 2, (1 + level) / 2))
    return FalseAlarms(float(alarms.mean()), low, high, count, level)


def _checked(scores: ArrayLike, alpha: float | None = None) -> np.ndarray:
    """The scores in rising order, float64."""
    if alpha is not None and not 0 < alpha < 1:
        raise InputError(f"alpha must lie between 0 and 1, got {alpha:g}")
    scores = np.asarray(scores, np.float64)
    if scores.ndim != 1 or not len(scores) or not np.isfinite(scores).all():
        raise InputError(f"scores of shape {scores.shape}: (n,), at least one, all of them finite, are needed")
    return np.sort(scores)
