import numpy as np
import pytest

from aejax import data

RANDOM = np.random.default_rng(0)
IMAGES = RANDOM.integers(0, 256, (10, 6, 5), np.uint8)


def save(path, *array, **arrays):
    if array:
        np.save(path, array[0])
    else:
        np.savez(path, **arrays)
    return path


def test_an_npz_with_all_four_arrays(tmp_path):
    path = save(tmp_path / "x.npz", train=IMAGES, test=IMAGES[:3], train_labels=np.arange(10),
                test_labels=[2, 1, 0])
    dataset = data.load(path)
    np.testing.assert_array_equal(dataset.train, IMAGES[..., None])
    np.testing.assert_array_equal(dataset.test, IMAGES[:3, ..., None])
    assert dataset.train_labels.tolist() == list(range(10)) and dataset.test_labels.tolist() == [2, 1, 0]
    assert dataset.name == "x" and dataset.range == (0, 1) and dataset.notes == ()
    assert str(path) in dataset.source


def test_a_lone_array_is_split_by_seed_and_says_so(tmp_path):
    for path in (save(tmp_path / "x.npy", IMAGES), save(tmp_path / "y.npz", whatever=IMAGES)):
        dataset = data.load(path, seed=5)
        assert dataset.train.shape == (8, 6, 5, 1) and dataset.test.shape == (2, 6, 5, 1)
        assert "80/20 by seed 5" in dataset.notes[0] and dataset.train_labels is None
        both = np.concatenate([dataset.train, dataset.test])[..., 0]
        assert sorted(map(bytes, both)) == sorted(map(bytes, IMAGES))
        assert data.load(path, seed=6).digest != dataset.digest == data.load(path, seed=5).digest


def test_labels_follow_their_images_through_the_split(tmp_path):
    path = save(tmp_path / "x.npz", train=IMAGES, train_labels=IMAGES[:, 0, 0].astype(np.int64), extra=[1])
    dataset = data.load(path)
    np.testing.assert_array_equal(dataset.train_labels, dataset.train[:, 0, 0, 0])
    np.testing.assert_array_equal(dataset.test_labels, dataset.test[:, 0, 0, 0])
    assert any("ignored" in note and "extra" in note for note in dataset.notes)


@pytest.mark.parametrize(("array", "shape", "dtype", "found"), [
    (IMAGES, (6, 5, 1), np.uint8, (0, 1)),
    (RANDOM.integers(0, 256, (10, 6, 5, 3), np.uint8), (6, 5, 3), np.uint8, (0, 1)),
    (IMAGES.reshape(10, 30), (30,), np.uint8, (0, 1)),
    (IMAGES.astype(np.int64), (6, 5, 1), np.uint8, (0, 1)),
    (IMAGES / 255, (6, 5, 1), np.float32, (0, 1)),
    ((IMAGES / 127.5 - 1).astype(np.float16), (6, 5, 1), np.float32, (-1, 1)),
    ((IMAGES / 255).reshape(10, 30), (30,), np.float32, (0, 1)),
    ((IMAGES / 255.).astype(">f4"), (6, 5, 1), np.float32, (0, 1)),
])
def test_dtypes_and_shapes(tmp_path, array, shape, dtype, found):
    dataset = data.load(save(tmp_path / "x.npz", train=array, test=array))
    assert dataset.shape == shape and dataset.train.dtype == dtype and dataset.range == found
    assert dataset.standardiser is None
    np.testing.assert_allclose(dataset.train.reshape(array.shape), array, rtol=1e-6)
    assert any("converted" in note for note in dataset.notes) == (array.dtype == np.int64)


def test_booleans_become_black_and_white(tmp_path):
    dataset = data.load(save(tmp_path / "x.npz", train=IMAGES > 99, test=IMAGES > 99))
    np.testing.assert_array_equal(dataset.train[..., 0], np.where(IMAGES > 99, 255, 0))
    assert "bool" in dataset.notes[0]


