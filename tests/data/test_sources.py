"""Every kind of source gives, through shards, what `load` gives of it."""

import dataclasses

import numpy as np
import pytest
import tensorflow_datasets as tfds
from PIL import Image

from aejax import data
from aejax.data import sources

RANDOM = np.random.default_rng(0)
X = RANDOM.integers(0, 256, (30, 6, 5), np.uint8)
UNIT = RANDOM.random((30, 7), np.float32)


@pytest.fixture
def same(tmp_path, monkeypatch):
    """(source, **options): asserts that its shards are what `load` gives, and returns that."""
    monkeypatch.setattr(sources, "BLOCK_BYTES", 100)   # a few examples at a time

    def compare(source, **options):
        whole = data.load(source, **options)
        folder = data.convert(source, tmp_path / "shards", shard_bytes=130, overwrite=True, **options)
        for part in ("train", "test"):
            opened = data.open_shards(folder, part, verify=True)
            np.testing.assert_array_equal(opened.gather(np.arange(len(opened))), getattr(whole, part))
            labels = getattr(whole, f"{part}_labels")
            assert (opened.labels is None) if labels is None else opened.labels.tolist() == labels.tolist()
            assert opened.dtype == whole.train.dtype and opened.range == whole.range
            assert opened.label_names == whole.label_names and opened.name == whole.name
            assert sorted(opened.notes) == sorted(whole.notes) and opened.source == whole.source
        return whole
    return compare


@pytest.mark.parametrize("x", [
    X, X[..., None], UNIT, np.sort(2 * UNIT - 1, axis=0), X > 9, X.astype(np.int64), UNIT.astype(np.float64),
    np.asfortranarray(X)],
    ids=["bytes", "channels", "unit", "signed", "bool", "integers", "float64", "fortran"])
def test_one_array(tmp_path, same, x):
    np.save(tmp_path / "x.npy", x)
    same(tmp_path / "x.npy", seed=4)


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_named_arrays(tmp_path, same, save):
    save(tmp_path / "x.npz", train=X, test=X[:4], train_labels=np.arange(30) % 3, test_labels=np.arange(4) % 2, more=X)
    same(tmp_path / "x.npz")
    save(tmp_path / "y.npz", train=X, train_labels=np.where(np.arange(30) % 4, "moss", "bark"))
    assert same(tmp_path / "y.npz", seed=1).label_names == ("bark", "moss")
    same(tmp_path / "y.npz", size=(3, 4), seed=2)


def paint(path, value, size=(6, 5)):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.full((*size, *np.shape(value)), value, np.uint8)).save(path)


def test_pictures(tmp_path, same):
    for i in range(7):
        paint(tmp_path / f"p/{'ab'[i % 2]}/{i}.png", i)
    same(tmp_path / "p", seed=3)
    paint(tmp_path / "p/a/9.png", (1, 2, 3))   # colour, after grey ones
    assert same(tmp_path / "p").shape == (6, 5, 3)
    paint(tmp_path / "p/b/x.png", 7, (9, 8))
    same(tmp_path / "p", size=8)
    for i in range(3):
        paint(tmp_path / f"q/train/{i}.png", i)
        paint(tmp_path / f"q/test/{i}.png", 9 * i)
    same(tmp_path / "q")


def test_unequal_pictures_are_refused_as_by_load(tmp_path, refused):
    for i, size in enumerate([(6, 5)] * 4 + [(9, 8)] * 4):
        paint(tmp_path / f"p/{i}.png", i, size)
    with refused("9x8", "0.png is 6x5", "--size"):
        data.convert(tmp_path / "p", tmp_path / "shards")
    (tmp_path / "p/0.png").write_bytes(b"x")
    with refused(tmp_path / "p/0.png", "cannot be read"):
        data.convert(tmp_path / "p", tmp_path / "shards", size=8)
    assert [path.name for path in tmp_path.iterdir()] == ["p"]


class Textures(tfds.core.GeneratorBasedBuilder, skip_registration=True):
    VERSION = tfds.core.Version("1.0.0")

    def __init__(self, *, splits, **options):
        self.content = splits
        super().__init__(**options)

    def _info(self):
        image = tfds.features.Tensor(shape=(6, 5, 1), dtype=np.uint8, encoding=tfds.features.Encoding.BYTES)
        return tfds.core.DatasetInfo(builder=self, disable_shuffling=True, features=tfds.features.FeaturesDict(
            {"image": image, "label": tfds.features.ClassLabel(names=["moss", "bark"])}))

    def _split_generators(self, dl_manager):
        return {split: self._generate_examples(count) for split, count in self.content.items()}

    def _generate_examples(self, count):
        for i in range(count):
            yield i, {"image": X[i][..., None], "label": i % 2}


