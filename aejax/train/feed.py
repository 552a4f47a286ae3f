"""Where the batches of a segment come from: data that lie on the device, or block by block from memory or disk."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

import jax
import numpy as np

from aejax.data.shards import Shards
from aejax.data.streaming import blocks
from aejax.train.resident import resident
from aejax.train.step import count
from aejax.types import Batch

BLOCK = 64   # steps a dispatch, of streamed data


class Segment(NamedTuple):
    """Consecutive steps of an epoch, as `run_segment` takes them.

    Attributes:
      x: all examples, or, where `order` is None, the batches themselves, (K, B, *shape).
      order: of the examples in this epoch.
      stop: the step after the last one.
    """

    x: Any
    order: np.ndarray | None
    stop: int


def first_example(x: Batch | Shards) -> Batch:
    """The first example, with its leading axis."""
    return x.gather(np.arange(1)) if isinstance(x, Shards) else jax.tree.map(lambda leaf: leaf[:1], x)


def segments(x: Batch | Shards, order: Callable[[int], np.ndarray], *, batch_size: int, epochs: int,
             start: tuple[int, int], every: int | None, share: tuple[int, int] = (0, 1),
             put: Callable[[Batch], Batch] | None = None) -> Iterator[Segment]:
    """All segments from (epoch, step) `start` on. One ends where the epoch does, or a checkpoint is due.

    Checkpoints are due every `every` steps of the run; blocks reach them to the next end of a block. The batches are
    the same, in the same order, wherever they come from.

    Args:
      share: (i, n): the i-th of n equal parts of every batch is wanted, consecutive rows.
      put: moves blocks (K, B / n, …) to where they are used. With it data in memory go block by block too, and the next
        block is placed while one is in use: about two are on the devices.
    """
    length = BLOCK if every is None else min(BLOCK, every)
    steps = len(x) // batch_size if isinstance(x, Shards) else count(x) // batch_size
    if isinstance(x, Shards):
        with blocks(x, order, batch_size=batch_size, steps=length, epochs=epochs, start=start, process_index=share[0],
                    process_count=share[1], put=put) as stream:
            for block in stream:
                yield Segment(block.examples, None, min(steps, (block.first_step // length + 1) * length))
        return
    if put is not None:
        yield from _one_ahead(_gathered(x, order, batch_size, epochs, start, length, share, put))
        return
    x = resident(x)
    first, step = start
    for epoch in range(first, epochs):
        visited = order(epoch)
        while step < steps:
            step = steps if every is None else min(steps, step + every - (epoch * steps + step) % every)
            yield Segment(x, visited, step)
        step = 0


def _gathered(x: Batch, order: Callable[[int], np.ndarray], batch_size: int, epochs: int, start: tuple[int, int],
              length: int, share: tuple[int, int], put: Callable[[Batch], Batch]) -> Iterator[Segment]:
    """Blocks of data in memory, cut where those of `data.streaming.blocks` are."""
    x = jax.tree.map(np.asarray, x)
    steps, rows = count(x) // batch_size, batch_size // share[1]
    first, step = start
    for epoch in range(first, epochs):
        batches = order(epoch)[:steps * batch_size].reshape(steps, batch_size)[:, share[0] * rows:(share[0] + 1) * rows]
        while step < steps:
            begin, step = step, min(steps, (step // length + 1) * length)
            chosen = batches[begin:step]
            yield Segment(put(jax.tree.map(lambda leaf, chosen=chosen: leaf[chosen], x)), None, step)
        step = 0


def _one_ahead(items: Iterator[Segment]) -> Iterator[Segment]:
    """Makes the next item in another thread while one is in use."""
    with ThreadPoolExecutor(1, "feed") as thread:
        following = thread.submit(next, items, None)
        while (item := following.result()) is not None:
            following = thread.submit(next, items, None)
            yield item
