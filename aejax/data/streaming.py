"""Batches from shards: whole blocks of steps, prepared one ahead, in the order of a run that holds the data in memory.

A Grain pipeline whose elements are blocks of many batches, not records: a record at a time is hundreds of times slower
for small images. Block i is a pure function of the order and of i, so the state of the stream is a position.
"""

import functools
import operator
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Integer, Shaped

from aejax.data.shards import Shards
from aejax.files import InputError


class Block(NamedTuple):
    """Consecutive batches of one epoch.

    Attributes:
      epoch: from 0.
      first_step: the step of the first batch, from 0 in each epoch.
      examples: (K, B / process_count, *shape), where `put` has placed them.
    """

    epoch: int
    first_step: int
    examples: Any


def blocks(shards: Shards, order: Callable[[int], Integer[np.ndarray, " examples"]], *, batch_size: int, steps: int,
           epochs: int, start: tuple[int, int] = (0, 0), process_index: int = 0, process_count: int = 1,
           put: Callable[[np.ndarray], Any] | None = None) -> "Blocks":
    """The batches of epochs start…epochs−1, `steps` of them a block, the next block read and placed ahead.

    Batch s of epoch e holds the examples order(e)[s·B : (s+1)·B]; the incomplete last batch is left out.

    About three blocks are in memory at a time, if whoever uses them keeps pace: JAX dispatches ahead of the device, so
    wait for a result of the block before last (`jax.block_until_ready`) before asking for the next, or blocks pile up.

    Args:
      shards: (N, *shape) on disk.
      order: epoch -> a permutation (N,) of the examples; called in another thread, kept for two epochs.
      batch_size: B, over all processes, at most N and a multiple of `process_count`.
      steps: K, the batches of a block; the last block of an epoch has what is left.
      epochs: the epoch, counted from 0 over the whole run, before which the stream ends.
      start: (epoch, step) of the first batch; within a block, the first block is its rest.
      process_index, process_count: this process gets the process_index-th of process_count equal parts of every batch,
        consecutive rows, as a mesh of devices lays them.
      put: moves examples to where they are used; None: `jax.device_put`.
    Returns:
      An iterator of `Block`, with `state`, `restore` and `close`.
    Raises:
      InputError: arguments that do not fit, or Grain is not installed.

    >>> import tempfile
    >>> from aejax.data import convert, open_shards
    >>> shards = open_shards(convert(np.arange(10, dtype=np.uint8)[:, None], tempfile.mkdtemp()))
    >>> for epoch, step, x in blocks(shards, lambda epoch: np.arange(10), batch_size=2, steps=3, epochs=1):
    ...     print(epoch, step, x[..., 0].tolist())
    0 0 [[0, 1], [2, 3], [4, 5]]
    0 3 [[6, 7], [8, 9]]
    """
    for name, value in (("batch_size", batch_size), ("steps", steps), ("epochs", epochs),
                        ("process_count", process_count)):
        if _whole(name, value) < 1:
            raise InputError(f"{name} must be at least 1, got {value}")
    if not 0 <= _whole("process_index", process_index) < process_count:
        raise InputError(f"process_index must be from 0 to {process_count - 1}, got {process_index}")
    if batch_size % process_count:
        raise InputError(f"batch_size {batch_size} is no multiple of {process_count} processes: change it")
    if len(shards) < batch_size:
        raise InputError(f"{len(shards)} examples are fewer than a batch of {batch_size}: lower batch_size, or bring "
                         "more")
    share = batch_size // process_count
    rows = slice(process_index * share, (process_index + 1) * share)
    source = _BlockSource(shards, order, batch_size, steps, epochs, rows, _device_put if put is None else put)
    return Blocks(source, start)


def _whole(name: str, value: Any) -> int:
    try:
        return operator.index(value)
    except TypeError:
        raise InputError(f"{name} must be a whole number, got {value!r}") from None


def _device_put(x: np.ndarray) -> Any:
    import jax
    return jax.device_put(x)


def _grain() -> Any:
    try:
        import grain
        return grain
    except ImportError as error:
        raise InputError("streaming needs Grain, which is not installed: pip install 'aejax[stream]'") from error


