import chex
import jax.numpy as jnp
import numpy as np
import pytest

from aejax.applications.batches import in_batches
from aejax.types import Autoencoder, InputError

ANY = Autoencoder(init=None, encode=None, decode=None, loss=None, range=None)


def plus(ae, shared, batch, *static):
    return {"sum": batch["x"] + shared + batch["y"][:, None] + sum(static), "y": batch["y"]}


X = {"x": np.arange(14.0, dtype=np.float32).reshape(7, 2), "y": np.arange(7, dtype=np.float32)}


@pytest.mark.parametrize("batch_size", [1, 3, 7, 100])
def test_each_example_comes_back_once_in_order(batch_size):
    found = in_batches(plus, ANY, jnp.float32(10), X, batch_size, 1, 2)
    np.testing.assert_array_equal(found["sum"], X["x"] + 13 + X["y"][:, None])
    np.testing.assert_array_equal(found["y"], X["y"])
    assert all(isinstance(leaf, np.ndarray) for leaf in found.values())


def test_one_program_for_all_batches_and_calls():
    traced = chex.assert_max_traces(plus, n=1)
    for _ in range(2):
        in_batches(traced, ANY, jnp.float32(1), X, 3)


@pytest.mark.parametrize(("x", "batch_size", "message"), [
    ({"x": X["x"][:0], "y": X["y"][:0]}, 3, "no examples"), (X, 0, "batch_size must be at least 1, got 0")])
def test_bad_input(x, batch_size, message):
    with pytest.raises(InputError, match=message):
        in_batches(plus, ANY, jnp.float32(1), x, batch_size)
