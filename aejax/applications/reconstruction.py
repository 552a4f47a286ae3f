"""Reconstruction, and the linear baseline that every autoencoder has to beat: PCA of the same code dimension."""

import functools
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from aejax import jacobian
from aejax.applications.batches import in_batches
from aejax.types import Autoencoder, Batch, InputError, Params


def reconstruct_batch(ae: Autoencoder, params: Params, x: Batch) -> jax.Array:
    """x̂ of one batch, to be called inside a compiled program: by `ae.reconstruct` where there is one."""
    return ae.decode(params, ae.encode(params, x)) if ae.reconstruct is None else ae.reconstruct(params, x)


def _encode(ae: Autoencoder, params: Params, x: Batch) -> jax.Array:
    return ae.encode(params, x)


def _decode(ae: Autoencoder, params: Params, codes: Batch) -> jax.Array:
    return ae.decode(params, codes)


def _jacobian_norm(ae: Autoencoder, params: Params, x: Batch) -> jax.Array:
    return jnp.sqrt(jacobian.squared_norm(functools.partial(ae.encode, params), x))


def reconstruct(ae: Autoencoder, params: Params, x: np.ndarray, *, batch_size: int = 1024) -> np.ndarray:
    """x̂ of every example, (N, *shape) in `ae.range`. `x` is uint8, or floats (corrupted ones may leave the range)."""
    return in_batches(reconstruct_batch, ae, params, x, batch_size)


def encode(ae: Autoencoder, params: Params, x: Batch, *, batch_size: int = 1024) -> np.ndarray:
    """The code of every example, (N, code_dim); `x` is what `ae` encodes, an array or a pytree of arrays."""
    return in_batches(_encode, ae, params, x, batch_size)


def decode(ae: Autoencoder, params: Params, codes: np.ndarray, *, batch_size: int = 1024) -> np.ndarray:
    """What each code (N, code_dim) decodes to, (N, *shape) in `ae.range`."""
    return in_batches(_decode, ae, params, codes, batch_size)


def jacobian_norm(ae: Autoencoder, params: Params, x: np.ndarray, *, batch_size: int = 64) -> np.ndarray:
    """‖∂h/∂x‖_F at every example, (N,), in code units per unit of `ae.range`; `x` floats in that range."""
    return in_batches(_jacobian_norm, ae, params, x, batch_size)


class PCA(NamedTuple):
    """Principal components: mean (n,), components (k, n) as rows, orthonormal, by falling variance."""

    mean: np.ndarray
    components: np.ndarray

    def encode(self, x: np.ndarray) -> np.ndarray:
        """(N, *shape) -> (N, k)."""
        return (x.reshape(len(x), -1) - self.mean) @ self.components.T

    def reconstruct(self, x: np.ndarray) -> np.ndarray:
        """The nearest point of the affine subspace: the best any linear autoencoder can do on the training data."""
        return (self.encode(x) @ self.components + self.mean).reshape(x.shape)


def pca(x: Float[np.ndarray, "batch *datum"], code_dim: int) -> PCA:
    """Fits PCA on floats (N, *shape).

    Raises:
      InputError: code_dim above the number of values of a datum.
    """
    flat = x.reshape(len(x), -1).astype(np.float64)
    if not 1 <= code_dim <= flat.shape[1]:
        raise InputError(f"PCA: code_dim must be from 1 to {flat.shape[1]}, got {code_dim}")
    mean = flat.mean(axis=0)
    covariance = flat.T @ flat / len(flat) - np.outer(mean, mean)
    _, vectors = np.linalg.eigh(covariance)
    return PCA(mean.astype(x.dtype), vectors[:, ::-1][:, :code_dim].T.astype(x.dtype))
