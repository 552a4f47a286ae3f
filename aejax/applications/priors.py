"""Distributions of codes that pictures can be drawn from: Gaussians and mixtures of them; flows and models of indices
stand in files of their own.
"""

import functools
import warnings
from collections.abc import Sequence
from typing import NamedTuple, Protocol, runtime_checkable

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from aejax.applications.inpainting import code_prior
from aejax.types import ArrayLike, InputError, Key

COMPONENTS = (5, 10, 20)   # among which a mixture's number is chosen
HELD_OUT = 0.1             # of the codes, which choices are made on
RIDGE = 1e-4               # of the mean variance, added to each covariance


@runtime_checkable
class Prior(Protocol):
    """p(z) over codes; a NamedTuple of arrays, so that it can be written into a file."""

    def sample(self, key: Key, n: int, *, temperature: float = 1.0) -> Array:
        """(n, code_dim); temperature below 1 keeps to what is likely, 0 to the likeliest of each random choice."""
        ...

    def log_density(self, codes: ArrayLike) -> Array:
        """log p(z), (n,), in nats, at temperature 1."""
        ...


class Mixture(NamedTuple):
    """Σ_k w_k N(μ_k, L_k L_kᵀ): a Gaussian where there is one component.

    Attributes:
      log_weights: (K,).
      means: (K, d).
      choleskys: L, (K, d, d), lower triangular.
    """

    log_weights: ArrayLike
    means: ArrayLike
    choleskys: ArrayLike

    def sample(self, key: Key, n: int, *, temperature: float = 1.0) -> Float[Array, "n code"]:
        """z = μ_k + T L_k u, k ~ w, u ~ N(0, I): the temperature T scales the spread within a component."""
        return _sample(self, key, jnp.float32(check_temperature(temperature)), n=check_number(n))

    def log_density(self, codes: Float[ArrayLike, "n code"]) -> Float[Array, " n"]:
        """log Σ_k w_k N(z; μ_k, L_k L_kᵀ)."""
        return _log_density(self, jnp.asarray(codes))


@functools.partial(jax.jit, static_argnames="n")
def _sample(mixture: Mixture, key: Key, temperature: Array, *, n: int) -> Array:
    which, noise = jax.random.split(key)
    index = jax.random.categorical(which, jnp.asarray(mixture.log_weights), shape=(n,))
    u = jax.random.normal(noise, (n, mixture.means.shape[1]))
    spread = jnp.einsum("nij,nj->ni", jnp.asarray(mixture.choleskys)[index], u)
    return jnp.asarray(mixture.means)[index] + temperature * spread


@jax.jit
def _log_density(mixture: Mixture, codes: Array) -> Array:
    def component(log_weight: Array, mean: Array, cholesky: Array) -> Array:
        u = jax.scipy.linalg.solve_triangular(cholesky, (codes - mean[None]).T, lower=True)
        volume = jnp.sum(jnp.log(jnp.diag(cholesky))) + 0.5 * len(mean) * jnp.log(2 * jnp.pi)
        return log_weight - 0.5 * jnp.sum(u**2, axis=0) - volume
    return jax.scipy.special.logsumexp(jax.vmap(component)(*map(jnp.asarray, mixture)), axis=0)


def standard_normal(code_dim: int) -> Mixture:
    """N(0, I): what a variational, a Wasserstein and an adversarial autoencoder are trained towards.

    >>> prior = standard_normal(2)
    >>> print(prior.log_density(np.zeros((1, 2))).round(3))   # −log 2π
    [-1.838]
    """
    if code_dim < 1:
        raise InputError(f"code_dim must be at least 1, got {code_dim}")
    mean, cholesky = np.zeros((1, code_dim), np.float32), np.eye(code_dim, dtype=np.float32)[None]
    return Mixture(np.zeros(1, np.float32), mean, cholesky)


