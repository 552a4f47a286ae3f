"""Many examples through one compiled program: batches of one shape, whatever their number."""

import functools
from collections.abc import Callable, Hashable
from typing import Any

import jax
import numpy as np

from aejax.types import Autoencoder, Batch, InputError


@functools.partial(jax.jit, static_argnames=("function", "ae", "static"))
def _apply(shared: Any, x: Batch, *, function: Callable, ae: Autoencoder, static: tuple[Hashable, ...]) -> Any:
    return function(ae, shared, x, *static)


def in_batches(function: Callable[..., Any], ae: Autoencoder, shared: Any, x: Batch, batch_size: int,
               *static: Hashable) -> Any:
    """function(ae, shared, batch, *static) over `x`; the last batch is padded with its first example, its rest cut off.

    Args:
      function: of the top level of a module, so that it is compiled once.
      ae: any autoencoder.
      shared: what every batch sees whole: the parameters, or a pytree of them and other arrays and numbers.
      x: (N, …), or a pytree of such arrays.
      batch_size: at least 1; fewer examples make one smaller batch.
      static: what the program is compiled for, numbers of steps for example.

    Returns:
      What `function` returns, (N, …) in each leaf, as NumPy arrays.

    Raises:
      InputError: no examples, or a batch_size below 1.
    """
    count = len(jax.tree.leaves(x)[0])
    if not count:
        raise InputError("no examples given")
    if batch_size < 1:
        raise InputError(f"batch_size must be at least 1, got {batch_size}")
    batch_size = min(batch_size, count)
    parts = []
    for begin in range(0, count, batch_size):
        size = min(batch_size, count - begin)

        def padded(leaf, begin=begin, size=size):
            batch = np.asarray(leaf[begin: begin + size])
            return np.concatenate([batch, np.repeat(batch[:1], batch_size - size, axis=0)])
        out = _apply(shared, jax.tree.map(padded, x), function=function, ae=ae, static=static)
        parts.append(jax.tree.map(lambda leaf, size=size: np.asarray(leaf)[:size], out))
    return jax.tree.map(lambda *leaves: np.concatenate(leaves), *parts)
