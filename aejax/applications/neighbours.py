"""Exact distances from points to their nearest neighbours, by brute force on the device."""

import math
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from aejax.types import InputError

EXACT_BYTES = 2**26   # of float64 differences at a time
SPARE = 8   # further candidates, ranked in float32, among which the nearest are chosen by exact distances


class Neighbours(NamedTuple):
    """Distances from anchors to their k nearest other points.

    Attributes:
      distances: (A, k), float64, rising and above 0.
      points: N, how many different points there are.
      duplicates: how many points were left out because an equal one was there before.
    """

    distances: np.ndarray
    points: int
    duplicates: int


def neighbours(x: Float[np.ndarray, "n *datum"] | np.ndarray, k: int, *, anchors: int | None = None, seed: int = 0,
               chunk_size: int = 256) -> Neighbours:
    """Euclidean distances to the k nearest points, by brute force on the device, in chunks of anchors.

    Of equal points one is kept: a distance of 0 says nothing about dimension, and its logarithm is infinite.

    Args:
      x: (N, *shape), floats, or uint8, which counts as 0 … 1.
      k: at least 1.
      anchors: how many points, drawn by `seed`, look for neighbours among all; None: every one.
      seed: of that draw.
      chunk_size: anchors at a time; memory is a few times chunk_size · N floats.

    Raises:
      InputError: k or anchors below 1, values that are not finite, or fewer than k + 1 different points.

    >>> neighbours(np.array([[0.0], [0.0], [1.0], [3.0]]), 2)
    Neighbours(distances=array([[1., 3.],
           [1., 2.],
           [2., 3.]]), points=3, duplicates=1)
    """
    if k < 1 or (anchors is not None and anchors < 1):
        raise InputError(f"neighbours k = {k}, anchors {anchors}: at least 1 of each")
    flat, duplicates = _different(x)
    points = len(flat)
    if points <= k:
        left_out = f" ({duplicates} equal ones are left out)" if duplicates else ""
        raise InputError(f"{points} different points{left_out}: {k} neighbours need at least {k + 1}; lower k, or "
                         "bring more data")
    pick = np.arange(points)
    if anchors is not None and anchors < points:
        pick = np.sort(np.random.default_rng(seed).choice(points, anchors, replace=False))
    found = nearest(flat[pick], flat, k + 1, chunk_size=chunk_size)
    return Neighbours(found[:, 1:], points, duplicates)   # the first is the point itself: no other is as near


def nearest(x: Float[np.ndarray, "n m"], reference: Float[np.ndarray, "r m"], k: int, *, chunk_size: int = 1024,
            ) -> Float[np.ndarray, "n k"]:
    """Distances from each row to the k nearest of `reference`, float64, rising, by comparison with all of them.

    Raises:
      InputError: k below 1, or above the number of references.

    >>> nearest(np.array([[0.0, 0.0]]), np.array([[3.0, 4.0], [0.0, 1.0], [9.0, 9.0]]), 2)
    array([[1., 5.]])
    """
    if not 1 <= k <= len(reference):
        raise InputError(f"k must be from 1 to the number of references, {len(reference)}; got {k}")
    middle = reference.mean(axis=0)   # small numbers lose less to rounding
    points, others = (np.asarray(a - middle, np.float32) for a in (x, reference))
    everything, squares = jnp.asarray(others), jnp.asarray(np.einsum("ij,ij->i", others, others))
    candidates, chunk_size = min(k + SPARE, len(reference)), min(chunk_size, max(1, len(x)))
    parts = min(chunk_size, -(-8 * chunk_size * candidates * x.shape[1] // EXACT_BYTES))
    found = [np.zeros((0, k))]
    for begin in range(0, len(x), chunk_size):
        rows = np.arange(begin, min(begin + chunk_size, len(x)))
        padded = np.concatenate([rows, np.repeat(rows[:1], chunk_size - len(rows))])   # one compiled shape
        near = _candidates(points[padded], everything, squares, count=candidates)[: len(rows)]
        exact = np.concatenate([_distances(x[some], reference[theirs]) for some, theirs in zip(
            np.array_split(rows, parts), np.array_split(near, parts), strict=True)])
        found.append(np.sort(exact, axis=1)[:, :k])
    return np.concatenate(found)


def flat_rows(x: np.ndarray) -> np.ndarray:
    """(N, n) float32; uint8 on the [0, 1] scale."""
    x = np.asarray(x)
    flat = x.reshape(len(x), math.prod(x.shape[1:])).astype(np.float32)
    if not np.isfinite(flat).all():
        raise InputError(f"{(~np.isfinite(flat)).sum()} values are NaN or infinite: remove or fill them")
    return flat / np.float32(255) if x.dtype == np.uint8 else flat


@jax.jit
def _ranks(points: Array, others: Array, squares: Array) -> Array:
    """(R, N) squared distances, less what is the same for all others: in float32, good enough up to near ties."""
    return squares[None, :] - 2 * points @ others.T


def _candidates(points: np.ndarray, others: Array, squares: Array, *, count: int) -> np.ndarray:
    """The indices of the `count` nearest, in no order."""
    ranks = np.asarray(_ranks(points, others, squares))
    if count == ranks.shape[1]:
        return np.broadcast_to(np.arange(count), ranks.shape)
    return np.argpartition(ranks, count, axis=1)[:, :count]   # several times faster than top_k on a CPU


def _distances(points: np.ndarray, near: np.ndarray) -> np.ndarray:
    """From points (R, m) to `near` (R, K, m), in float64."""
    differences = near.astype(np.float64) - points.astype(np.float64)[:, None]
    return np.sqrt(np.einsum("ijk,ijk->ij", differences, differences))


def _different(x: np.ndarray) -> tuple[np.ndarray, int]:
    """The different rows, centred so that float32 ranks well, and how many were equal to one before."""
    flat = np.ascontiguousarray(flat_rows(x) + np.float32(0))   # −0 becomes 0
    seen: dict[bytes, int] = {}
    for index, row in enumerate(flat):
        seen.setdefault(row.tobytes(), index)
    kept = flat[list(seen.values())]
    return kept - kept.mean(axis=0), len(flat) - len(kept)
