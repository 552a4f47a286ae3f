"""Where a training run stands: all that a checkpoint must hold for the resumed run to be the uninterrupted one."""

import dataclasses
import logging
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from aejax.errors import TrainingInterruptedError
from aejax.train.checkpoints import Checkpoints
from aejax.train.hosts import agreed
from aejax.train.interruption import Interruption
from aejax.train.step import TrainState
from aejax.types import Callback, Metrics

logger = logging.getLogger("aejax")
History = dict[str, list[float]]


@dataclasses.dataclass
class Progress:
    """The state and what has been counted. `sums` are of the unfinished epoch, `step` is of the epoch, `seconds` were
    spent on the unfinished epoch before an interruption."""

    state: TrainState
    sums: Metrics
    best: TrainState | None
    epoch: int = 0
    step: int = 0
    best_loss: float = np.inf
    waited: int = 0
    seconds: float = 0.0
    history: History = dataclasses.field(default_factory=dict)

    def end_epoch(self, logs: dict[str, float], callbacks: Sequence[Callback], patience: int | None, min_delta: float,
                  spread: Callable[[Any], Any]) -> bool:
        """Books a finished epoch; whether a callback asks to stop. `spread` puts new sums where training wants them."""
        for name, value in logs.items():
            self.history.setdefault(name, []).append(value)
        stop = [callback.on_epoch_end(self.epoch, logs, self.state) for callback in callbacks]
        if patience is not None:
            self.waited += 1
            if logs["val_loss"] < self.best_loss - min_delta:
                self.best_loss, self.waited = logs["val_loss"], 0
                self.best = jax.tree.map(jnp.copy, self.state)   # the next epoch takes the buffers of `state`
        self.epoch, self.step, self.seconds = self.epoch + 1, 0, 0.0
        self.sums = spread(jax.tree.map(lambda leaf: jnp.zeros(leaf.shape, leaf.dtype), self.sums))
        return any(stop)

    def save(self, checkpoint: Checkpoints | None, steps: int, just_taken: int, seconds: float,
             interruption: Interruption | None) -> None:
        """Saves where a checkpoint is due or a signal came, to any process; stops after a signal."""
        if checkpoint is None:
            return
        received = agreed(interruption.received)
        taken = self.epoch * steps + self.step
        if taken // checkpoint.every > (taken - just_taken) // checkpoint.every or received:
            losses = self.history.get("val_loss") or self.history.get("loss")
            meta = {"epoch": self.epoch, "step": self.step, "best_loss": self.best_loss, "waited": self.waited,
                    "history": self.history, "seconds": seconds}
            checkpoint.save(taken, self._tree(), meta=meta, loss=losses and losses[-1])
        if received:
            checkpoint.wait()
            raise TrainingInterruptedError(received, taken)

    def restore(self, checkpoint: Checkpoints) -> None:
        """Goes to where the newest checkpoint was; nothing happens where there is none."""
        found = checkpoint.restore(self._tree())
        if found is None:
            return
        step, tree, meta = found
        logger.info("resumed at step %d", step)
        for name, value in (tree | meta).items():
            setattr(self, name, value)

    def _tree(self) -> dict[str, Any]:
        return {"state": self.state, "sums": self.sums, "best": self.best}
