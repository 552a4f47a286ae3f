"""To what is a code sensitive? The spectrum of its Jacobian as one number, and its tangents against true motions.

If the leading directions of ∂h/∂x span the tangent plane of the data's manifold, they contain what a small shift or
rotation does to an image. How much of it they contain is a share between 0 and 1; random directions contain k/n.
"""

import math
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from aejax.metrics import to_unit
from aejax.types import ArrayLike, InputError

MOTIONS = ("shift x", "shift y", "rotation")
INDEPENDENT = 1e-5   # a direction of which less than this share is new counts as a combination of those before


def participation_ratio(singular_values: ArrayLike) -> Float[np.ndarray, " batch"]:
    """How many directions share the energy of a spectrum: (Σ s²)² / Σ s⁴, from 1 to the number of values.

    Args:
      singular_values: (B, rank), of `aejax.jacobian.singular_values`, in any order.

    Raises:
      InputError: values that are not finite, or a spectrum of zeros.

    >>> participation_ratio(np.array([[1.0, 1.0, 0.0], [2.0, 0.0, 0.0]]))
    array([2., 1.])
    """
    s = np.asarray(singular_values, np.float64)
    if s.ndim != 2 or not np.isfinite(s).all() or not (s != 0).any(axis=1).all():
        raise InputError(f"spectra of shape {s.shape}: (B, rank), finite, and not all zero, are needed")
    energy = np.square(s / np.abs(s).max(axis=1, keepdims=True))
    return energy.sum(axis=1) ** 2 / np.square(energy).sum(axis=1)


