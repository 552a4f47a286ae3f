from pathlib import Path

import numpy as np

from aejax import data
from aejax.data import digits, idx


def test_every_digit_is_there_equally_often():
    dataset = data.load()
    assert dataset.name == "mnist_mini" and dataset.range == (0, 1) and dataset.notes == ()
    assert dataset.train.shape == (10000, 28, 28, 1) and dataset.test.shape == (2000, 28, 28, 1)
    assert dataset.train.dtype == np.uint8 and dataset.train.min() == 0 and dataset.train.max() == 255
    assert np.bincount(dataset.train_labels).tolist() == [1000] * 10
    assert np.bincount(dataset.test_labels).tolist() == [200] * 10


def test_it_is_small_and_its_licence_lies_beside_it():
    assert digits.PATH.stat().st_size < 2_500_000
    licence = (digits.PATH.parent / "LICENSE-mnist.md").read_text()
    assert all(word in licence for word in ("CC BY-SA 3.0", "LeCun", "Cortes", "Burges"))


def test_it_is_the_selection_from_the_full_set(full_sets):
    folder = Path(full_sets) / "mnist"
    images, labels, test, test_labels = idx.read_set(idx.find(folder if folder.is_dir() else Path(full_sets)))
    dataset = data.load("mnist_mini")
    for found, count, x, y in ((dataset.train, 1000, images, labels), (dataset.test, 200, test, test_labels)):
        np.testing.assert_array_equal(found[..., 0], digits.select(x, y, count)[0])
    np.testing.assert_array_equal(dataset.train_labels, digits.select(images, labels, 1000)[1])
    np.testing.assert_array_equal(dataset.test_labels, digits.select(test, test_labels, 200)[1])


def test_selection_takes_the_first_of_each_in_order():
    images = np.arange(8, dtype=np.uint8).reshape(8, 1, 1)
    chosen, labels = digits.select(images, np.array([3, 1, 1, 3, 1, 3, 3, 1]), 2)
    assert chosen.ravel().tolist() == [0, 1, 2, 3] and labels.tolist() == [3, 1, 1, 3]
