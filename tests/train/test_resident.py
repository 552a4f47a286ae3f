import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from aejax.train.resident import Packed, batch_at, resident, take

ROWS = jnp.array([6, 0, 5])


def test_batches_of_a_pytree():
    x = {"a": jnp.arange(10), "b": jnp.arange(20).reshape(10, 2)}
    batch = batch_at(resident(x), jnp.arange(10)[::-1], 1, 3)
    np.testing.assert_array_equal(batch["a"], [6, 5, 4])
    chex.assert_shape(batch["b"], (3, 2))


@pytest.mark.parametrize(("shape", "packed"), [((28, 28, 1), True), ((3, 4), True), ((8,), True), ((5, 3), False),
                                               ((), False)])
@pytest.mark.parametrize("on_device", [False, True])
def test_what_is_taken_is_what_was_there(shape, packed, on_device):
    x = np.random.default_rng(0).integers(0, 256, (7, *shape)).astype(np.uint8)
    placed = resident(jnp.asarray(x) if on_device else x)
    assert isinstance(placed, Packed) == packed
    found = jax.jit(take)(placed, ROWS)
    assert found.dtype == np.uint8
    np.testing.assert_array_equal(found, x[ROWS])


def test_a_strided_view_is_read_in_its_own_order():
    x = np.random.default_rng(0).integers(0, 256, (7, 8, 4)).astype(np.uint8).transpose(0, 2, 1)
    np.testing.assert_array_equal(take(resident(x), ROWS), x[ROWS])


def test_floats_are_not_packed_and_placing_twice_is_placing_once():
    x = np.ones((7, 4), np.float32)
    assert isinstance(resident(x), jax.Array)
    once = resident(np.zeros((7, 4), np.uint8))
    assert resident(once).words is once.words
