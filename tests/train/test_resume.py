"""`fit` with checkpoints: a run that is stopped anywhere and resumed is the uninterrupted run, bit for bit."""

import os
import signal

import chex
import jax
import numpy as np
import optax
import pytest

from aejax import variants
from aejax.train import TrainingInterruptedError, fit
from aejax.train.checkpoints import Checkpoints
from aejax.types import Callback, InputError

KEY = jax.random.key(0)
OPTIMIZER = optax.adam(1e-2)


@pytest.fixture(scope="module")
def run(dense, images):
    ae = variants.denoising(dense)

    def run(folder=None, *, every=3, configuration=None, **options):
        checkpoint = folder and Checkpoints(folder, configuration=configuration or {"seed": 0}, every=every)
        return fit(ae, images[:40], optimizer=OPTIMIZER, key=KEY, batch_size=8, validation=images[40:],
                   checkpoint=checkpoint, **{"epochs": 4} | options)
    return run


@pytest.fixture(scope="module")
def whole(run):
    return run()


class Kill(Callback):
    """Ends a run as a power cut would, after an epoch; or asks it to stop."""

    def __init__(self, epoch, number=None):
        self.epoch, self.number = epoch, number

    def on_epoch_end(self, epoch, logs, state):
        if epoch == self.epoch and self.number is None:
            raise RuntimeError("power cut")
        if epoch == self.epoch:
            os.kill(os.getpid(), self.number)


def same(one, other):
    chex.assert_trees_all_equal(one[0], other[0])
    assert {name: values for name, values in one[1].items() if name != "seconds"} == {
        name: values for name, values in other[1].items() if name != "seconds"}
    assert len(one[1]["seconds"]) == len(other[1]["seconds"])


@pytest.mark.parametrize("every", [1, 3, 5, 7])
def test_checkpoints_change_nothing(run, whole, tmp_path, every):
    same(run(tmp_path / "run", every=every), whole)


@pytest.mark.parametrize(("epoch", "every"), [(0, 3), (1, 3), (2, 7), (3, 4)])
def test_killed_and_resumed_is_uninterrupted(run, whole, tmp_path, epoch, every):
    """The last checkpoint before the cut lies in the middle of an epoch, whose sums go on."""
    with pytest.raises(RuntimeError, match="power cut"):
        run(tmp_path, every=every, callbacks=[Kill(epoch)])
    same(run(tmp_path, every=every, resume=True), whole)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_signals_save_and_stop(run, whole, tmp_path, number):
    with pytest.raises(TrainingInterruptedError, match="at step 10: saved"):
        run(tmp_path, every=100, callbacks=[Kill(1, number)])
    same(run(tmp_path, resume=True), whole)


def test_best_and_patience_go_on(run, tmp_path):
    options = {"epochs": 6, "patience": 1, "min_delta": 1e9}   # the first epoch is the best, the second the last
    whole = run(**options)
    assert len(whole[1]["loss"]) == 2 and int(whole[0].step) == 5
    with pytest.raises(RuntimeError, match="power cut"):
        run(tmp_path, callbacks=[Kill(1)], every=7, **options)
    same(run(tmp_path, resume=True, every=7, **options), whole)


def test_more_epochs_go_on_from_the_end(run, whole, tmp_path):
    run(tmp_path, epochs=2, every=5)
    same(run(tmp_path, every=5, resume=True), whole)
    same(run(tmp_path, every=5, resume=True), whole)   # nothing left to do


def test_nothing_to_resume_is_a_fresh_start(run, whole, tmp_path):
    same(run(tmp_path / "new", resume=True), whole)


def test_refusals(run, tmp_path):
    run(tmp_path, epochs=1)
    with pytest.raises(InputError, match="resume"):
        run(tmp_path)
    with pytest.raises(InputError, match="seed: 0 saved, 1 asked"):
        run(tmp_path, configuration={"seed": 1}, resume=True)


def test_resumed_callbacks_see_the_rest_alone(run, tmp_path):
    class Seen(Callback):
        def __init__(self):
            self.epochs = []

        def on_epoch_end(self, epoch, logs, state):
            self.epochs.append(epoch)

        def on_train_end(self, history):
            self.length = len(history["loss"])
    with pytest.raises(RuntimeError):
        run(tmp_path, every=5, callbacks=[Kill(2)])
    seen = Seen()
    run(tmp_path, every=5, resume=True, callbacks=[seen])
    assert seen.epochs == [2, 3] and seen.length == 4
    assert np.isfinite(run(tmp_path, every=5, resume=True)[1]["seconds"]).all()
