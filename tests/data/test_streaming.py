import json
import subprocess
import sys

import jax
import numpy as np
import pytest

from aejax import data
from aejax.data import streaming
from aejax.train.resident import batch_at
from aejax.train.step import epoch_order

RANDOM = np.random.default_rng(0)
X = RANDOM.integers(0, 256, (23, 2, 3), np.uint8)[..., None]
BATCH, STEPS, EPOCHS = 3, 4, 3   # 7 steps an epoch, in blocks of 4 and 3


@pytest.fixture
def shards(tmp_path):
    return data.open_shards(data.convert(X, tmp_path / "x", shard_bytes=30))


def order(epoch):
    return np.random.default_rng(epoch).permutation(len(X))


def flat(stream):
    """{(epoch, step): batch} of a stream."""
    return {(epoch, first + i): np.asarray(batch) for epoch, first, block in stream for i, batch in enumerate(block)}


def start_at(shards, **changes):
    options = {"batch_size": BATCH, "steps": STEPS, "epochs": EPOCHS} | changes
    return streaming.blocks(shards, order, **options)


def test_blocks_are_the_permuted_examples(shards):
    expected = []
    for epoch in range(EPOCHS):
        batches = X[order(epoch)][:21].reshape(7, BATCH, 2, 3, 1)
        expected += [(epoch, 0, batches[:4]), (epoch, 4, batches[4:])]
    found = list(start_at(shards))
    assert [block[:2] for block in found] == [block[:2] for block in expected]
    for block, (_, _, batches) in zip(found, expected, strict=True):
        assert isinstance(block.examples, jax.Array) and block.examples.dtype == np.uint8
        np.testing.assert_array_equal(block.examples, batches)


def test_the_batches_are_those_of_a_resident_run(shards):
    key = jax.random.key(5)
    streamed = flat(streaming.blocks(shards, lambda epoch: epoch_order(key, epoch, len(X)), batch_size=5, steps=3,
                                     epochs=2))
    assert len(streamed) == 8
    for (epoch, step), batch in streamed.items():
        rows = jax.numpy.asarray(epoch_order(key, epoch, len(X)))
        np.testing.assert_array_equal(batch, batch_at(jax.numpy.asarray(X), rows, step, 5))


@pytest.mark.parametrize("epoch", range(EPOCHS))
@pytest.mark.parametrize("step", range(8))   # also within a block, and at an epoch's end
def test_every_position_continues_the_whole_run(shards, epoch, step):
    whole = flat(start_at(shards))
    rest = {place: batch for place, batch in whole.items() if place >= (epoch, step)}
    stream = start_at(shards)
    next(stream)
    stream.restore({"epoch": epoch, "step": step})
    for resumed in (start_at(shards, start=(epoch, step)), stream):
        place = (epoch, step) if step < 7 else (epoch + 1, 0)
        assert tuple(resumed.state().values()) == place
        found = flat(resumed)
        assert found.keys() == rest.keys()
        for at in rest:
            np.testing.assert_array_equal(found[at], rest[at])


def test_the_state_is_the_position_after_what_was_taken(shards):
    stream = start_at(shards, start=(0, 2))
    places = [stream.state()]
    for _ in stream:
        places.append(stream.state())
    assert [tuple(place.values()) for place in places] == [(0, 2), (0, 4), (1, 0), (1, 4), (2, 0), (2, 4), (3, 0)]
    assert json.loads(json.dumps(places)) == places
    stream.restore(places[1])   # from the very end
    assert next(stream)[:2] == (0, 4)
    stream.restore(places[0])
    assert [block.examples.shape[0] for block in stream] == [2, 3, 4, 3, 4, 3]


def test_grains_own_state_is_the_number_of_blocks(shards):
    stream = start_at(shards)
    next(stream), next(stream), next(stream)
    assert stream._iterator.get_state() == {"next_index": 3}
    stream._iterator.set_state({"next_index": 1})
    assert stream.state() == {"epoch": 0, "step": 4} and next(stream)[:2] == (0, 4)


def test_processes_share_every_batch(shards):
    whole = flat(start_at(shards, batch_size=6))
    parts = [flat(start_at(shards, batch_size=6, process_index=i, process_count=3)) for i in range(3)]
    for place, batch in whole.items():
        assert {part[place].shape for part in parts} == {(2, 2, 3, 1)}
        np.testing.assert_array_equal(np.concatenate([part[place] for part in parts]), batch)


def test_no_more_than_two_orders_are_kept_and_none_is_asked_for_twice(shards):
    asked = []
    def watched(epoch):
        asked.append(epoch)
        return order(epoch)
    stream = streaming.blocks(shards, watched, batch_size=BATCH, steps=2, epochs=4)
    for _ in stream:
        assert stream._source.order.cache_info().currsize <= 2
    assert asked == [0, 1, 2, 3]


