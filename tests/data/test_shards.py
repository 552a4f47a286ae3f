import json

import numpy as np
import pytest

from aejax import data
from aejax.data import dataset, shards

RANDOM = np.random.default_rng(0)
X = RANDOM.integers(0, 256, (23, 4, 3, 1), np.uint8)
LABELS = np.arange(23) % 3


@pytest.fixture
def folder(tmp_path):
    """23 examples in files of 5, so that the last has 3."""
    place = tmp_path / "set"
    data.convert({"train": list(zip(X, LABELS, strict=True)), "test": list(zip(X[:2], LABELS, strict=False))}, place,
                 shard_bytes=60)
    return place


def test_what_is_in_them(folder):
    opened = data.open_shards(folder)
    assert len(opened) == 23 and opened.shape == (4, 3, 1) and opened.dtype == np.uint8 and opened.range == (0, 1)
    assert [file.examples for file in opened.files] == [5, 5, 5, 5, 3] and opened.nbytes == X.nbytes
    assert opened.labels.dtype == np.int32 and opened.labels.tolist() == LABELS.tolist()
    assert len(data.open_shards(folder, "test")) == 2
    assert opened.statistics == {"min": X.min(), "max": X.max(), "mean": pytest.approx(X.mean())}
    assert data.is_shards(folder) and not data.is_shards(folder.parent)


@pytest.mark.parametrize("rows", [
    np.arange(23), np.arange(23)[::-1], RANDOM.permutation(23), RANDOM.integers(0, 23, 400), np.array([22]),
    np.array([7, 7, 0, 7]), np.array([], int), np.array([4, 5], np.uint8)])
@pytest.mark.parametrize("shard_bytes", [12, 60, 10**6])
def test_gather_is_numpy_indexing(tmp_path, rows, shard_bytes):
    opened = data.open_shards(data.convert(X, tmp_path / "x", shard_bytes=shard_bytes))
    got = opened.gather(rows)
    np.testing.assert_array_equal(got, X[rows])
    assert got.dtype == np.uint8 and got.flags.c_contiguous and got.flags.writeable


def test_many_more_files_than_are_held_open(tmp_path, monkeypatch):
    monkeypatch.setattr(shards, "MAX_OPEN", 2)
    monkeypatch.setattr(shards, "FEW", 3)
    opened = data.open_shards(data.convert(X, tmp_path / "x", shard_bytes=24))
    rows = RANDOM.permutation(23)
    np.testing.assert_array_equal(opened.gather(rows), X[rows])
    assert opened._map.cache_info().currsize == 2


def test_views(folder):
    opened = data.open_shards(folder)
    rows = RANDOM.permutation(23)[:9]
    view = opened.take(rows)
    assert len(view) == 9 and view.digest != opened.digest
    np.testing.assert_array_equal(view.gather(np.arange(9)), X[rows])
    np.testing.assert_array_equal(view.labels, LABELS[rows])
    np.testing.assert_array_equal(view.take(np.array([8, 0])).gather(np.array([0, 1])), X[rows[[8, 0]]])
    assert len(opened) == 23


@pytest.mark.parametrize("rows, part", [
    (np.array([0, 23]), "0 to 22"), (np.array([-1]), "-1"), (np.array([0.0]), "float64"),
    (np.zeros((1, 1), int), "(1, 1)")])
def test_rows_that_are_none(folder, refused, rows, part):
    opened = data.open_shards(folder)
    asks = [opened._checked]
    if rows.dtype.kind == "i" and rows.ndim == 1:   # else the annotations stop it, in tests alone
        asks += [opened.gather, opened.take]
    for ask in asks:
        with refused(folder, part):
            ask(rows)


def test_damage_is_named(folder, refused):
    target = folder / "train-00001.npy"
    whole = target.read_bytes()
    target.write_bytes(whole[:-1])
    with refused(target, "truncated", "convert"):
        data.open_shards(folder)
    target.write_bytes(whole + b"x")
    with refused(target, "changed"):
        data.open_shards(folder)
    target.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    data.open_shards(folder)
    with refused(target, "sha256"):
        data.open_shards(folder, verify=True)
    target.write_bytes(b"\x93NUMPY" + b"\0" * (len(whole) - 6))
    with refused(target, "cannot be read"):
        data.open_shards(folder).gather(np.arange(10))
    np.save(target, X[:5].reshape(15, 4))   # as many bytes, other examples
    with refused(target, "(15, 4)", "(5, 4, 3, 1)"):
        data.open_shards(folder).gather(np.array([5]))
    target.unlink()
    with refused(target, "No such file"):
        data.open_shards(folder)


def test_damaged_labels_are_named(folder, refused):
    target = folder / "train-00004.labels.npy"
    target.write_bytes(target.read_bytes()[:-4])
    with refused(target, "truncated"):
        data.open_shards(folder)


def test_parts_and_places_that_are_none(folder, refused, tmp_path):
    with refused(folder, "'validation'", "train, test"):
        data.open_shards(folder, "validation")
    with refused(tmp_path, "no index.json"):
        data.open_shards(tmp_path)


def test_loaded_they_are_a_data_set(folder, tmp_path):
    whole = data.load(folder)
    np.testing.assert_array_equal(whole.train, X)
    np.testing.assert_array_equal(whole.test, X[:2])
    assert whole.train_labels.tolist() == LABELS.tolist() and str(folder) in whole.source
    data.convert(X, tmp_path / "alone")
    split = data.load(tmp_path / "alone", seed=3)
    kept, held = dataset.cut(23, 0.2, 3)
    np.testing.assert_array_equal(split.train, X[kept])
    np.testing.assert_array_equal(split.test, X[held])
    assert "80/20 by seed 3" in split.notes[-1]


def test_more_than_is_loaded_into_memory(folder, refused, monkeypatch):
    monkeypatch.setattr(dataset, "MAX_BYTES", 100)
    with refused(folder, "GiB of memory"):
        data.load(folder)
    assert len(data.open_shards(folder).gather(np.arange(23))) == 23


def test_check_says_what_they_are(folder, refused):
    report = data.check(folder)
    assert json.loads(json.dumps(report, allow_nan=False)) == report
    assert report["kind"] == "images" and report["examples"] == {"train": 23, "test": 2}
    assert report["classes"]["train"] == {"0": 8, "1": 8, "2": 7} and report["warnings"] == []
    every = np.concatenate([X, X[:2]])
    assert report["range"] == {"min": every.min(), "max": every.max(), "mean": pytest.approx(every.mean())}
    assert any("6 shards" in note and "checksum" in note for note in report["notes"])
    target = folder / "test-00000.npy"
    target.write_bytes(target.read_bytes()[:-1] + b"\0")
    if target.read_bytes()[-1] != X[1].reshape(-1)[-1]:
        with refused(target, "sha256"):
            data.check(folder)
