"""The Jacobian's singular values and vectors: what a code is sensitive to, and in how many directions."""

import math

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from aejax.jacobian.norms import Encoder, code_dim, map_chunks, single


def jacobians(encode: Encoder, x: Float[Array, "batch *datum"]) -> Float[Array, "batch code n"]:
    """∂h/∂x at each example, a code unit a row, n the values of an example: B·d·n floats at once.

    >>> print(jacobians(lambda x: x * jnp.array([[3.0, 4.0]]), jnp.zeros((1, 2))))
    [[[3. 0.]
      [0. 4.]]]
    """
    method = "jacrev" if code_dim(encode, x) < math.prod(x.shape[1:]) else "jacfwd"
    found = jax.vmap(single(encode, method))(x)
    return found.reshape(*found.shape[:2], -1)


def singular_values(encode: Encoder, x: Float[Array, "batch *datum"], *, chunk_size: int | None = 64,
                    ) -> Float[Array, "batch rank"]:
    """Singular values of ∂h/∂x at each example, falling, (B, min(d, n)): to how many directions the code listens.

    >>> print(singular_values(lambda x: x * jnp.array([[3.0, 4.0]]), jnp.zeros((1, 2))))
    [[4. 3.]]
    """
    def of_rows(rows: Array) -> Array:
        return jnp.linalg.svd(jacobians(encode, rows), compute_uv=False)
    return map_chunks(of_rows, x, chunk_size)


def tangents(encode: Encoder, x: Float[Array, "batch *datum"], count: int, *, chunk_size: int | None = 64,
             ) -> Float[Array, "batch count *datum"]:
    """The `count` leading right singular vectors of ∂h/∂x, of unit norm: the changes of x that move the code most.

    On a contractive autoencoder they span the tangent plane of the data's manifold. Their sign is arbitrary.

    Source: Rifai et al., "The manifold tangent classifier", NIPS 2011.

    >>> print(jnp.abs(tangents(lambda x: x * jnp.array([[3.0, 4.0]]), jnp.zeros((1, 2)), 1)))
    [[[0. 1.]]]
    """
    def of_rows(rows: Array) -> Array:
        vectors = jnp.linalg.svd(jacobians(encode, rows), full_matrices=False)[2][:, :count]
        return vectors.reshape(*vectors.shape[:2], *rows.shape[1:])
    return map_chunks(of_rows, x, chunk_size)
