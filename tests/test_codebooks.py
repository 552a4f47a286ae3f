import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

from aejax import codebooks
from aejax.types import InputError

RNG = np.random.default_rng(0)
BOOK = jnp.asarray(100 + RNG.normal(size=(300, 3)), jnp.float32)   # far from zero


def test_nearest_by_a_loop():
    code = jnp.asarray(100 + RNG.normal(size=(4, 15)), jnp.float32)
    distances = np.array([[[np.square(np.float64(vector) - entry).sum() for entry in np.float64(BOOK)]
                           for vector in row.reshape(5, 3)] for row in np.asarray(code)])
    np.testing.assert_allclose(codebooks.squared_distances(code, BOOK), distances, atol=1e-4)
    np.testing.assert_array_equal(codebooks.indices(code, BOOK), distances.argmin(axis=2))


def test_there_and_back_bit_for_bit():
    numbers = jnp.asarray(RNG.integers(0, 300, (7, 5)), jnp.int32)
    code = codebooks.vectors(numbers, BOOK)
    assert code.shape == (7, 15)
    again = codebooks.indices(code, BOOK)
    np.testing.assert_array_equal(again, numbers)
    np.testing.assert_array_equal(codebooks.vectors(again, BOOK), code)


def test_counts_are_numpys_and_perplexity_scipys():
    numbers = RNG.integers(0, 40, (6, 50))
    found = codebooks.counts(jnp.asarray(numbers), 64)
    np.testing.assert_array_equal(found, np.bincount(numbers.ravel(), minlength=64))
    np.testing.assert_allclose(codebooks.perplexity(found), np.exp(stats.entropy(np.asarray(found))), rtol=1e-5)
    assert float(codebooks.perplexity(jnp.eye(4)[0])) == 1.0
    np.testing.assert_allclose(codebooks.perplexity(jnp.ones(256)), 256, rtol=1e-5)


def test_the_first_of_equal_vectors():
    assert not codebooks.indices(jnp.ones((2, 4)), jnp.ones((5, 2))).any()


def test_a_width_that_does_not_fit():
    with pytest.raises(InputError, match="5 values does not consist of vectors of 3"):
        jax.eval_shape(codebooks.indices, jnp.ones((2, 5)), BOOK)
