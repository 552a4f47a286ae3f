"""Codebooks: codes that consist of vectors out of a finite set, the numbers of these vectors, and how many are used.

A code (B, P·D) is P positions of D values each, one after the other; `indices` and `vectors` turn it into whole numbers
and back.
"""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from aejax.types import InputError


def squared_distances(code: Float[Array, "batch code"], codebook: Float[Array, "size vector"],
                      ) -> Float[Array, "batch positions size"]:
    """‖h_p − e_k‖² of every position's vector h_p and every vector e_k of the codebook.

    Raises:
      InputError: the code's width is no multiple of the vectors' length.

    >>> print(squared_distances(jnp.array([[0.0, 0.0, 3.0, 4.0]]), jnp.array([[0.0, 0.0], [3.0, 4.0]]))[0])
    [[ 0. 25.]
     [25.  0.]]
    """
    if code.shape[1] % codebook.shape[1]:
        raise InputError(f"a code of {code.shape[1]} values does not consist of vectors of {codebook.shape[1]}")
    found = code.reshape(code.shape[0], -1, codebook.shape[1])
    centre = jnp.mean(codebook, axis=0)   # far from zero, differences would be lost in the squares
    found, codebook = found - centre[None, None], codebook - centre[None]
    products = jnp.einsum("bpd,kd->bpk", found, codebook, precision=jax.lax.Precision.HIGHEST)
    squares = jnp.sum(jnp.square(found), axis=2)[:, :, None] + jnp.sum(jnp.square(codebook), axis=1)[None, None]
    return jnp.maximum(squares - 2 * products, 0.0)


def indices(code: Float[Array, "batch code"], codebook: Float[Array, "size vector"]) -> Int[Array, "batch positions"]:
    """The number of the nearest vector of the codebook at each position, int32 in 0 … K−1; the first of equally near.

    Args:
      code: (B, P·D), any values.
      codebook: (K, D).

    >>> print(indices(jnp.array([[0.1, 0.0, 2.0, 5.0]]), jnp.array([[0.0, 0.0], [3.0, 4.0]])))
    [[0 1]]
    """
    return jnp.argmin(squared_distances(code, codebook), axis=2).astype(jnp.int32)


def vectors(indices: Int[Array, "batch positions"], codebook: Float[Array, "size vector"],
            ) -> Float[Array, "batch code"]:
    """The code that these vectors of the codebook make, (B, P·D): what `Autoencoder.decode` takes.

    >>> print(vectors(jnp.array([[1, 0]]), jnp.array([[0.0, 0.0], [3.0, 4.0]])))
    [[3. 4. 0. 0.]]
    """
    return codebook[indices].reshape(indices.shape[0], -1)


def counts(indices: Int[Array, "batch positions"], size: int) -> Float[Array, " size"]:
    """How often each of `size` vectors occurs.

    >>> print(counts(jnp.array([[1, 0], [1, 1]]), 3))
    [1. 3. 0.]
    """
    return jnp.sum(indices[:, :, None] == jnp.arange(size)[None, None], axis=(0, 1), dtype=jnp.float32)


def perplexity(counts: Float[Array, " size"]) -> Float[Array, ""]:
    """exp(−Σ_k p_k ln p_k), p = counts / Σ counts: how many equally frequent vectors would be as varied, 1 … K.

    >>> print(perplexity(jnp.array([5.0, 5.0, 0.0])))
    2.0
    """
    share = counts / jnp.sum(counts)
    return jnp.exp(-jnp.sum(jax.scipy.special.xlogy(share, share)))


@jax.custom_jvp
def straight_through(code: Float[Array, "*shape"], chosen: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
    """`chosen`, bit for bit, with the derivative of `code`: what stands between an encoder and a choice that has none.

    Source: Bengio, Léonard, Courville, "Estimating or propagating gradients through stochastic neurons", 2013.

    >>> value, slope = jax.value_and_grad(lambda h: straight_through(h, jnp.round(h)) ** 2)(2.8)
    >>> float(value), float(slope)
    (9.0, 6.0)
    """
    return chosen


@straight_through.defjvp
def _(primals, tangents):
    return primals[1], tangents[0]
