"""Where the batches of a segment come from: data that lie on the device, or shards on disk, block by block."""

from collections.abc import Callable, Iterator
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
             start: tuple[int, int], every: int | None) -> Iterator[Segment]:
    """All segments from (epoch, step) `start` on. One ends where the epoch does, or a checkpoint is due.

    Checkpoints are due every `every` steps of the run; streamed data reach them to the next end of a block.
    """
    if isinstance(x, Shards):
        length = BLOCK if every is None else min(BLOCK, every)
        with blocks(x, order, batch_size=batch_size, steps=length, epochs=epochs, start=start) as stream:
            for block in stream:
                yield Segment(block.examples, None, block.first_step + len(block.examples))
        return
    x = resident(x)
    steps = count(x) // batch_size
    first, step = start
    for epoch in range(first, epochs):
        visited = order(epoch)
        while step < steps:
            step = steps if every is None else min(steps, step + every - (epoch * steps + step) % every)
            yield Segment(x, visited, step)
        step = 0
