"""An autoencoder as a density: how probable a datum is, by change of variables along the decoder's manifold."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from aejax.applications.anomaly_detection import check_features, features, reconstruction_score
from aejax.applications.batches import in_batches
from aejax.applications.inpainting import CodePrior, code_prior
from aejax.autoencoder import to_range
from aejax.types import Autoencoder, Batch, InputError, Params

FLOOR = 0.01   # of the variance off the manifold, that every direction of the code moves an image by


class LikelihoodModel(NamedTuple):
    """A Gaussian over codes, and the variance of a residual in each direction off the decoder's manifold."""

    prior: CodePrior
    variance: float


def fit_likelihood(ae: Autoencoder, params: Params, x: np.ndarray, *, batch_size: int = 1024) -> LikelihoodModel:
    """The prior of the codes of normal `x`, and E‖x − x̂‖² / (n − d), n values a datum, d units a code.

    Raises:
      InputError: a code as wide as the datum, which leaves no direction off the manifold.
    """
    codes = features(ae, params, x, of="code", batch_size=batch_size)
    off = x[0].size - codes.shape[1]
    if off < 1:
        raise InputError(f"a likelihood needs a code narrower than the datum: {codes.shape[1]} units for {x[0].size} "
                         "values")
    error = 2 * reconstruction_score(ae, params, x, batch_size=batch_size).mean(dtype=np.float64)
    if not error > 0:
        raise InputError("the reconstruction has no error: there is no residual to take a variance of")
    return LikelihoodModel(code_prior(codes, ridge=1e-6), float(error * len(x) / (len(x) - 1) / off))


def likelihood_score(ae: Autoencoder, params: Params, x: np.ndarray, model: LikelihoodModel, *, batch_size: int = 128,
                     ) -> np.ndarray:
    """−log p(x) in nats, by change of variables along the decoder's manifold and a Gaussian off it.

    −log N(z; μ, Σ) + ½ log det JᵀJ + ‖x − x̂‖²/(2σ²) + (n−d)/2 · log 2πσ², with z = encode(x), J = ∂decode/∂z at z: a
    code counts for less where the decoder spreads it over more images. Exact for a linear autoencoder of orthogonal
    residuals (probabilistic PCA); else it leaves out how the manifold curves within σ. JᵀJ is taken as JᵀJ + σ²Σ⁻¹/100,
    so that a direction of the code along which a likely step moves the image by less than a tenth of σ counts as if it
    did so: where the decoder ignores a direction, the density along the manifold alone would be infinite.

    Args:
      model: `fit_likelihood(ae, params, normal)`.
      ae, params, x, batch_size: as for `reconstruction_score`; d decoder passes an example.

    Source: Pidhorskyi, Almohsen and Doretto, "Generative probabilistic novelty detection with adversarial
    autoencoders", NeurIPS 2018.
    """
    check_features(ae, "code")
    root = np.linalg.inv(model.prior.cholesky.astype(np.float64))
    shared = {"params": params, "mean": model.prior.mean, "cholesky": model.prior.cholesky,
              "variance": np.float32(model.variance),
              "floor": (FLOOR * model.variance * root.T @ root).astype(np.float32)}
    return in_batches(_likelihood_score, ae, shared, x, batch_size)


def _likelihood_score(ae: Autoencoder, shared, x: Batch) -> Array:
    x = to_range(x, ae.range)
    code = ae.encode(shared["params"], x)
    d, n = code.shape[1], x[0].size

    def decode(z: Array) -> Array:
        return ae.decode(shared["params"], z[None]).reshape(-1)
    jacobians = jax.vmap(jax.jacfwd(decode))(code)   # (B, n, d)
    gram = jnp.einsum("bni,bnj->bij", jacobians, jacobians) + shared["floor"][None]
    volume = 0.5 * jnp.linalg.slogdet(gram)[1]
    u = jax.scipy.linalg.solve_triangular(shared["cholesky"], (code - shared["mean"][None]).T, lower=True).T
    prior = 0.5 * jnp.sum(u**2, axis=1) + jnp.sum(jnp.log(jnp.diag(shared["cholesky"]))) + 0.5 * d * jnp.log(2 * jnp.pi)
    residual = (x - ae.decode(shared["params"], code)).reshape(len(x), -1)
    off = (0.5 * jnp.sum(residual**2, axis=1) / shared["variance"]
           + 0.5 * (n - d) * jnp.log(2 * jnp.pi * shared["variance"]))
    return prior + volume + off
