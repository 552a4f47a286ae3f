import dataclasses

import numpy as np
import pytest

from aejax import data
from aejax.data import dataset as module


def some(**changes):
    x = np.arange(24, dtype=np.uint8).reshape(2, 3, 4, 1)
    return dataclasses.replace(data.Dataset(x, np.zeros(2, np.int32), x[:1], None, "some"), **changes)


def test_shape_is_that_of_a_datum():
    assert some().shape == (3, 4, 1)


def test_the_digest_depends_on_bytes_shapes_and_dtypes_alone():
    first = some()
    assert first.digest == some(name="other", notes=("x",)).digest and len(first.digest) == 64
    changed = first.train.copy()
    changed[0, 0, 0, 0] ^= 1
    others = [some(train=changed), some(train=first.train.reshape(2, 4, 3, 1)),
              some(train=first.train.view(np.int8)), some(test_labels=np.zeros(1, np.int32)),
              some(train_labels=None),
              some(train=np.asfortranarray(first.train[:, ::-1]))]
    assert len({first.digest, *(other.digest for other in others)}) == 1 + len(others)
    assert some(train=np.asfortranarray(first.train)).digest == first.digest


def test_a_standardiser_knows_its_inverse():
    x = np.random.default_rng(0).normal(50, 7, (200, 3))
    x[:, 1] = 0.1                                  # its computed std is not 0
    scale = data.Standardiser.fit(x)
    z = scale.apply(x)
    assert z.dtype == scale.mean.dtype == scale.std.dtype == np.float32 and scale.std[1] == 1
    np.testing.assert_allclose(z.mean(0), 0, atol=1e-5)
    np.testing.assert_allclose(z.std(0), [1, 0, 1], atol=1e-5)
    np.testing.assert_allclose(scale.invert(z), x, rtol=1e-5)
    np.testing.assert_allclose(z[:, 0], (x[:, 0] - x[:, 0].mean()) / x[:, 0].std(), atol=1e-5)


def test_a_validation_part_is_cut_by_seed_and_order_is_kept():
    x = np.arange(100)
    train, held, labels, held_labels = data.split_validation(x, 0.1, 3, labels=x * 2)
    assert len(held) == 10 and sorted([*train, *held]) == list(range(100))
    assert (np.diff(train) > 0).all() and (np.diff(held) > 0).all()
    np.testing.assert_array_equal(labels, train * 2)
    np.testing.assert_array_equal(held_labels, held * 2)
    np.testing.assert_array_equal(held, data.split_validation(x, 0.1, 3)[1])
    assert held.tolist() != data.split_validation(x, 0.1, 4)[1].tolist()


@pytest.mark.parametrize("fraction", [0, 1, -0.1, 1.5, float("nan"), 0.001, 0.999])
def test_an_empty_part_is_refused(refused, fraction):
    with refused(f"{fraction}"):
        data.split_validation(np.arange(10), fraction, 0)


def test_small_sets_keep_a_training_and_a_test_part():
    for n in range(2, 12):
        kept, held, note = module.hold_out(n, 0, "x")
        assert len(kept) >= 1 and len(held) >= 1 and len(kept) + len(held) == n and "seed 0" in note


def test_labels_become_ranks_of_names():
    parts, names = module.encode_labels({"train": np.array(["cat", "ape"]), "test": np.array(["dog"])}, "x")
    assert names == ("ape", "cat", "dog")
    assert parts["train"].tolist() == [1, 0] and parts["test"].tolist() == [2]
    parts, names = module.encode_labels({"train": np.array([2.0, 0.0]), "test": None}, "x")
    assert names is None and parts["train"].dtype == np.int32 and parts["test"] is None


@pytest.mark.parametrize("labels", [np.array([0.5]), np.array([-1]), np.array([np.nan]), np.array([2**40]),
                                    np.array([1j])])
def test_other_labels_are_refused(refused, labels):
    with refused("x.npz", "labels must be"):
        module.encode_labels({"train": labels}, "x.npz")


def test_too_much_for_memory_is_refused(refused):
    with refused("here", "GiB", "--size"):
        module.check_bytes("here", 10**6, (1000, 1000, 3))
    module.check_bytes("here", 60000, (28, 28, 1))