def test_one_block_is_read_ahead_and_not_two(shards):
    placed = []
    def put(x):
        placed.append(len(x))
        return x
    stream = start_at(shards, put=put)
    for taken in range(1, 4):
        assert isinstance(next(stream).examples, np.ndarray)
        stream._iterator._buffer[0].result()   # what is being read ahead is ready
        assert len(placed) == taken + 1 and len(stream._iterator._buffer) == 1


def test_the_end_early(shards):
    with start_at(shards) as stream:
        next(stream)
    with pytest.raises(ValueError, match="closed"):
        next(stream)
    assert list(start_at(shards, start=(EPOCHS, 0))) == []


@pytest.mark.parametrize("changes, parts", [
    ({"batch_size": 0}, ["batch_size", "at least 1"]), ({"steps": 0}, ["steps"]), ({"epochs": 0}, ["epochs"]),
    ({"batch_size": 24}, ["23 examples", "batch of 24"]),
    ({"process_count": 2}, ["multiple of 2"]), ({"process_index": 1}, ["process_index", "0 to 0"]),
    ({"start": (3, 1)}, ["epoch 3, step 1", "3 epochs of 7 steps"]), ({"start": (0, 9)}, ["step 9"]),
    ({"start": (-1, 0)}, ["epoch -1"])])
def test_bad_arguments(shards, refused, changes, parts):
    with refused(*parts):
        start_at(shards, **changes)


@pytest.mark.parametrize("bad, part", [
    (np.arange(22), "(22,)"), (np.zeros(23), "float64"), (np.zeros(23, int), "22 of 23"),
    (np.arange(1, 24), "1 of 23")])
def test_an_order_that_is_no_permutation(shards, refused, bad, part):
    with refused("order(0)", part):
        next(streaming.blocks(shards, lambda epoch: bad, batch_size=BATCH, steps=STEPS, epochs=1))


def test_a_position_that_is_none(shards, refused):
    with refused("step must be a whole number", "1.5"):
        streaming._whole("step", 1.5)   # what the annotations would stop here, but not outside of tests
    with refused("position", "epoc"):
        start_at(shards).restore({"epoc": 1})


def test_damage_met_on_the_way_is_named(shards, refused):
    target = shards.files[2].path
    target.write_bytes(b"x" * shards.files[2].bytes)
    with refused(target, "cannot be read"):
        list(start_at(shards))


def test_without_grain_the_remedy_is_named(shards, refused, monkeypatch):
    monkeypatch.setitem(sys.modules, "grain", None)
    with refused("pip install 'aejax[stream]'"):
        start_at(shards)


def test_sequential_gives_all_once(shards, refused):
    batches = list(streaming.sequential(shards, 5))
    assert [len(batch) for batch in batches] == [5, 5, 5, 5, 3]
    np.testing.assert_array_equal(np.concatenate(batches), X)
    rows = np.array([20, 3, 4])
    np.testing.assert_array_equal(np.concatenate(list(streaming.sequential(shards.take(rows), 2))), X[rows])
    with refused("batch_size"):
        streaming.sequential(shards, 0)


def test_importing_the_data_package_imports_neither_grain_nor_jax():
    code = "import sys, aejax.data, aejax.data.streaming; print(sorted({'grain', 'jax'} & sys.modules.keys()))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


MEMORY = """
import sys
import numpy as np
from aejax import data
from aejax.data.streaming import blocks
shards = data.open_shards(sys.argv[1])
order = lambda epoch: np.random.default_rng(epoch).permutation(len(shards))
peak = total = 0
for block in blocks(shards, order, batch_size=128, steps=8, epochs=2):
    total += block.examples.shape[0]
    for line in open("/proc/self/status"):
        if line.startswith("RssAnon"):
            peak = max(peak, int(line.split()[1]))
print(peak, total)
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="RssAnon is Linux's")
def test_anonymous_memory_stays_flat_as_the_data_grow(tmp_path):
    peaks = {}
    for scale in (1, 4):
        picture = np.arange(784, dtype=np.uint8).reshape(28, 28, 1)
        examples = 26_000 * scale   # of 784 bytes: 20 and 80 MB
        folder = data.convert((picture for _ in range(examples)), tmp_path / str(scale), shard_bytes=8 * 2**20)
        done = subprocess.run([sys.executable, "-c", MEMORY, str(folder)], capture_output=True, text=True, check=True)
        peak, total = map(int, done.stdout.split())
        assert total == 2 * (examples // 128)
        peaks[scale] = peak
    assert peaks[4] <= 1.1 * peaks[1], peaks