class _BlockSource:
    """What Grain reads: element i is block i of the run."""

    def __init__(self, shards: Shards, order: Callable[[int], np.ndarray], batch_size: int, steps: int, epochs: int,
                 rows: slice, put: Callable[[np.ndarray], Any]):
        self.shards, self.batch_size, self.steps, self.epochs, self.rows, self.put = (
            shards, batch_size, steps, epochs, rows, put)
        self.epoch_steps = len(shards) // batch_size
        self.epoch_blocks = -(-self.epoch_steps // steps)
        self.rest = (-1, 0)   # block -> how many of its batches are left out, as they were done before a restart
        self.order = functools.lru_cache(2)(lambda epoch: _checked_order(order(epoch), len(shards), epoch))

    def __len__(self) -> int:
        return self.epochs * self.epoch_blocks

    def __getitem__(self, i: int) -> Block:
        epoch, block = divmod(i, self.epoch_blocks)
        first = block * self.steps + (self.rest[1] if i == self.rest[0] else 0)
        stop = min((block + 1) * self.steps, self.epoch_steps)
        chosen = self.order(epoch)[first * self.batch_size:stop * self.batch_size]
        chosen = chosen.reshape(stop - first, self.batch_size)[:, self.rows]
        examples = self.shards.gather(chosen.reshape(-1)).reshape(*chosen.shape, *self.shards.shape)
        return Block(epoch, first, self.put(examples))


def _checked_order(order: Any, examples: int, epoch: int) -> np.ndarray:
    order = np.asarray(order)
    if order.shape != (examples,) or order.dtype.kind not in "iu":
        raise InputError(f"order({epoch}) must be a permutation of {examples} examples, got {order.dtype} of shape "
                         f"{order.shape}")
    seen = np.zeros(examples, bool)
    seen[order[(order >= 0) & (order < examples)]] = True
    if not seen.all():
        raise InputError(f"order({epoch}) is no permutation: {examples - int(seen.sum())} of {examples} examples are "
                         "not in it")
    return order


class Blocks:
    """The iterator that `blocks` gives; `with` or `close` ends its thread early."""

    def __init__(self, source: _BlockSource, start: tuple[int, int]):
        self._source = source
        grain = _grain()
        # One thread and one block: while a block is in use, the next is read and placed.
        options = grain.ReadOptions(num_threads=1, prefetch_buffer_size=1)
        self._iterator = iter(grain.MapDataset.source(source).to_iter_dataset(options))
        self.restore({"epoch": start[0], "step": start[1]})

    def __iter__(self) -> Iterator[Block]:
        return self

    def __next__(self) -> Block:
        return next(self._iterator)

    def __enter__(self) -> "Blocks":
        return self

    def __exit__(self, *error: Any) -> None:
        self.close()

    def state(self) -> dict[str, int]:
        """{"epoch", "step"} of the batch that comes next: JSON can hold it, and `start=` takes it."""
        index = self._iterator.get_state()["next_index"]
        epoch, block = divmod(index, self._source.epoch_blocks)
        done = self._source.rest[1] if index == self._source.rest[0] else 0
        return {"epoch": epoch, "step": block * self._source.steps + done}

    def restore(self, state: dict[str, int]) -> None:
        """Goes to the position that `state` gave, or to any other.

        Raises:
          InputError: a position outside of the run.
        """
        source = self._source
        try:
            epoch, step = (_whole(name, state[name]) for name in ("epoch", "step"))
        except (KeyError, TypeError) as error:
            raise InputError(f"a position is {{'epoch': e, 'step': s}}, got {state!r}") from error
        if step == source.epoch_steps:   # the end of an epoch is the beginning of the next
            epoch, step = epoch + 1, 0
        if not (0 <= epoch < source.epochs and 0 <= step < source.epoch_steps) and (epoch, step) != (source.epochs, 0):
            raise InputError(f"position (epoch {epoch}, step {step}) is outside of {source.epochs} epochs of "
                             f"{source.epoch_steps} steps")
        block, done = divmod(step, source.steps)
        index = epoch * source.epoch_blocks + block
        # Before `rest` changes, the block that is being read ahead is given up.
        self._iterator.set_state({"next_index": index})
        source.rest = (index, done)

    def close(self) -> None:
        """Gives up what is being read ahead."""
        self._iterator.close()


def sequential(shards: Shards, batch_size: int) -> Iterator[Shaped[np.ndarray, "batch ..."]]:
    """All examples once, in their order, in batches of which the last may be shorter: for exact evaluation.

    Raises:
      InputError: `batch_size` below 1.

    >>> import tempfile
    >>> from aejax.data import convert, open_shards
    >>> shards = open_shards(convert(np.zeros((5, 8), np.uint8), tempfile.mkdtemp()))
    >>> [len(batch) for batch in sequential(shards, 2)]
    [2, 2, 1]
    """
    if _whole("batch_size", batch_size) < 1:
        raise InputError(f"batch_size must be at least 1, got {batch_size}")
    return (shards.gather(np.arange(start, min(start + batch_size, len(shards))))
            for start in range(0, len(shards), batch_size))