def decompose(jacobians: ArrayLike, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Singular values and the `count` leading right singular vectors of matrices, by float64 on the host.

    The numbers of `jacobian.singular_values` and `jacobian.tangents`, from one decomposition: where d ≥ n of JᵀJ, which
    takes a fifth of their time. Values below 1e-7 of the largest are rounding.

    Args:
      jacobians: (B, d, n), of `aejax.jacobian.jacobians`.
      count: up to min(d, n).

    Returns:
      (B, min(d, n)), falling, and (B, count, n), of unit norm and arbitrary sign.

    Raises:
      InputError: another shape, a count out of range, values that are not finite.

    >>> values, directions = decompose(np.array([[[3.0, 0.0], [0.0, 4.0]]]), 1)
    >>> values, np.abs(directions)
    (array([[4., 3.]]), array([[[0., 1.]]]))
    """
    j = np.asarray(jacobians)
    if j.ndim != 3 or not 1 <= count <= min(j.shape[1:]) or not np.isfinite(j).all():
        raise InputError(f"Jacobians of shape {j.shape}, {count} directions: (B, d, n), finite, and from 1 to min(d, "
                         "n) directions are needed")
    values, directions = [], []
    for one in j.astype(np.float64):
        if one.shape[0] < one.shape[1]:
            _, s, vectors = np.linalg.svd(one, full_matrices=False)
        else:
            energies, rising = np.linalg.eigh(one.T @ one)
            s, vectors = np.sqrt(energies[::-1].clip(min=0)), rising.T[::-1]
        values.append(s)
        directions.append(vectors[:count])
    return np.stack(values), np.stack(directions)


def motions(x: ArrayLike) -> Float[np.ndarray, "batch motion h w c"]:
    """What small motions do to images: their derivatives by a shift right, a shift down, and a rotation.

    −∂x/∂u, −∂x/∂v and u·∂x/∂v − v·∂x/∂u, u to the right and v down from the middle, by differences of the two
    neighbours. The rotation turns counter-clockwise as one sees it; the unit is change per pixel, or per radian.

    Args:
      x: (B, H, W, C), floats, or uint8, which counts as 0 … 1.

    Returns:
      (B, 3, H, W, C), in the order of MOTIONS, float64.

    Raises:
      InputError: not images of at least 2 by 2, or values that are not finite.

    >>> motions(np.array([[0.0, 1.0, 2.0]] * 2)[None, ..., None])[0, 0, 0, :, 0]
    array([-1., -1., -1.])
    """
    images = np.asarray(to_unit(np.asarray(x), None), np.float64)
    if images.ndim != 4 or min(images.shape[1:3]) < 2:
        raise InputError(f"motions are those of images (B, H, W, C), at least 2 by 2; got shape {images.shape}")
    if not np.isfinite(images).all():
        raise InputError(f"{(~np.isfinite(images)).sum()} values are NaN or infinite: remove or fill them")
    down, right = np.gradient(images, axis=(1, 2))
    height, width = images.shape[1:3]
    v = (np.arange(height) - (height - 1) / 2)[:, None, None]
    u = (np.arange(width) - (width - 1) / 2)[None, :, None]
    return np.stack([-right, -down, u * down - v * right], axis=1)


def contained(directions: ArrayLike, vectors: ArrayLike) -> Float[np.ndarray, "batch count k"]:
    """Which share of each vector lies in the span of the first 1, 2 … k directions: ‖P_k v‖² / ‖v‖².

    Args:
      directions: (B, k, *shape), independent, of any length, the most important first; for example `jacobian.tangents`.
      vectors: (B, T, *shape); for example `motions`.

    Raises:
      InputError: shapes that do not fit, k above n, directions that depend on those before them, a vector of zeros.

    >>> contained(np.array([[[1.0, 0.0, 0.0], [1.0, 1.0, 0.0]]]), np.array([[[1.0, 1.0, 2.0]]])).round(3)
    array([[[0.167, 0.333]]])
    """
    directions, vectors = np.asarray(directions, np.float64), np.asarray(vectors, np.float64)
    shape = directions.shape[2:]
    if directions.ndim < 3 or vectors.ndim < 3 or vectors.shape[2:] != shape or len(directions) != len(vectors):
        raise InputError(f"directions {directions.shape} and vectors {vectors.shape}: (B, k, *shape) and (B, T, "
                         "*shape) with the same B and shape are needed")
    n = math.prod(shape)
    a, v = directions.reshape(*directions.shape[:2], n), vectors.reshape(*vectors.shape[:2], n)
    if a.shape[1] > n:
        raise InputError(f"{a.shape[1]} directions of {n} values each depend on each other: give at most {n}")
    lengths, norms = np.linalg.norm(a, axis=2), np.linalg.norm(v, axis=2)
    if not (norms > 0).all():
        example, which = np.argwhere(~(norms > 0))[0]
        raise InputError(f"vector {which} of example {example} is zero: it has no direction (a constant image?)")
    basis, triangle = np.linalg.qr(a.swapaxes(1, 2))
    new = np.abs(np.diagonal(triangle, axis1=1, axis2=2))
    if not (new > INDEPENDENT * lengths).all():
        example, which = np.argwhere(~(new > INDEPENDENT * lengths))[0]
        raise InputError(f"direction {which} of example {example} is zero or a combination of those before it")
    return np.cumsum(np.square(v / norms[..., None] @ basis), axis=2)


def response(encode: Callable[[Array], Array], x: ArrayLike, vectors: ArrayLike) -> Float[Array, "batch count"]:
    """How strongly a code answers a change of its input: ‖∂h/∂x · v‖ / ‖v‖, in code units a unit of x.

    Args:
      encode: (B, *shape) -> (B, …), each example for itself.
      x: (B, *shape), where the derivative is taken.
      vectors: (B, T, *shape), the changes.

    Raises:
      InputError: shapes that do not fit.

    >>> print(response(lambda x: x * jnp.array([[3.0, 4.0]]), jnp.zeros((1, 2)), jnp.array([[[1.0, 0.0], [2.0, 2.0]]])))
    [[3.       3.535534]]
    """
    x, vectors = jnp.asarray(x, jnp.float32), jnp.asarray(vectors, jnp.float32)
    if vectors.ndim != x.ndim + 1 or vectors.shape[0] != x.shape[0] or vectors.shape[2:] != x.shape[1:]:
        raise InputError(f"x {x.shape} and vectors {vectors.shape}: (B, *shape) and (B, T, *shape) are needed")

    def answer(v: Array) -> Array:
        change = jax.jvp(encode, (x,), (v,))[1]
        return jnp.sqrt(jnp.sum(jnp.square(change.reshape(len(x), -1)), axis=1)
                        / jnp.sum(jnp.square(v.reshape(len(x), -1)), axis=1))
    return jax.lax.map(answer, vectors.swapaxes(0, 1)).T
