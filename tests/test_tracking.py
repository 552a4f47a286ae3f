import struct
import sys

import jax
import numpy as np
import optax
import pytest

from aejax import networks, tracking, variants
from aejax.train import fit
from aejax.types import InputError

NETWORK = networks.Dense(shape=(4, 3, 1), code_dim=2)
X = np.random.default_rng(0).integers(0, 256, (12, 4, 3, 1), np.uint8)


class Recorded(tracking.Tracker):
    """Keeps what it is sent."""

    def __init__(self, **options):
        self.found = []
        super().__init__("nowhere", **options)

    def scalars(self, values, step):
        self.found += [(name, step, value) for name, value in values.items()]

    def histogram(self, name, values, step):
        self.found.append((name, step, values.shape))

    def image(self, name, picture, step):
        self.found.append((name, step, picture.shape))

    def close(self):
        self.found.append("closed")


def trained(*callbacks, ae, epochs=3):
    return fit(ae, X[:8], validation=X[8:], optimizer=optax.sgd(0.1), key=jax.random.key(0), epochs=epochs,
               batch_size=4, callbacks=callbacks)


def test_metrics_come_each_epoch_pictures_and_histograms_every_so_many():
    ae = variants.standard(NETWORK)
    tracker = Recorded(ae=ae, examples=X, every=2)
    state, history = trained(tracker, ae=ae)
    losses = [entry for entry in tracker.found if entry[0] in ("train/loss", "val/loss")]
    assert [(name, step) for name, step, _ in losses] == [
        (name, step) for step in range(3) for name in ("train/loss", "val/loss")]
    assert [value for name, _, value in losses if name == "val/loss"] == history["val_loss"]
    assert [entry for entry in tracker.found if entry[0] == "reconstructions"] == [
        ("reconstructions", step, (8, 24, 1)) for step in (0, 2)]
    kernels = [entry for entry in tracker.found if entry[0] == "parameters/encoder_kernel_0"]
    assert kernels == [("parameters/encoder_kernel_0", step, (24,)) for step in (0, 2)]
    assert tracker.found[-1] == "closed"


def test_the_grid_has_examples_above_and_reconstructions_below():
    ae = variants.standard(NETWORK)
    params = ae.init(jax.random.key(0), X)
    picture = tracking.grid(ae, params, X[:2])
    assert picture.dtype == np.uint8 and picture.shape == (8, 6, 1)
    np.testing.assert_array_equal(picture[:4], np.concatenate(list(X[:2]), axis=1))
    below = np.concatenate(list(np.asarray(ae.decode(params, ae.encode(params, X[:2])))), axis=1)
    np.testing.assert_allclose(picture[4:], 255 * below, atol=0.51)


def test_rows_of_a_table_have_no_grid():
    ae = variants.standard(networks.Dense(shape=(12,), code_dim=2))
    tracker = Recorded(ae=ae, examples=X.reshape(12, 12))
    assert tracker.examples is None


@pytest.mark.parametrize(("names", "message"), [
    (["tensorbord"], "unknown tracker 'tensorbord': one of tensorboard, wandb"), ([""], "unknown tracker ''")])
def test_unknown_names_are_refused(names, message):
    with pytest.raises(InputError, match=message):
        tracking.check(names)


@pytest.mark.parametrize("name", tracking.PACKAGES)
def test_a_missing_package_names_its_extra(name, monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, tracking.PACKAGES[name], None)
    with pytest.raises(InputError, match=rf"not installed: pip install 'aejax\[{name}\]'"):
        tracking.trackers([name], tmp_path, ae=variants.standard(NETWORK), examples=X, config={})
    assert not list(tmp_path.iterdir())


def test_epochs_between_grids_are_at_least_one():
    with pytest.raises(InputError, match="every is a number of epochs from 1 on, got 0"):
        Recorded(every=0)


def test_event_files_hold_what_was_sent(tmp_path):
    pytest.importorskip("tensorboardX", reason="the extra tensorboard is not installed")
    ae = variants.standard(NETWORK)
    follower, = tracking.trackers(["tensorboard", "tensorboard"], tmp_path, ae=ae, examples=X, config={})
    _, history = trained(follower, ae=ae)
    values = [value for event in events(tmp_path / "tensorboard") for value in event.summary.value]
    np.testing.assert_allclose([value.simple_value for value in values if value.tag == "val/loss"], history["val_loss"],
                               rtol=1e-6)
    histogram = next(value.histo for value in values if value.tag == "parameters/encoder_kernel_0")
    assert histogram.num == 24
    assert [(value.image.height, value.image.width) for value in values if value.tag == "reconstructions"] == [
        (8, 24)] * 3


def test_a_resumed_run_takes_back_what_was_lost(tmp_path):
    pytest.importorskip("tensorboardX", reason="the extra tensorboard is not installed")
    follower = tracking.TensorBoard(tmp_path)
    follower.on_train_begin({"history": {"loss": [1.0, 2.0]}})
    follower.on_epoch_end(2, {"loss": 3.0}, None)
    follower.on_train_end({})
    starts = [event.step for event in events(tmp_path) if event.HasField("session_log")]
    assert 2 in starts


def events(folder):
    """Of all event files: records of length, checksum, content, checksum."""
    from tensorboardX.proto.event_pb2 import Event
    for path in sorted(folder.iterdir()):
        content, place = path.read_bytes(), 0
        while place < len(content):
            size, = struct.unpack_from("<Q", content, place)
            yield Event.FromString(content[place + 12: place + 12 + size])
            place += size + 16


def test_weights_and_biases_stays_offline(tmp_path, monkeypatch):
    pytest.importorskip("wandb", reason="the extra wandb is not installed")
    monkeypatch.delenv("WANDB_MODE", raising=False)
    ae = variants.standard(NETWORK)
    follower, = tracking.trackers(["wandb"], tmp_path / "run", ae=ae, examples=X, config={"variant": "standard"})
    trained(follower, ae=ae)
    assert list((tmp_path / "run" / "wandb").glob("wandb/offline-run-*/run-*.wandb"))
    assert follower.run.settings.mode == "offline" and follower.run.name == "run"
