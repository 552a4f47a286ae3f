"""Scores of how odd a datum is: high where the model of normal data does not explain it.

Every score is (ae, params, x, …) -> (N,), and knows nothing of labels. `applications.thresholds` turns scores into
decisions, `applications.detectors` keeps a score and what it was fitted on as one object. More scores:
`applications.likelihood`, and `applications.ensembles` of models or scores.
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from aejax.applications.batches import in_batches
from aejax.applications.inpainting import CodePrior, minimise_energy
from aejax.applications.neighbours import nearest
from aejax.applications.reconstruction import reconstruct_batch
from aejax.applications.whitening import Whitening
from aejax.autoencoder import corrupt, to_range
from aejax.types import Autoencoder, Batch, Corruption, InputError, Key, Params

FEATURES = ("residual", "code", "joint", "reconstruction")


def features(ae: Autoencoder, params: Params, x: Batch, *, of: str = "residual", batch_size: int = 1024) -> np.ndarray:
    """What a model makes of each example: the residual x − x̂, the code, the one followed by the other, or x̂; flat.

    Args:
      ae, params: trained on normal data.
      x: (N, *shape), uint8 or floats in `ae.range`.
      of: "residual" or "reconstruction", (N, n); "code", (N, code_dim); "joint", (N, n + code_dim).
      batch_size: examples of one program.

    Raises:
      InputError: an unknown name; the code of a network with skip connections, which describes no image.
    """
    check_features(ae, of)
    return in_batches(_features, ae, params, x, batch_size, of)


def check_features(ae: Autoencoder, of: str) -> None:
    """Refuses features that there are not, as `features` says."""
    if of not in FEATURES:
        raise InputError(f"unknown features {of!r}: one of {', '.join(FEATURES)}")
    if of in ("code", "joint") and ae.reconstruct is not None:
        raise InputError("this network's skip connections lead past the code: take the residual alone")


def _features(ae: Autoencoder, params: Params, x: Batch, of: str) -> Array:
    x = to_range(x, ae.range)
    if of == "reconstruction":
        return reconstruct_batch(ae, params, x).reshape(x.shape[0], -1)
    found = []
    if of != "code":
        found.append((x - reconstruct_batch(ae, params, x)).reshape(x.shape[0], -1))
    if of != "residual":
        found.append(ae.encode(params, x))
    return jnp.concatenate(found, axis=1)


def reconstruction_score(ae: Autoencoder, params: Params, x: np.ndarray, *, batch_size: int = 1024) -> np.ndarray:
    """½‖x − x̂‖² of every example, x̂ the autoencoder's own reconstruction; in squared units of `ae.range`.

    Args:
      ae, params: trained on normal data.
      x: (N, *shape), uint8 or floats in `ae.range`.
      batch_size: examples of one program.

    Returns:
      (N,), high where odd.

    >>> from aejax import networks, variants
    >>> ae = variants.standard(networks.Dense(shape=(4,), code_dim=2))
    >>> reconstruction_score(ae, ae.init(jax.random.key(0), jnp.zeros((1, 4))), np.zeros((3, 4), np.float32)).shape
    (3,)
    """
    return in_batches(_reconstruction_score, ae, params, x, batch_size)


def _reconstruction_score(ae: Autoencoder, params: Params, x: Batch) -> Array:
    return 0.5 * jnp.sum(jnp.square(_features(ae, params, x, "residual")), axis=1)


def mahalanobis_score(ae: Autoencoder, params: Params, x: np.ndarray, whitening: Whitening, *, of: str = "residual",
                      batch_size: int = 1024) -> np.ndarray:
    """½(f−μ)ᵀΣ⁻¹(f−μ), f the residual, the code or both: a Gaussian's −log density up to a constant.

    Of residuals it asks not how large an error is but how unusual in its place, and of which shape; of codes, how
    unusual the reconstruction itself is, which a residual cannot see; of both together it is that of a full model.

    Args:
      whitening: `fit_whitening(features(ae, params, normal, of=of))`; with `blocks=(n, code_dim)` for "joint".
      ae, params, x, of, batch_size: as for `features`.
    """
    check_features(ae, of)
    shared = {"params": params, "mean": whitening.mean, "matrix": whitening.matrix}
    return in_batches(score_batch, ae, shared, x, batch_size, of)


def score_batch(ae: Autoencoder, shared, x: Batch, of: str = "residual") -> Array:
    """`mahalanobis_score` of one batch, for `in_batches` and other compiled programs.

    Args:
      shared: {"params": …}, and "mean" and "matrix" of a whitening; without these it is `reconstruction_score`.
    """
    return jnp.sum(_contributions(ae, shared, x, of), axis=1)


def contributions(ae: Autoencoder, params: Params, x: np.ndarray, whitening: Whitening | None = None, *,
                  of: str = "residual", batch_size: int = 1024) -> np.ndarray:
    """What each feature adds to a score, none negative: their sum over the last axis is the score.

    Without a whitening ½(x − x̂)², of `reconstruction_score`; with one, ½u², of `mahalanobis_score`. Values of the
    datum come first, flat, then units of the code.

    Returns:
      (N, n), (N, code_dim) or (N, n + code_dim), as `of` says.
    """
    check_features(ae, of)
    if whitening is None and of != "residual":
        raise InputError(f"{of}: only residuals have a scale of their own: give a whitening")
    shared = {"params": params} | ({} if whitening is None else whitening._asdict())
    return in_batches(_contributions, ae, shared, x, batch_size, of)


def _contributions(ae: Autoencoder, shared, x: Batch, of: str) -> Array:
    found = _features(ae, shared["params"], x, of)
    if "matrix" not in shared:
        return 0.5 * jnp.square(found)
    return Whitening(shared["mean"], shared["matrix"]).contributions(found)


def neighbour_score(ae: Autoencoder, params: Params, x: np.ndarray, reference: np.ndarray, whitening: Whitening | None =
                    None, *, of: str = "code", k: int = 5, batch_size: int = 1024) -> np.ndarray:
    """The mean distance of an example's features to those of its k nearest normal examples.

    Args:
      reference: (M, m), `features(ae, params, normal, of=of)`, M at least k.
      whitening: distances are taken between whitened features; None: as they are.
      ae, params, x, of, batch_size: as for `features`.

    Raises:
      InputError: fewer references than k, or of another width.
    """
    found = features(ae, params, x, of=of, batch_size=batch_size)
    if whitening is not None:
        found, reference = np.asarray(whitening(found)), np.asarray(whitening(reference))
    return nearest(found, reference, k).mean(axis=1)


def denoising_score(ae: Autoencoder, params: Params, x: np.ndarray, *, corruption: Corruption, key: Key,
                    draws: int = 8, batch_size: int = 256) -> np.ndarray:
    """Mean of ½‖x − r(x̃)‖² over draws of x̃ ~ p(x̃|x): what a denoising autoencoder fails to restore.

    For Gaussian noise of small variance r(x) − x points up the gradient of log p(x); a datum far from all normal ones
    is restored to something else. `reconstruction_score` is the case without noise.

    Args:
      corruption: as in training, on the [0, 1] scale.
      key: of the noise, the same for every example, so that a datum has one score whatever stands beside it.
      draws: at least 1.
      ae, params, x, batch_size: as for `reconstruction_score`.

    Source: Alain and Bengio, "What regularized auto-encoders learn from the data-generating distribution", 2014.
    """
    shared = {"params": params, "keys": jax.random.split(key, _at_least_one(draws))}
    return in_batches(_denoising_score, ae, shared, x, batch_size, corruption)


def _denoising_score(ae: Autoencoder, shared, x: Batch, corruption: Corruption) -> Array:
    x = to_range(x, ae.range)

    def draw(total: Array, restored: Array) -> Array:
        return total + 0.5 * jnp.sum(jnp.square((x - restored).reshape(len(x), -1)), axis=1)
    keys = shared["keys"]
    return _over_draws(ae, shared["params"], x, corruption, keys, draw, jnp.zeros(len(x))) / len(keys)


def noise_averaged(ae: Autoencoder, corruption: Corruption, *, key: Key, draws: int = 8) -> Autoencoder:
    """The same autoencoder with r(x) = E r(x̃) as its reconstruction, the mean over fixed draws of x̃ ~ p(x̃|x).

    Every score of residuals then is one of what a denoising autoencoder restores on average: wide ones copy clean input
    of any kind, but cannot copy what noise has covered. Arguments as for `denoising_score`.

    >>> from aejax import corruptions, networks, variants
    >>> ae = variants.denoising(networks.Dense(shape=(4,), code_dim=2), corruption=corruptions.gaussian_noise(0.3))
    >>> params, x = ae.init(jax.random.key(0), jnp.zeros((1, 4))), np.zeros((3, 4), np.float32)
    >>> averaged = noise_averaged(ae, corruptions.gaussian_noise(0.3), key=jax.random.key(0))
    >>> reconstruction_score(averaged, params, x).shape
    (3,)
    """
    keys = jax.random.split(key, _at_least_one(draws))

    def reconstruct(params: Params, x: Batch) -> Array:
        x = to_range(jnp.asarray(x), ae.range)
        total = _over_draws(ae, params, x, corruption, keys, jnp.add, jnp.zeros(x.shape))
        return total / draws
    return ae._replace(reconstruct=reconstruct)


def _over_draws(ae: Autoencoder, params: Params, x: Array, corruption: Corruption, keys: Array,
                add: Callable[[Array, Array], Array], start: Array) -> Array:
    """`add` of what is there and r(x̃), for each key; every example is given the same noise."""
    def one(total: Array, key: Array) -> tuple[Array, None]:
        noisy = jax.vmap(lambda datum: corrupt(corruption, key, datum[None], ae.range)[0])(x)
        return add(total, reconstruct_batch(ae, params, noisy)), None
    return jax.lax.scan(one, start, keys)[0]


def _at_least_one(draws: int) -> int:
    if draws < 1:
        raise InputError(f"draws must be at least 1, got {draws}")
    return draws


def energy_score(ae: Autoencoder, params: Params, x: np.ndarray, *, prior: CodePrior, weight: float = 0.02,
                 steps: int = 50, batch_size: int = 256) -> np.ndarray:
    """min over z of ½‖x − decode(z)‖² + weight · ½(z−μ)ᵀΣ⁻¹(z−μ): the nearest probable image, however far it is.

    The encoder's code is where the search begins, so that an encoder which is lost outside of the normal data does not
    count as oddness. Arguments as for `inpainting.minimise_energy`, of which this is the case where every value is
    known.
    """
    return minimise_energy(ae, params, x, np.array(True), key=jax.random.key(0), prior=prior, weight=weight, restarts=1,
                           steps=steps, batch_size=batch_size).energies
