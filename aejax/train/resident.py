"""Data that lie on the device, and batches gathered from them.

Images are kept as 32-bit words: a CPU gathers value by value, and so four pixels at once.
"""

import dataclasses
import functools
import math
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from aejax.types import ArrayLike, Batch, Scalar


@functools.partial(jax.tree_util.register_dataclass, data_fields=["words"], meta_fields=["shape"])
@dataclasses.dataclass(frozen=True)
class Packed:
    """uint8 data of a shape that fills whole words: words (N, n / 4), shape that of one datum."""

    words: Any   # transformations put other leaves in its place
    shape: tuple[int, ...]


def resident(x: Batch) -> Batch:
    """Places data on the device for `batch_at`; once placed, they pass.

    >>> resident(np.zeros((2, 2, 4), np.uint8)).words.shape
    (2, 2)
    """
    return jax.tree.map(_place, x, is_leaf=_packed)


def _packed(x: Batch) -> bool:
    return isinstance(x, Packed)


def _place(leaf: ArrayLike | Packed) -> Array | Packed:
    if _packed(leaf) or leaf.dtype != np.uint8 or leaf.ndim < 2 or math.prod(leaf.shape[1:]) % 4:
        return jax.device_put(leaf)
    flat = leaf.reshape(leaf.shape[0], -1)
    words = (np.ascontiguousarray(flat).view(np.uint32) if isinstance(flat, np.ndarray) else
             jax.lax.bitcast_convert_type(flat.reshape(len(flat), -1, 4), jnp.uint32))
    return Packed(jax.device_put(words), leaf.shape[1:])


def batch_at(x: Batch, order: ArrayLike, step: Scalar, batch_size: int) -> Batch:
    """Batch number `step` of an epoch that visits the examples of `x` (as `resident` gives it) in `order`."""
    rows = jax.lax.dynamic_slice_in_dim(jnp.asarray(order), step * batch_size, batch_size)
    return take(x, rows)


def take(x: Batch, rows: ArrayLike) -> Batch:
    """The examples at `rows`, which must exist."""
    def of(leaf: Array | Packed) -> Array:
        if not _packed(leaf):
            return leaf.at[rows].get(mode="promise_in_bounds")
        words = leaf.words.at[rows].get(mode="promise_in_bounds")
        return jax.lax.bitcast_convert_type(words, jnp.uint8).reshape(len(rows), *leaf.shape)
    return jax.tree.map(of, x, is_leaf=_packed)
