import threading
import time

import chex
import jax
import numpy as np
import optax
import pytest

from aejax import variants
from aejax.data import convert, open_shards
from aejax.train import NonFiniteLossError, feed, fit
from aejax.train.checkpoints import Checkpoints
from aejax.types import Callback, InputError

pytest.importorskip("grain")
KEY, OPTIMIZER = jax.random.key(0), optax.adam(1e-2)


@pytest.fixture(scope="module")
def shards(images, tmp_path_factory):
    return open_shards(convert(images, tmp_path_factory.mktemp("shards") / "s", shard_bytes=600))


def test_segments_end_at_epochs_and_checkpoints(shards, images, monkeypatch):
    monkeypatch.setattr(feed, "BLOCK", 4)
    for every, expected in ((None, [7, 7]), (3, [3, 6, 7, 2, 5, 7])):
        options = dict(batch_size=9, epochs=2, start=(0, 0), every=every)
        assert [s.stop for s in feed.segments(images, lambda epoch: np.arange(64), **options)] == expected
    late = feed.segments(images, lambda epoch: np.arange(64), batch_size=9, epochs=2, start=(1, 4), every=None)
    assert [s.stop for s in late] == [7]
    streamed = list(feed.segments(shards, lambda epoch: np.arange(64), batch_size=9, epochs=1, start=(0, 0),
                                  every=None))
    assert [s.stop for s in streamed] == [4, 7] and streamed[0].order is None
    np.testing.assert_array_equal(np.concatenate([s.x for s in streamed]).reshape(63, *images.shape[1:]), images[:63])
    np.testing.assert_array_equal(feed.first_example(shards), feed.first_example(images))


@pytest.mark.parametrize("share", [(0, 1), (1, 3)])
@pytest.mark.parametrize("every", [None, 3])
def test_blocks_from_memory_are_those_from_disk(shards, images, monkeypatch, share, every):
    """Rows 3 to 5 of each batch of 9 are the second of three parts; the run begins in the middle of an epoch."""
    monkeypatch.setattr(feed, "BLOCK", 4)

    def order(epoch):
        return np.random.default_rng(epoch).permutation(64)
    options = dict(batch_size=9, epochs=3, start=(1, 2), every=every, share=share, put=lambda x: x)
    memory, disk = (list(feed.segments(x, order, **options)) for x in (images, shards))
    pairs, _ = zip(*((s.x["image"], s.x["number"]) for s in feed.segments(
        {"image": images, "number": np.arange(64)}, order, **options)), strict=True)
    rows = order(1)[2 * 9:3 * 9].reshape(share[1], -1)[share[0]]
    np.testing.assert_array_equal(memory[0].x[0], images[rows])
    for one, other, pair in zip(memory, disk, pairs, strict=True):
        assert one.stop == other.stop and one.order is None
        np.testing.assert_array_equal(one.x, other.x)
        np.testing.assert_array_equal(one.x, pair)


def test_one_block_is_placed_ahead_and_not_two(images, monkeypatch):
    monkeypatch.setattr(feed, "BLOCK", 1)
    placed = []

    def put(x):
        placed.append(threading.current_thread())
        return x
    blocks = feed.segments(images, lambda epoch: np.arange(64), batch_size=8, epochs=9, start=(0, 0), every=None,
                           put=put)
    for taken in range(1, 5):
        next(blocks)
        time.sleep(0.05)
        assert len(placed) == taken + 1 and threading.main_thread() not in placed
    blocks.close()
    assert len(placed) == 5


@pytest.mark.parametrize("block", [1, 3, 64])
def test_streaming_is_the_resident_run(dense, shards, images, monkeypatch, block):
    monkeypatch.setattr(feed, "BLOCK", block)
    ae = variants.denoising(dense)
    options = dict(optimizer=OPTIMIZER, key=KEY, epochs=3, batch_size=12, validation=images[:9])
    (one, history), (other, streamed) = (fit(ae, x, **options) for x in (images, shards))
    chex.assert_trees_all_close(one, other, rtol=1e-6)
    np.testing.assert_allclose(history["val_loss"], streamed["val_loss"], rtol=1e-6)


def test_streaming_resumes_bitwise(dense, shards, tmp_path, monkeypatch):
    monkeypatch.setattr(feed, "BLOCK", 4)

    class Cut(Callback):
        def on_epoch_end(self, epoch, logs, state):
            if epoch == 1:
                raise RuntimeError("power cut")
    ae = variants.denoising(dense)

    def run(folder, **options):
        return fit(ae, shards, optimizer=OPTIMIZER, key=KEY, epochs=3, batch_size=12, **options,
                   checkpoint=Checkpoints(folder, configuration={}, every=3))
    whole = run(tmp_path / "whole")
    with pytest.raises(RuntimeError, match="power cut"):
        run(tmp_path / "cut", callbacks=[Cut()])
    state, history = run(tmp_path / "cut", resume=True)
    chex.assert_trees_all_equal(state, whole[0])
    assert history["loss"] == whole[1]["loss"]


def test_refusals(dense, shards, images):
    options = dict(optimizer=OPTIMIZER, key=KEY, epochs=1, batch_size=16)
    with pytest.raises(InputError, match="validation must lie in memory"):
        fit(variants.standard(dense), shards, validation=shards, **options)
    with pytest.raises(InputError, match="fewer than a batch"):
        fit(variants.standard(dense), shards, **options | {"batch_size": 65})
    with pytest.raises(NonFiniteLossError, match="step 0"):
        fit(variants.contractive(dense, weight=np.inf), shards, **options)
