"""`AnomalyDetector`: what an autoencoder of normal data cannot reconstruct."""

import dataclasses
import warnings
from collections.abc import Mapping
from typing import Any

import numpy as np
from sklearn.base import OutlierMixin

from aejax.applications import thresholds
from aejax.applications.anomaly_detection import reconstruction_score
from aejax.data.dataset import cut
from aejax.estimators.door import checked
from aejax.estimators.variant_estimator import VariantEstimator
from aejax.recipes import nearest
from aejax.types import InputError


@dataclasses.dataclass(kw_only=True, eq=False, repr=False)
class AnomalyDetector(OutlierMixin, VariantEstimator):
    """Flags what an autoencoder trained on normal data reconstructs badly.

    A part of the training data, drawn by seed, is kept from training, and the threshold is set on its scores: scores of
    data that were trained on are too low. scikit-learn's signs: `predict` gives -1 for anomalies and 1 for the rest,
    `score_samples` and `decision_function` are low for anomalies. `anomaly_score` is high for them.

    Args:
      threshold: "conformal": of fresh normal data at most a share `alpha` is flagged, in expectation over all draws;
        "quantile": `alpha` of the held-out scores lie above; "mad": median + `factor` robust standard deviations.
      alpha: accepted rate of false alarms, or with "quantile" the share of anomalies that the training data hold.
      factor: of "mad" alone.
      calibration_fraction: share of the examples that is held out. "conformal" takes more, up to half of them, where
        `alpha` needs at least 1/alpha − 1; where these are not there either, it warns, and the largest held-out score
        is the threshold.

    The other arguments and attributes are those of `AutoencoderTransformer`; data are normal ones, tables or images.

    Attributes:
      threshold_: anomaly scores above it are flagged; `offset_` is -threshold_.
      calibration_scores_: of the held-out examples, in rising order.

    >>> X = np.random.default_rng(0).normal(size=(200, 6))
    >>> model = AnomalyDetector(code_dim=2, epochs=2, random_state=0).fit(X)
    >>> print(model.predict(np.full((1, 6), 9.0)), model.false_alarms(count=1000).count)
    [-1] 1000
    """

    threshold: Any = "conformal"
    alpha: Any = 0.05
    factor: Any = 3.0
    calibration_fraction: Any = 0.2

    def fit(self, X: Any, y: Any = None) -> "AnomalyDetector":
        """Trains on a part of `X`, and sets the threshold on the rest; `y` is ignored.

        Raises:
          ValueError: data or parameters that cannot be used, in one line.
        """
        x = checked(self, X, reset=True, least=4)
        self._check_threshold()
        seed = self._seed()
        kept, held = cut(len(x), self._held_out(len(x)) / len(x), seed)
        self._train(x[kept], seed)
        self.calibration_scores_ = np.sort(self._scores(x[held]))
        self.threshold_ = self._threshold(self.calibration_scores_)
        self.offset_ = -self.threshold_
        return self

    def anomaly_score(self, X: Any) -> np.ndarray:
        """½‖x − x̂‖², float64 (N,), high = odd, of standardised columns or of pixels in [0, 1]."""
        return self._scores(self._checked(X))

    def score_samples(self, X: Any) -> np.ndarray:
        """−anomaly_score: low = odd."""
        return -self.anomaly_score(X)

    def decision_function(self, X: Any) -> np.ndarray:
        """score_samples − offset_: negative where flagged."""
        return self.score_samples(X) - self.offset_

    def predict(self, X: Any) -> np.ndarray:
        """-1 for anomalies, 1 for the rest."""
        return np.where(self.decision_function(X) < 0, -1, 1)

    def p_values(self, X: Any) -> np.ndarray:
        """Conformal p-values, (N,): of a fresh normal datum it is at most a with probability at most a."""
        return thresholds.conformal_p_values(self.anomaly_score(X), self.calibration_scores_)

    def false_alarms(self, *, count: int = 1000, level: float = 0.95) -> thresholds.FalseAlarms:
        """How many of `count` fresh normal data will be flagged: the mean, and an interval of probability `level`."""
        return thresholds.false_alarms(self.calibration_scores_, self.threshold_, count=count, level=level)

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "offset_")

    def _scores(self, x: np.ndarray) -> np.ndarray:
        return self._run(reconstruction_score, x).astype(np.float64)

    def _check_threshold(self) -> None:
        if not isinstance(self.threshold, str):
            raise InputError(f"threshold must be one of {', '.join(thresholds.THRESHOLDS)}, got {self.threshold!r:.60}")
        nearest(self.threshold, thresholds.THRESHOLDS, "threshold")
        for name in ("alpha", "calibration_fraction"):
            value = getattr(self, name)
            if not isinstance(value, (float, np.floating)) or not 0 < value < 1:
                raise InputError(f"{name} must lie between 0 and 1, got {value!r:.60}")
        if not isinstance(self.factor, (float, int, np.number)):
            raise InputError(f"factor must be a positive number, got {self.factor!r:.60}")

    def _held_out(self, count: int) -> int:
        needed = thresholds.fewest_scores(self.alpha) if self.threshold == "conformal" else 1
        return max(round(self.calibration_fraction * count), min(needed, count // 2))

    def _threshold(self, scores: np.ndarray) -> float:
        needed = thresholds.fewest_scores(self.alpha)
        if self.threshold == "conformal" and len(scores) < needed:
            warnings.warn(f"alpha={self.alpha:g} needs {needed} held-out examples, there are {len(scores)}: the "
                          f"largest of their scores is the threshold, which flags up to {1 / (len(scores) + 1):.2g} of "
                          "normal data; bring more data, or take a larger alpha", UserWarning, stacklevel=3)
            return float(scores[-1])
        return thresholds.threshold_by(self.threshold, scores, alpha=self.alpha, factor=self.factor)

    def _saved(self) -> Mapping[str, Mapping[str, Any]]:
        return {"threshold.json": {"threshold": self.threshold_, "rule": self.threshold, "score": "reconstruction",
                                   "sign": "scores above the threshold are anomalies",
                                   "calibration_scores": self.calibration_scores_.tolist()}}

    def _restored(self, files: Mapping[str, Mapping[str, Any]]) -> None:
        self.threshold_ = float(files["threshold.json"]["threshold"])
        self.offset_ = -self.threshold_
        self.calibration_scores_ = np.array(files["threshold.json"]["calibration_scores"], np.float64)
