"""A score and what it was fitted on as one object, which a file can keep; and maps of a score on a frozen scale."""

import dataclasses
import functools
from collections.abc import Callable, Mapping
from typing import NamedTuple

import jax
import numpy as np
from jaxtyping import Array, Float

from aejax.applications import anomaly_detection as scores
from aejax.applications.ensembles import product
from aejax.applications.inpainting import CodePrior, code_prior
from aejax.applications.likelihood import LikelihoodModel, fit_likelihood, likelihood_score
from aejax.applications.whitening import Whitening, fit_whitening
from aejax.types import Autoencoder, Batch, Corruption, InputError, Params

Arrays = Mapping[str, np.ndarray]
_GAUSSIANS = {"whitened": "residual", "mahalanobis": "residual", "code": "code", "joint": "joint"}   # name: features
EXPLAINED = ("reconstruction", *_GAUSSIANS)   # scores that are sums over features, of one pass through the network
_KEY = 0   # of the noise of "denoising": the same datum has the same score each time


@dataclasses.dataclass(frozen=True, eq=False)
class Detector:
    """A score of `SCORES` by name, with the arrays that were fitted on normal data.

    Attributes:
      name: of the score.
      fitted: arrays by name, empty for scores that need none.
      corruption: of "denoising" and "combined", as in training.
    """

    name: str
    fitted: Arrays
    corruption: Corruption | None = None

    def score(self, ae: Autoencoder, params: Params, x: np.ndarray) -> Float[np.ndarray, " n"]:
        """The score of each example, high where odd; `x` as for `anomaly_detection.reconstruction_score`."""
        return _KINDS[self.name].score(self, ae, params, x)

    def contributions(self, ae: Autoencoder, params: Params, x: np.ndarray) -> Float[np.ndarray, "n m"] | None:
        """What each value of a datum, then each unit of the code, adds to its score; None where it is no such sum.

        The width is n for "reconstruction", "whitened" and "mahalanobis", n + code_dim for "joint".
        """
        if self.name not in EXPLAINED or self.name == "code":
            return None
        return scores.contributions(ae, params, x, _whitening(self), of=_GAUSSIANS.get(self.name, "residual"))

    def score_batch(self, ae: Autoencoder, params: Params, x: Batch) -> Float[Array, " n"]:
        """The same for the scores of `EXPLAINED`, of one batch, to be called inside a compiled program."""
        shared = {"params": params} | ({} if (whitening := _whitening(self)) is None else whitening._asdict())
        return scores.score_batch(ae, shared, x, _GAUSSIANS.get(self.name, "residual"))


def fit_detector(name: str, ae: Autoencoder, params: Params, x: np.ndarray, *, corruption: Corruption | None = None,
                 ) -> Detector:
    """Fits a score on normal data, best those that the model was trained on.

    Args:
      name: "reconstruction": ½‖x−x̂‖². "whitened": each residual in units of its own deviation. "mahalanobis": residuals
        with their correlations. "code": Mahalanobis distance of the code. "joint": of residual and code together.
        "neighbours": mean distance to the 5 nearest codes. "combined": the error of the reconstruction, averaged over
        noise where there is a corruption, times the squared distance to these codes, by `ensembles.product`.
        "energy": of the best code. "denoising": ½‖x−r(x̃)‖². "likelihood": −log p(x).
      ae, params: trained on normal data.
      x: (N, *shape), uint8 or floats in `ae.range`.
      corruption: of "denoising" and "combined".

    Raises:
      InputError: an unknown name, or a model or data that the score does not suit.

    >>> from aejax import networks, variants
    >>> ae, x = variants.standard(networks.Dense(shape=(4,), code_dim=2)), np.eye(4, dtype=np.float32)
    >>> params = ae.init(jax.random.key(0), x)
    >>> fit_detector("mahalanobis", ae, params, x).score(ae, params, x).shape
    (4,)
    """
    if name not in _KINDS:
        raise InputError(f"unknown score {name!r}: one of {', '.join(SCORES)}")
    if name == "denoising" and corruption is None:
        raise InputError("the score denoising needs the corruption that the model was trained with, and there is none")
    return Detector(name, _KINDS[name].fit(name, ae, params, x), corruption)


class _Kind(NamedTuple):
    fit: Callable[[str, Autoencoder, Params, np.ndarray], Arrays]
    score: Callable[[Detector, Autoencoder, Params, np.ndarray], np.ndarray]


def _no_fit(name: str, ae: Autoencoder, params: Params, x: np.ndarray) -> Arrays:
    return {}


def _fit_gaussian(name: str, ae: Autoencoder, params: Params, x: np.ndarray) -> Arrays:
    found = scores.features(ae, params, x, of=_GAUSSIANS[name])
    blocks = (x[0].size, found.shape[1] - x[0].size) if name == "joint" else ()
    return fit_whitening(found, full=name != "whitened", blocks=blocks)._asdict()


