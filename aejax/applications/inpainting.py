"""Inpainting: one pass, iterated projection, or the nearest point of the manifold by minimising an energy over codes.

`known_mask` is True where a value is observed; observed values come back untouched, bit for bit. Baselines beside:
`telea` and `navier_stokes` (OpenCV), and the conditional mean of a Gaussian (`applications.gaussian_model`).
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Array, Float

from aejax.applications.batches import in_batches
from aejax.applications.classical import navier_stokes, telea
from aejax.applications.gaussian_model import GaussianModel, check_mask, gaussian_model
from aejax.applications.reconstruction import encode
from aejax.autoencoder import check_data, to_range
from aejax.types import ArrayLike, Autoencoder, Batch, InputError, Key, Params

__all__ = ["METHODS", "CodePrior", "Energy", "GaussianModel", "code_prior", "gaussian_model", "inpaint",
           "minimise_energy", "navier_stokes", "one_pass", "project", "telea"]

METHODS = ("pass", "projection", "energy")


def inpaint(ae: Autoencoder, params: Params, x: np.ndarray, known_mask: np.ndarray, *, method: str = "pass",
            fill: ArrayLike | float | None = None, key: Key | None = None, **options) -> np.ndarray:
    """The images with unknown values filled in, (N, *shape) in `ae.range`.

    Args:
      ae, params: trained, for "pass" and "projection" best on masked data (`corruptions.hidden_regions`,
        `masking_noise`), for "energy" with a code narrow enough to hold nothing but images.
      x: (N, *shape), uint8 or floats in `ae.range`; values at unknown places do not matter, NaN included.
      known_mask: bool, (N, *shape) or broadcastable to it; at least one known value in each image.
      method: "pass", "projection" or "energy".
      fill: what stands at unknown places at first, a number or array on the scale of `ae.range`: what the model saw
        there in training. None: the lower end of the range, as `masking_noise` puts it there.
      key: of the energy's random starts; by default key(0).
      options: of `one_pass`, `project` or `minimise_energy`.

    Raises:
      InputError: a mask of another size or without a known value, non-finite known values, an unknown method.

    >>> from aejax import networks, variants
    >>> ae = variants.denoising(networks.Dense(shape=(4,), code_dim=2))
    >>> x, known = np.ones((1, 4), np.float32), np.array([True, True, False, True])
    >>> print(inpaint(ae, ae.init(jax.random.key(0), x), x, known)[:, :2])
    [[1. 1.]]
    """
    if method not in METHODS:
        raise InputError(f"unknown method {method!r}: one of {', '.join(METHODS)}")
    if method == "energy":
        key = jax.random.key(0) if key is None else key
        return minimise_energy(ae, params, x, known_mask, fill=fill, key=key, **options).images
    return {"pass": one_pass, "projection": project}[method](ae, params, x, known_mask, fill=fill, **options)


def one_pass(ae: Autoencoder, params: Params, x: np.ndarray, known_mask: np.ndarray, *,
             fill: ArrayLike | float | None = None, batch_size: int = 1024) -> np.ndarray:
    """m⊙x + (1−m)⊙x̂, x̂ the reconstruction of x with `fill` at unknown places; arguments as for `inpaint`."""
    return project(ae, params, x, known_mask, fill=fill, steps=1, batch_size=batch_size)


def project(ae: Autoencoder, params: Params, x: np.ndarray, known_mask: np.ndarray, *,
            fill: ArrayLike | float | None = None, steps: int = 10, batch_size: int = 1024) -> np.ndarray:
    """x ← m⊙x + (1−m)⊙x̂(x), `steps` times: onto what the model makes of it, and back to the known values.

    A fixed point is an image whose unknown values the model would not change. Arguments as for `inpaint`.

    Raises:
      InputError: as there; steps below 1.
    """
    if steps < 1:
        raise InputError(f"steps must be at least 1, got {steps}")
    _, known, start = prepare(ae, x, known_mask, fill)
    return in_batches(_project, ae, params, {"start": start, "known": known}, batch_size, steps)


def _project(ae: Autoencoder, params: Params, batch: Batch, steps: int) -> Array:
    start, known = batch["start"], batch["known"]

    def step(_, x: Array) -> Array:
        found = ae.decode(params, ae.encode(params, x)) if ae.reconstruct is None else ae.reconstruct(params, x)
        return jnp.where(known, start, found)
    return jax.lax.fori_loop(0, steps, step, start)


class CodePrior(NamedTuple):
    """A Gaussian over codes, z = mean + cholesky u, u ~ N(0, I): mean (d,), cholesky (d, d), lower triangular."""

    mean: np.ndarray
    cholesky: np.ndarray


def code_prior(codes: Float[ArrayLike, "batch code"], *, ridge: float = 1e-4) -> CodePrior:
    """The Gaussian of mean and covariance of these codes (those of training images).

    `ridge` · the mean variance is added to the covariance's diagonal: units that never change have a prior too.

    Raises:
      InputError: fewer than two codes, non-finite ones, or codes that are all equal.
    """
    codes = np.asarray(codes, np.float64)
    if len(codes) < 2 or not np.isfinite(codes).all():
        raise InputError(f"a prior needs at least two codes, all of them finite; got {len(codes)}")
    covariance = np.cov(codes, rowvar=False).reshape(codes.shape[1], -1)
    spread = np.trace(covariance) / len(covariance)
    if spread == 0:
        raise InputError("all codes are equal: an untrained or collapsed encoder has no prior")
    cholesky = np.linalg.cholesky(covariance + ridge * spread * np.eye(len(covariance)))
    return CodePrior(codes.mean(axis=0).astype(np.float32), cholesky.astype(np.float32))


class Energy(NamedTuple):
    """What `minimise_energy` found.

    Attributes:
      images: (N, *shape), known values untouched, the rest decoded from the best code.
      codes: (N, d), of the lowest energy of all restarts and steps.
      energies: (N,), theirs.
      trace: (N, restarts, steps + 1), the energy before each step and after the last.
    """

    images: np.ndarray
    codes: np.ndarray
    energies: np.ndarray
    trace: np.ndarray


def minimise_energy(ae: Autoencoder, params: Params, x: np.ndarray, known_mask: np.ndarray, *, key: Key,
                    prior: CodePrior | None = None, weight: float = 0.02, restarts: int = 4, steps: int = 200,
                    learning_rate: float = 0.1, fill: ArrayLike | float | None = None, batch_size: int = 256) -> Energy:
    """The point of the decoder's manifold nearest to the known values, a code's probability considered.

    E(z) = ½‖m⊙(x − decode(z))‖² + weight · ½(z−μ)ᵀΣ⁻¹(z−μ), minimised by Adam with a falling rate over u,
    z = μ + chol(Σ) u, for all restarts and images of a batch in one program. The first start is the code of x with
    `fill` at unknown places, the others are drawn from the prior. Where weight is the variance of the decoder's error
    in one value, E is −log p(z | known values) times it, up to a constant.

    Args:
      key: of the random starts.
      prior: N(μ, Σ), from `code_prior(encode(ae, params, train))`; None: no second term, and the other starts lie
        around the first, one unit of the code away in each direction.
      weight: of the prior's term, at least 0.
      restarts: starts of each image, at least 1.
      steps: of Adam.
      learning_rate: at first; it falls to 0 as a cosine.
      batch_size: images of one program.
      ae, params, x, known_mask, fill: as for `inpaint`.

    Raises:
      InputError: as for `inpaint`; a network with skip connections, a prior of other codes, numbers out of bounds.

    Source: Yeh et al., "Semantic image inpainting with deep generative models", CVPR 2017, with a Gaussian as prior.
    """
    if ae.reconstruct is not None:
        raise InputError("this network's skip connections lead past the code, so that no code describes an image: use "
                         "method='pass' or 'projection', or an autoencoder without them")
    if restarts < 1 or steps < 1 or weight < 0 or learning_rate <= 0:
        raise InputError("restarts and steps must be at least 1, weight at least 0, learning_rate above 0; got "
                         f"{restarts}, {steps}, {weight:g}, {learning_rate:g}")
    x, known, start = prepare(ae, x, known_mask, fill)
    first = encode(ae, params, start, batch_size=batch_size)
    mean, cholesky = (np.zeros(first.shape[1], np.float32), np.eye(first.shape[1], dtype=np.float32)
                      ) if prior is None else prior
    if mean.shape != first.shape[1:]:
        raise InputError(f"a prior of {len(mean)} code units for codes of {first.shape[1]}")
    first = np.linalg.solve(cholesky, (first - mean).T).T[:, None].astype(np.float32)
    drawn = np.asarray(jax.random.normal(key, (len(x), restarts - 1, mean.size)))
    starts = np.concatenate([first, drawn + (first if prior is None else 0)], axis=1)
    shared = {"params": params, "mean": mean, "cholesky": cholesky, "weight": np.float32(weight if prior else 0),
              "rate": np.float32(learning_rate)}
    found = in_batches(_minimise, ae, shared, {"x": start, "known": known, "u": starts}, batch_size, steps)
    return Energy(np.where(known, x, found.pop("images")), **found)


def _minimise(ae: Autoencoder, shared, batch: Batch, steps: int) -> dict[str, Array]:
    x, known = batch["x"], batch["known"]
    u = jnp.swapaxes(batch["u"], 0, 1)   # (restarts, batch, d)

    def decode(u: Array) -> Array:
        return ae.decode(shared["params"], shared["mean"][None] + u @ shared["cholesky"].T)

    def energy(u: Array) -> Array:
        error = jnp.where(known, x - decode(u), 0.0).reshape(len(x), -1)
        return 0.5 * jnp.sum(error**2, axis=1) + 0.5 * shared["weight"] * jnp.sum(u**2, axis=1)
    optimizer = optax.scale_by_adam()

    @jax.vmap   # each restart's batch; no term couples two images, so that the sum's gradient is each one's own
    def value_and_grad(u: Array) -> tuple[Array, Array]:
        (_, values), gradient = jax.value_and_grad(lambda u: (jnp.sum(energy(u)), energy(u)), has_aux=True)(u)
        return values, gradient

    def better(best, u: Array, values: Array):
        lower = values < best[1]
        return jnp.where(lower[..., None], u, best[0]), jnp.where(lower, values, best[1])

    def step(carry, index: Array):
        u, moments, best = carry
        values, gradient = value_and_grad(u)
        update, moments = optimizer.update(gradient, moments)
        rate = shared["rate"] * 0.5 * (1 + jnp.cos(jnp.pi * index / steps))
        return (u - rate * update, moments, better(best, u, values)), values
    best = u, jnp.full(u.shape[:2], jnp.inf)
    (u, _, best), trace = jax.lax.scan(step, (u, optimizer.init(u), best), jnp.arange(steps))
    last = jax.vmap(energy)(u)
    found, energies = better(best, u, last)
    pick = jnp.argmin(energies, axis=0)
    u = jnp.take_along_axis(found, pick[None, :, None], axis=0)[0]
    return {"images": decode(u), "codes": shared["mean"][None] + u @ shared["cholesky"].T,
            "energies": jnp.min(energies, axis=0),
            "trace": jnp.concatenate([trace, last[None]]).transpose(2, 1, 0)}


def prepare(ae: Autoencoder, x: np.ndarray, known_mask: np.ndarray, fill: ArrayLike | float | None = None,
            ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(x, known, x with `fill` at unknown places), all (N, *shape), checked; arguments as for `inpaint`."""
    x = np.asarray(to_range(jnp.asarray(x), ae.range)) if x.dtype == np.uint8 else np.asarray(x, np.float32)
    known = check_mask(x, known_mask)
    low = 0.0 if ae.range is None else ae.range[0]
    check_data(np.where(known, x, np.float32(low)), ae.range)
    if fill is not None and not np.isfinite(fill).all():
        raise InputError("fill must be finite")
    start = np.where(known, x, np.asarray(low if fill is None else fill, np.float32))
    return np.where(known, x, start), known, start.astype(np.float32)
