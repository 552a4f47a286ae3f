"""What the speed benchmark times of this library: calls that train and return the seconds of an epoch."""

import dataclasses
import time
from collections.abc import Callable, Mapping, Sequence

import jax
import numpy as np
import optax

from aejax.train import fit
from aejax.train.memory import program_bytes
from aejax.train.resident import resident
from aejax.train.step import init_state, run_segment, zero_sums
from aejax.train.sweep import sweep
from aejax.types import Autoencoder, Callback
from experiments._peers import LEARNING_RATE


@dataclasses.dataclass(frozen=True)
class Budget:
    """Of one training."""

    epochs: int
    batch_size: int


def training(ae: Autoencoder, train: np.ndarray, budget: Budget, test: np.ndarray | None = None) -> Callable[[], float]:
    """A call of `fit` that returns the median seconds of its epochs, validation included."""
    optimizer = optax.adam(LEARNING_RATE)   # built once: each new one is compiled anew

    def call() -> float:
        _, history = fit(ae, train, optimizer=optimizer, key=jax.random.key(0), validation=test,
                         **dataclasses.asdict(budget))
        return float(np.median(history["seconds"]))
    return call


def sweeping(make: Callable[..., Autoencoder], train: np.ndarray, grid: Mapping[str, Sequence[float]],
             seeds: Sequence[int], budget: Budget) -> Callable[[], float]:
    """A call of `sweep` that returns the median seconds of its epochs after the first, which contains compilation."""
    optimizer = optax.adam(LEARNING_RATE)

    def call() -> float:
        clock = _Clock()
        sweep(make, train, grid=grid, seeds=seeds, optimizer=optimizer, callbacks=(clock,),
              **dataclasses.asdict(budget))
        return float(np.median(clock.seconds[1:]))
    return call


class _Clock(Callback):
    """Keeps the seconds of each epoch."""

    def __init__(self):
        self.seconds: list[float] = []

    def on_epoch_end(self, epoch, logs, state):
        self.seconds.append(logs["seconds"])


def program(ae: Autoencoder, train: np.ndarray, budget: Budget) -> dict[str, tuple[str, list[float]]]:
    """Compile seconds of the training epoch's program, and the bytes it holds beside the data."""
    optimizer, key, x = optax.adam(LEARNING_RATE), jax.random.key(0), resident(train)
    state = init_state(ae, optimizer, key, train[:1])
    begin = time.perf_counter()
    sums, order = zero_sums(ae, state, train, budget.batch_size), np.arange(len(train), dtype=np.int32)
    compiled = run_segment.lower(state, sums, x, order, key, 0, 0, 1, ae=ae, optimizer=optimizer,
                                 batch_size=budget.batch_size).compile()
    return {"compilation": ("s", [time.perf_counter() - begin]),
            "memory beside the data": ("MB", [(program_bytes(compiled) - train.nbytes) / 1e6])}
