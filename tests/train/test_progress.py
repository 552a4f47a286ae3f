import jax.numpy as jnp
import numpy as np
import pytest

from aejax.errors import TrainingInterruptedError
from aejax.train.checkpoints import Checkpoints
from aejax.train.interruption import Interruption
from aejax.train.progress import Progress
from aejax.train.step import TrainState
from aejax.types import Callback


def progress():
    return Progress(TrainState({"w": np.zeros(2)}, (), np.int32(0)), {"loss": jnp.float32(3)}, None)


def test_an_epoch_is_booked():
    class Stop(Callback):
        def on_epoch_end(self, epoch, logs, state):
            return True
    run, spread = progress(), []
    assert not run.end_epoch({"loss": 1.0, "val_loss": 2.0}, [], 3, 0.5, lambda tree: spread.append(tree) or tree)
    assert (run.epoch, run.waited, run.best_loss, float(run.sums["loss"])) == (1, 0, 2.0, 0.0) and len(spread) == 1
    assert run.end_epoch({"loss": 1.0, "val_loss": 1.6}, [Stop()], 3, 0.5, lambda tree: tree)
    assert (run.waited, run.best_loss, run.history["val_loss"]) == (1, 2.0, [2.0, 1.6])


def test_saved_where_due_and_after_a_signal(tmp_path):
    run, asked = progress(), Interruption()
    with Checkpoints(tmp_path, configuration={}, every=4) as checkpoint:
        for run.step in (3, 5, 6):
            run.save(checkpoint, 10, 3 if run.step == 3 else 2, 0.0, asked)
        checkpoint.wait()
        assert checkpoint.steps() == [5]
        asked.received, run.step = "SIGTERM", 7
        with pytest.raises(TrainingInterruptedError, match="step 7"):
            run.save(checkpoint, 10, 1, 1.5, asked)
        other = progress()
        other.restore(checkpoint)
        assert (other.step, other.seconds) == (7, 1.5)
