"""Do conformal thresholds keep their rate? Fresh normal images against the beta-binomial band, for `anomaly`."""

from collections.abc import Sequence

import jax
import numpy as np

from aejax.applications.detectors import fit_detector
from aejax.applications.thresholds import conformal_threshold, false_alarms
from aejax.train import fit
from aejax.types import Autoencoder
from experiments._anomaly_models import OPTIMIZER

Rates = dict[str, float]


def rates(ae: Autoencoder, images: np.ndarray, test: np.ndarray, *, score: str, seed: int, epochs: int,
          alphas: Sequence[float]) -> Rates:
    """Learns on a half of one class, calibrates on a quarter, counts false alarms on the last quarter and on `test`.

    The band holds 99 % of all counts, the chance of the calibration set and that of the fresh data counted in.

    Returns:
      For each alpha the rate of false alarms (%), on the test split too, and whether the count lies in the band.
    """
    order = np.random.default_rng(seed).permutation(len(images))
    learn, calibrate, fresh = (images[rows] for rows in np.split(order, (len(order) // 2, 3 * len(order) // 4)))
    state, _ = fit(ae, learn, optimizer=OPTIMIZER, key=jax.random.key(seed), epochs=epochs,
                   batch_size=min(100, len(learn)))
    detector = fit_detector(score, ae, state.params, learn)
    held, new, other = (detector.score(ae, state.params, x) for x in (calibrate, fresh, test))
    found: Rates = {}
    for alpha in alphas:
        threshold = conformal_threshold(held, alpha=alpha)
        band = false_alarms(held, threshold, count=len(new), level=0.99)
        count = int((new > threshold).sum())
        inside = float(band.low <= count <= band.high)
        found |= {f"fresh {alpha:g}": 100 * count / len(new), f"inside {alpha:g}": inside,
                  f"test {alpha:g}": 100 * float(np.mean(other > threshold))}
    return found