def test_vectors_out_of_range_are_a_table(tmp_path):
    x = RANDOM.normal(5, 3, (50, 4))
    dataset = data.load(save(tmp_path / "x.npy", x))
    assert dataset.range is None and dataset.shape == (4,)
    np.testing.assert_allclose(dataset.train.mean(0), 0, atol=1e-5)      # of the training part alone
    assert abs(dataset.test.mean(0)).max() > 1e-3
    both = np.concatenate([dataset.standardiser.invert(part) for part in (dataset.train, dataset.test)])
    np.testing.assert_allclose(np.sort(both, 0), np.sort(x, 0), rtol=1e-4, atol=1e-5)


NAN = np.where(np.arange(300).reshape(10, 6, 5) == 37, np.nan, 0.5)


@pytest.mark.parametrize(("array", "reasons"), [
    (NAN, ["1 values of train are not finite", "(1, 1, 2)"]),
    (np.full((10, 30), np.inf), ["300 values", "(0, 0)"]),
    (np.full((10, 3), 1e300), ["not finite"]),
    (IMAGES.astype(np.float32), ["outside the range", "min", "max", "[0, 1]", "uint8"]),
    (IMAGES / 100 - 1, ["outside the range"]),
    (IMAGES.astype(int) + 1, ["int64", "256", "0 to 255"]),
    (IMAGES.astype(int) - 300, ["0 to 255"]),
    (np.array([["a"] * 3] * 5), ["<U1"]),
    (IMAGES * 1j, ["complex128"]),
    (np.arange(10), ["(10,)", "examples"]),
    (np.uint8(3), ["()"]),
    (IMAGES[:1], ["1 example,", "at least 2"]),
    (IMAGES[:0], ["0 examples", "at least 2"]),
    (IMAGES[:, :0], ["(10, 0, 5)"]),
])
def test_unfit_arrays_are_refused_by_name(tmp_path, refused, array, reasons):
    path = save(tmp_path / "x.npz", train=array, test=array)
    with refused(path, *reasons):
        data.load(path)


@pytest.mark.parametrize(("arrays", "reason"), [
    ({}, "no arrays"),
    ({"a": IMAGES, "b": IMAGES}, "a, b"),
    ({"train": IMAGES, "test": IMAGES[:, :3]}, "(10, 3, 5)"),
    ({"train": IMAGES, "test": IMAGES[:0]}, "test has 0 examples"),
    ({"train": IMAGES, "test": IMAGES / 255}, "float64 and uint8"),
    ({"train": IMAGES, "train_labels": np.arange(9)}, "train_labels has shape (9,) for 10"),
    ({"train": IMAGES, "test": IMAGES, "test_labels": np.zeros((10, 2))}, "test_labels has shape (10, 2)"),
    ({"train": IMAGES, "train_labels": np.full(10, -1)}, "labels must be"),
])
def test_unfit_files_are_refused_by_name(tmp_path, refused, arrays, reason):
    path = save(tmp_path / "x.npz", **arrays)
    with refused(path, reason):
        data.load(path)


def test_pickled_objects_are_never_loaded(tmp_path, refused):
    objects = np.array([{}, []], dtype=object)
    np.save(tmp_path / "x.npy", objects, allow_pickle=True)
    np.savez(tmp_path / "x.npz", train=objects)
    for path in (tmp_path / "x.npy", tmp_path / "x.npz"):
        with refused(path, "pickle"):
            data.load(path)


def test_damaged_files_are_refused_by_name(tmp_path, refused):
    good = save(tmp_path / "good.npz", train=IMAGES, test=IMAGES).read_bytes()
    npy = save(tmp_path / "good.npy", IMAGES).read_bytes()
    for i, damaged in enumerate((good[:-30], good[:100], b"", b"text", npy[:-5], npy[:50],
                                 good[:200] + good[201:])):
        path = tmp_path / f"bad{i}.np{'y' if i in (4, 5) else 'z'}"
        path.write_bytes(damaged)
        with refused(path, ""):
            data.load(path)
