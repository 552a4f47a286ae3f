"""What do checkpoints cost? Training with one every 30 s beside the same training with none, epoch by epoch in turn.

MNIST, 784-500-784, denoising, Adam, batch 256, validation with patience, so that a checkpoint holds the best state too.
Two calls of `fit` run in turn, an epoch each, in an order drawn anew each round; a window is as many epochs as hold one
checkpoint. A save begins in the first half of an epoch, which takes seconds, and a write takes tenths of one: what it
costs in the background falls on its own side. Both sides' seconds contain all that happens in `fit`.

Command: python -m experiments.checkpoint_overhead --data-dir FOLDER   (about 7 minutes on 2 cores that do nothing else)
Result: experiments/results/checkpoint_overhead.json
"""

import contextlib
import dataclasses
import tempfile
import threading
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import jax
import numpy as np
import optax
import tyro

from aejax import data, networks, variants
from aejax.train import fit
from aejax.train.checkpoints import Checkpoints
from aejax.types import Callback
from experiments._harness import interleaved, spread
from experiments._record import BaseConfig, Record


@dataclasses.dataclass(frozen=True)
class Config(BaseConfig):
    """Sizes of the timing; `--smoke` takes few images and an interval of two epochs."""

    interval: float = 30.0   # seconds of training between two checkpoints
    windows: int = 6
    batch_size: int = 256
    code_dim: int = 500


class _Turns(Callback):
    """Lets a training run in a thread of its own go on one epoch a call of `advance`."""

    def __init__(self):
        self._go, self._done = threading.Semaphore(0), threading.Semaphore(0)
        self._over = False
        self.training: Future | None = None

    def on_train_begin(self, info):
        self._go.acquire()

    def on_epoch_end(self, epoch, logs, state):
        self._done.release()
        self._go.acquire()
        return self._over

    def advance(self) -> None:
        """One epoch, from where the last call left the training; its errors are raised here."""
        self._go.release()
        while not self._done.acquire(timeout=0.5):
            if self.training.done():
                self.training.result()
                raise RuntimeError("the training ended before its epochs were timed")

    def end(self) -> None:
        """Ends the training."""
        self._over = True
        self._go.release()


class _Timed(Checkpoints):
    """Keeps how long training waited for each save, and how long each took to be written meanwhile."""

    def __init__(self, *arguments: Any, **options: Any):
        super().__init__(*arguments, **options)
        self.blocking: list[float] = []
        self.writing: list[float] = []

    def save(self, *arguments: Any, **options: Any) -> None:
        with _added(self.blocking):
            super().save(*arguments, **options)

    def _write(self, *arguments: Any) -> None:   # runs in the background thread
        with _added(self.writing):
            super()._write(*arguments)


@contextlib.contextmanager
def _added(seconds: list[float]) -> Iterator[None]:
    begin = time.perf_counter()
    yield
    seconds.append(time.perf_counter() - begin)


def main(config: Config) -> Record:
    """Times both trainings and records their ratio, and what a checkpoint takes."""
    record = Record("checkpoint_overhead", config)
    settings = {"interval": config.interval, "windows": config.windows, "batch_size": config.batch_size,
                "code_dim": config.code_dim}
    name = f"784-{config.code_dim}-784"
    if record.done(name, settings):
        return record
    dataset = data.load("mnist_mini" if config.smoke else "mnist", data_dir=config.data_dir)
    sizes = (512, 128) if config.smoke else (60_000, 10_000)
    ae = variants.denoising(networks.Dense(shape=dataset.shape, code_dim=8 if config.smoke else config.code_dim))
    options = {"optimizer": optax.adam(1e-3), "key": jax.random.key(0), "batch_size": config.batch_size,
               "validation": dataset.test[: sizes[1]], "patience": 10**9}
    x = jax.device_put(dataset.train[: sizes[0]])
    steps = len(x) // config.batch_size
    _, history = fit(ae, x, epochs=5, **options)
    epochs = 2 if config.smoke else max(1, round(config.interval / float(np.median(history["seconds"][1:]))))
    windows = 1 if config.smoke else config.windows

    def start(turns: _Turns, checkpoint: Checkpoints | None) -> None:
        turns.training = pool.submit(fit, ae, x, epochs=10**6, callbacks=[turns], checkpoint=checkpoint, **options)
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(2) as pool:
        checkpoints = _Timed(Path(folder), configuration={}, every=epochs * steps + max(1, steps // (2 * windows)))
        sides = {"none": _Turns(), "checkpoints": _Turns()}
        try:
            start(sides["none"], None)
            start(sides["checkpoints"], checkpoints)
            seconds = interleaved({side: turns.advance for side, turns in sides.items()}, windows * epochs)
        finally:
            for turns in sides.values():
                turns.end()
        for turns in sides.values():
            turns.training.result()
        newest = Path(folder) / str(checkpoints.steps()[-1])
        size = sum(path.stat().st_size for path in newest.rglob("*") if path.is_file())
    # The warming call is epoch 0, so that round r is epoch r + 1, and the last epoch of a window is that of its save.
    window = {side: each.reshape(windows, epochs).sum(1) for side, each in seconds.items()}
    overhead = 100 * (window["checkpoints"] / window["none"] - 1)
    values = spread("overhead", "%", overhead) | spread("blocking", "s", np.array(checkpoints.blocking)) | spread(
        "write in the background", "s", np.array(checkpoints.writing)) | spread("epoch", "s", seconds["none"])
    total = {side: float(each.sum()) for side, each in window.items()}
    values |= {"overhead of the whole": ("%", [100 * (total["checkpoints"] / total["none"] - 1)]),
               "training": ("s", [total["checkpoints"]]), "checkpoints": ("", [float(windows)]),
               "interval": ("s", [total["checkpoints"] / windows]), "checkpoint": ("MB", [size / 1e6])}
    record.add(name, settings, values, seeds=[0], n=windows)
    return record


if __name__ == "__main__":
    main(tyro.cli(Config, description=__doc__))