def test_prepared_sets(tmp_path, same, refused):
    for name, splits in (("a", {"train": 30, "test": 4}), ("b", {"train": 11, "validation": 3}), ("c", {"train": 12})):
        builder = Textures(data_dir=str(tmp_path / name), file_format="array_record", splits=splits)
        builder.download_and_prepare(download_dir=str(tmp_path / "downloads"))
        same("textures", data_dir=tmp_path / name, seed=5)
        same(tmp_path / name / "textures" / "1.0.0", size=4)
    folder = data.convert(builder.as_data_source("train"), tmp_path / "direct")
    opened = data.open_shards(folder)
    np.testing.assert_array_equal(opened.gather(np.arange(12))[..., 0], X[:12])
    assert opened.labels.tolist() == [0, 1] * 6
    (record,) = (tmp_path / "c").rglob("*train.array_record*")
    record.write_bytes(record.read_bytes()[:-500])
    with refused("cannot be read", "prepare"):
        data.convert("textures", tmp_path / "damaged", data_dir=tmp_path / "c")


def test_a_set_by_name_or_in_memory(same, tmp_path):
    digits = data.load()
    small = dataclasses.replace(digits, train=digits.train[:9], train_labels=digits.train_labels[:9])
    opened = data.open_shards(data.convert(small, tmp_path / "small", size=7))
    assert opened.shape == (7, 7, 1) and opened.labels.tolist() == small.train_labels.tolist()
    opened = data.open_shards(data.convert("mnist_mini", tmp_path / "mini"), "test")
    np.testing.assert_array_equal(opened.gather(np.arange(len(opened))), digits.test)


@pytest.mark.parametrize("values", [
    X, list(X), iter(X), [(x, 1) for x in X], ({"image": x, "label": 1} for x in X), {"train": X},
    [(x, None) for x in X]],
    ids=["array", "list", "iterator", "pairs", "records", "parts", "unlabelled"])
def test_values_of_python(tmp_path, values, monkeypatch):
    monkeypatch.setattr(sources, "BLOCK_BYTES", 100)
    opened = data.open_shards(data.convert(values, tmp_path / "x", name="mine"))
    np.testing.assert_array_equal(opened.gather(np.arange(30))[..., 0], X)
    assert opened.name == "mine" and (opened.labels is None or opened.labels.tolist() == [1] * 30)


@pytest.mark.parametrize("values, parts", [
    (np.zeros((0, 3), np.uint8), ["train", "no example"]), (np.zeros(3), ["example 0", "shape ()"]),
    ([X[0], X[1, :3]], ["example 1", "(3, 5)", "(6, 5)"]), ([np.array(["a"])], ["<U1"]), (3, ["int is no source"]),
    ({"test": X}, ["'train'"]), ({"train": X, "more": X}, ["more"]), ([{"picture": 1}], ["record 0", "picture"]),
    ([(X[0], "moss")], ["'moss' is a name"]), ([(X[0], 1), (X[1], None)], ["0 to 1", "labels"]),
    ([(X[0], -1)], ["whole numbers"]), (UNIT * 3, ["outside", "rows 0 to"]), (X * 2j, ["complex"]),
    (np.where(UNIT > 0.99, np.nan, UNIT), ["not finite"]), ({"train": X, "test": UNIT}, ["parts differ", "float32"])])
def test_values_that_are_no_data(tmp_path, refused, values, parts):
    with refused(*parts):
        data.convert(values, tmp_path / "x")
    assert list(tmp_path.iterdir()) == []


def test_a_value_that_is_not_finite_is_found_where_it_is(tmp_path, refused, monkeypatch):
    monkeypatch.setattr(sources, "BLOCK_BYTES", 100)
    x = UNIT.copy()
    x[21, 3] = np.inf
    np.savez(tmp_path / "x.npz", train=x, test=UNIT)
    with refused(tmp_path / "x.npz", "(21, 3)"):
        data.convert(tmp_path / "x.npz", tmp_path / "s")


def test_what_is_not_converted(tmp_path, refused):
    (tmp_path / "t.csv").write_text("a,b\n1,2\n3,4\n5,6\n7,9\n")
    with refused("table", ".npy"):
        data.convert(tmp_path / "t.csv", tmp_path / "x")
    with refused("no such file"):
        data.convert(tmp_path / "absent.npy", tmp_path / "x")
    with refused("unknown data set 'mnits'", "mnist"):
        data.convert("mnits", tmp_path / "x")
    shards = data.convert(X, tmp_path / "x")
    with refused(shards, "shards already", "open_shards"):
        data.convert(shards, tmp_path / "y")
    with refused("size", "float32"):
        data.convert(UNIT, tmp_path / "y", size=4)
