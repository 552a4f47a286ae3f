"""Leaves go to the host as copies and come back as what they were."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from aejax.train.leaves import digest, kind, layout, named, place, to_host

LEAVES = {"float": jnp.arange(6.0).reshape(2, 3) + 0.1, "half": jnp.ones(3, jnp.bfloat16), "flag": jnp.array(True),
          "empty": jnp.zeros((0, 3)), "host": np.arange(3), "key": jax.random.key(3),
          "keys": jax.random.split(jax.random.key(4, impl="rbg"), 2)}


@pytest.mark.parametrize("name", LEAVES)
def test_a_leaf_comes_back_as_it_was(name):
    leaf = LEAVES[name]
    array = to_host({name: leaf})[name]
    assert (array.shape, array.dtype) == layout(leaf)
    back = place(array, leaf)
    assert type(back) is type(leaf) and kind(back) == kind(leaf)
    np.testing.assert_array_equal(to_host({"": back})[""], array)


def test_a_copy_on_the_host_outlives_the_buffer():
    leaf = jnp.arange(100_000.0) + 0
    array = to_host({"": leaf})[""]
    assert not np.shares_memory(array, np.asarray(leaf))
    jax.jit(lambda x: x * 0 - 1, donate_argnums=0)(leaf).block_until_ready()
    np.testing.assert_array_equal(array, np.arange(100_000.0))


def test_paths_tell_equal_names_apart():
    assert len(named({"a": {"b": 1, "c": (2, 3)}, "a.b": 4, "a['b']": 5})) == 5


def test_a_digest_sees_path_kind_and_every_byte():
    array = np.arange(6, dtype=np.float32)
    leaf = kind(array)
    changed = array.copy()
    changed.view(np.uint8)[13] ^= 1
    digests = {digest("w", leaf, array), digest("v", leaf, array), digest("w", leaf, changed),
               digest("w", kind(array.reshape(2, 3)), array), digest("w", kind(array.view(np.int32)), array)}
    assert len(digests) == 5
    assert digest("w", leaf, array) == digest("w", leaf, np.repeat(array, 2)[::2])
