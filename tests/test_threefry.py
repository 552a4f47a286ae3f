"""JAX's generator is the oracle; the numbers made of its words are what they are called."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.extend.random import threefry_2x32
from scipy import stats

from aejax import threefry

KEY = jax.random.key(7)


@pytest.mark.parametrize("key", [KEY, jax.random.key(2**32 - 1)])
def test_the_rounds_are_those_of_jax(key):
    data = jax.random.key_data(key)
    counters = jnp.asarray(np.random.default_rng(0).integers(0, 2**32, 20, np.uint32))
    np.testing.assert_array_equal(jnp.concatenate(threefry.threefry(data, counters[:10], counters[10:])),
                                  threefry_2x32(data, counters))


@pytest.mark.parametrize("impl", ["threefry2x32", "rbg"])
def test_keys_are_those_of_jax_for_any_generator(impl):
    key = jax.random.key(3, impl=impl)
    assert all(threefry.fold_in(key, data) == jax.random.fold_in(key, data) for data in (0, 1, 2**31 - 1))
    for number in (2, 3):
        assert all(one == other for one, other in zip(threefry.split(key, number), jax.random.split(key, number),
                                                      strict=True))


def test_keys_under_vmap_and_with_the_older_counters():
    keys = jax.random.split(KEY, 4)
    ours, theirs = (jax.vmap(lambda key, split=split: split(key)[1])(keys) for split in (threefry.split,
                                                                                         jax.random.split))
    assert (ours == theirs).all()
    with jax.threefry_partitionable(False):
        assert threefry.split(KEY)[1] == jax.random.split(KEY)[1]


def test_words_are_uniform_and_rows_do_not_depend_on_how_many():
    words = np.asarray(threefry.words(KEY, 300, 101))
    assert words.shape == (300, 101) and len(np.unique(words)) > words.size - 3   # 0.1 equal pairs are expected
    counts = np.bincount(words.view(np.uint8).ravel(), minlength=256)
    assert stats.chisquare(counts).pvalue > 0.001
    np.testing.assert_array_equal(threefry.words(KEY, 5, 101), words[:5])
    assert not (np.asarray(threefry.words(jax.random.key(8), 300, 101)) == words).any()


def test_another_generator_gives_words_too():
    words = np.asarray(threefry.words(jax.random.key(0, impl="unsafe_rbg"), 100, 8))
    assert words.dtype == np.uint32 and abs(words.mean() / 2**32 - 0.5) < 0.05


@pytest.mark.parametrize(("draw", "law"), [(threefry.uniform, stats.uniform()), (threefry.normal, stats.norm())])
def test_draws_follow_their_law(draw, law):
    values = np.asarray(draw(KEY, 200, 501), np.float64)
    assert stats.kstest(values.ravel(), law.cdf).pvalue > 0.001
    assert abs(np.corrcoef(values[:, 1:].ravel(), values[:, :-1].ravel())[0, 1]) < 5 / values.size**0.5
    assert abs(np.corrcoef(values[:, :250].ravel(), values[:, 251:].ravel()[:50_000])[0, 1]) < 5 / 50_000**0.5


def test_the_ends_of_the_normal_are_finite():
    """The least and the greatest fraction, by the same formula."""
    ends = jnp.array([0.0, 1.0 - 2.0**-23])
    values = np.asarray(jnp.sqrt(2.0) * jax.lax.erf_inv(2.0 * ends - (1.0 - 2.0**-23)))
    assert np.isfinite(values).all() and values[0] == -values[1] and 5 < values[1] < 5.5