def _whitening(detector: Detector) -> Whitening | None:
    return Whitening(**detector.fitted) if detector.name in _GAUSSIANS else None


def _by_gaussian(detector: Detector, ae: Autoencoder, params: Params, x: np.ndarray) -> np.ndarray:
    return scores.mahalanobis_score(ae, params, x, _whitening(detector), of=_GAUSSIANS[detector.name])


def _fit_codes(name: str, ae: Autoencoder, params: Params, x: np.ndarray) -> Arrays:
    return {"codes": scores.features(ae, params, x, of="code")}


def _by_neighbours(detector: Detector, ae: Autoencoder, params: Params, x: np.ndarray) -> np.ndarray:
    codes = detector.fitted["codes"]
    return scores.neighbour_score(ae, params, x, codes, k=min(5, len(codes)))


def _by_both(detector: Detector, ae: Autoencoder, params: Params, x: np.ndarray) -> np.ndarray:
    restoring = ae if detector.corruption is None else _averaged(ae, detector.corruption)
    error = scores.reconstruction_score(restoring, params, x, batch_size=256)
    both = error, np.square(_by_neighbours(detector, ae, params, x))
    return product(both) if ae.range is None else product(both, x, ae.range)


@functools.lru_cache(maxsize=8)
def _averaged(ae: Autoencoder, corruption: Corruption) -> Autoencoder:
    """The same object each time, so that a program is compiled once."""
    return scores.noise_averaged(ae, corruption, key=jax.random.key(_KEY))


def _fit_prior(name: str, ae: Autoencoder, params: Params, x: np.ndarray) -> Arrays:
    return code_prior(scores.features(ae, params, x, of="code"))._asdict()


def _by_energy(detector: Detector, ae: Autoencoder, params: Params, x: np.ndarray) -> np.ndarray:
    return scores.energy_score(ae, params, x, prior=CodePrior(**detector.fitted))


def _fit_density(name: str, ae: Autoencoder, params: Params, x: np.ndarray) -> Arrays:
    prior, variance = fit_likelihood(ae, params, x)
    return prior._asdict() | {"variance": np.float32(variance)}


def _by_likelihood(detector: Detector, ae: Autoencoder, params: Params, x: np.ndarray) -> np.ndarray:
    prior = CodePrior(detector.fitted["mean"], detector.fitted["cholesky"])
    return likelihood_score(ae, params, x, LikelihoodModel(prior, np.asarray(detector.fitted["variance"]).item()))


def _by_reconstruction(detector: Detector, ae: Autoencoder, params: Params, x: np.ndarray) -> np.ndarray:
    return scores.reconstruction_score(ae, params, x)


def _by_denoising(detector: Detector, ae: Autoencoder, params: Params, x: np.ndarray) -> np.ndarray:
    return scores.denoising_score(ae, params, x, corruption=detector.corruption, key=jax.random.key(_KEY))


_KINDS = {"reconstruction": _Kind(_no_fit, _by_reconstruction), **dict.fromkeys(
    _GAUSSIANS, _Kind(_fit_gaussian, _by_gaussian)), "neighbours": _Kind(_fit_codes, _by_neighbours),
    "combined": _Kind(_fit_codes, _by_both), "energy": _Kind(_fit_prior, _by_energy),
    "denoising": _Kind(_no_fit, _by_denoising), "likelihood": _Kind(_fit_density, _by_likelihood)}
SCORES = tuple(_KINDS)


class ScoreMap(NamedTuple):
    """The scale of maps: what counts as 0 and as 1, fixed once on normal data.

    A map that is stretched to its own least and greatest value shows something glowing in every normal image.
    """

    low: float
    high: float

    def __call__(self, contributions: Float[np.ndarray, "n h w c"]) -> Float[np.ndarray, "n h w"]:
        """What each pixel adds to the score, all channels together, on the frozen scale, cut to [0, 1]."""
        pixels = np.asarray(contributions, np.float64).sum(axis=-1)
        return np.clip((pixels - self.low) / (self.high - self.low), 0, 1)


def fit_score_map(contributions: Float[np.ndarray, "n h w c"], *, quantile: float = 0.999) -> ScoreMap:
    """0 is the median of all pixels of normal images that the model has not seen, 1 their `quantile`.

    So a normal image has a share 1 − quantile of its pixels at 1.

    Raises:
      InputError: a quantile that is not between 1/2 and 1, or pixels that are all equal.

    >>> fit_score_map(np.arange(1001.0).reshape(1, 1001, 1, 1), quantile=0.9)
    ScoreMap(low=500.0, high=900.0)
    """
    if not 0.5 < quantile < 1:
        raise InputError(f"quantile must lie between 0.5 and 1, got {quantile:g}")
    low, high = np.quantile(np.asarray(contributions, np.float64).sum(axis=-1), (0.5, quantile))
    if not high > low:
        raise InputError("the map has no scale: all pixels of the normal images add the same")
    return ScoreMap(float(low), float(high))