def full_gaussian(codes: Float[ArrayLike, "n code"]) -> Mixture:
    """The Gaussian of the mean and the full covariance of these codes.

    Raises:
      InputError: fewer than two codes, non-finite ones, or codes that are all equal.

    >>> full_gaussian(np.array([[0.0, 1.0], [2.0, 1.0]])).means.tolist()
    [[1.0, 1.0]]
    """
    fitted = code_prior(codes, ridge=RIDGE)
    return Mixture(np.zeros(1, np.float32), fitted.mean[None], fitted.cholesky[None])


def gaussian_mixture(codes: Float[ArrayLike, "n code"], *, components: int | Sequence[int] = COMPONENTS, seed: int = 0,
                     ) -> Mixture:
    """A mixture of Gaussians of full covariance, by expectation maximisation (scikit-learn).

    Args:
      codes: (N, d), those of training data.
      components: their number; of several the one is taken whose density of held-out codes is highest, and then fitted
        to all codes.
      seed: of the start and of which codes are held out.

    Raises:
      InputError: scikit-learn is not installed, fewer codes than components ask for, unusable codes or numbers.

    Source: Ghosh et al., "From variational to deterministic autoencoders", ICLR 2020, fit it after training.

    >>> rng = np.random.default_rng(0)
    >>> two = np.concatenate([rng.normal(-5, 1, (50, 2)), rng.normal(5, 1, (50, 2))])
    >>> print(np.sort(gaussian_mixture(two, components=2).means[:, 0]).round())
    [-5.  5.]
    """
    counts = (components,) if isinstance(components, int) else tuple(components)
    if not counts or min(counts) < 1:
        raise InputError(f"components of a mixture: at least 1, got {components}")
    whole = code_prior(codes, ridge=RIDGE)   # refuses what nothing can be fitted to
    codes = np.asarray(codes, np.float64)
    train, held = split(codes, seed)
    if max(counts) > len(train if len(counts) > 1 else codes):
        raise InputError(f"{len(codes)} codes are too few for {max(counts)} components: lower --components")
    scale = np.sqrt(codes.var(axis=0).mean())   # so that one ridge fits all scales
    unit = [(part - whole.mean) / scale for part in (codes, train, held)]
    if len(counts) > 1:
        scores = [_fit(unit[1], count, seed).score(unit[2]) for count in counts]
        counts = (counts[int(np.argmax(scores))],)
    found = _fit(unit[0], counts[0], seed)
    return Mixture(np.log(found.weights_).astype(np.float32),
                   (whole.mean + scale * found.means_).astype(np.float32),
                   (scale * np.linalg.cholesky(found.covariances_)).astype(np.float32))


def _fit(codes: np.ndarray, components: int, seed: int):
    try:
        from sklearn.exceptions import ConvergenceWarning
        from sklearn.mixture import GaussianMixture
        from threadpoolctl import threadpool_limits
    except ImportError:
        raise InputError("a mixture needs scikit-learn, which is not installed: pip install 'aejax[sklearn]'") from None
    with warnings.catch_warnings(), threadpool_limits(1):   # its products are small: threads would wait for each other
        warnings.simplefilter("ignore", ConvergenceWarning)   # what is reached after so many steps is a density too
        return GaussianMixture(components, reg_covar=RIDGE, max_iter=200, random_state=seed).fit(codes)


def split(codes: np.ndarray, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Codes to fit to and codes to choose on, a share of `HELD_OUT` and at least one, drawn by seed."""
    order = np.random.default_rng(seed).permutation(len(codes))
    held = max(1, round(HELD_OUT * len(codes)))
    return codes[order[held:]], codes[order[:held]]


def check_temperature(temperature: float) -> float:
    """Refuses a temperature that is not a number from 0 on."""
    if not 0 <= temperature < np.inf:
        raise InputError(f"temperature must be a number from 0 on, got {temperature}")
    return float(temperature)


def check_number(n: int) -> int:
    """Refuses a number of samples below 1."""
    if n < 1:
        raise InputError(f"the number of samples must be at least 1, got {n}")
    return n
