"""Autoencoders as scikit-learn estimators; see docs/estimators.md."""

from aejax.types import InputError

try:
    import sklearn  # noqa: F401
except ImportError:
    raise InputError("scikit-learn is not installed: pip install 'aejax[sklearn]'") from None

from aejax.estimators.anomaly_detector import AnomalyDetector
from aejax.estimators.imputer import Imputer
from aejax.estimators.transformer import AutoencoderTransformer

__all__ = ["AnomalyDetector", "AutoencoderTransformer", "Imputer"]
