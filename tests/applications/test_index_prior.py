import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from aejax import codebooks
from aejax.applications.index_prior import (
    IndexPrior,
    autoregressive,
    bits_per_dimension,
    grid_of,
    index_trainer,
)
from aejax.applications.priors import Prior
from aejax.types import InputError

KEY = jax.random.key(0)
BOOK = np.array([[0.0, 1.0], [1.0, 0.0], [5.0, 5.0]], np.float32)
SMALL = {"radius": 1, "embedding": 4, "width": 8}


def _stirred(grid, **options):
    """A prior with random parameters, biases and places included."""
    params = index_trainer(grid, 3, **(SMALL | options)).init(KEY, np.zeros((1, grid[0] * grid[1]), np.int32))
    leaves, tree = jax.tree.flatten(params)
    keys = jax.random.split(KEY, len(leaves))
    radius = (SMALL | options)["radius"]
    return IndexPrior(BOOK, np.array([radius], np.int32), jax.tree.unflatten(
        tree, [leaf + jax.random.normal(k, leaf.shape) for leaf, k in zip(leaves, keys, strict=True)]))


def _codes(indices):
    return np.asarray(codebooks.vectors(jnp.asarray(indices), jnp.asarray(BOOK)))


@pytest.fixture(scope="module")
def stripes():
    """Sequences 0 1 2 0 1 2 … from any start: one free choice, the rest follows."""
    start = np.random.default_rng(0).integers(0, 3, (300, 1))
    return (start + np.arange(6)[None]) % 3


@pytest.fixture(scope="module")
def learnt(stripes):
    return autoregressive(_codes(stripes), BOOK, key=KEY, grid=(2, 3), epochs=30, batch_size=30, learning_rate=1e-2,
                          radius=2, embedding=4, width=16)


@pytest.mark.parametrize("grid", [(2, 2), (1, 4)])
def test_probabilities_of_all_codes_add_up_to_one(grid):
    prior = _stirred(grid)
    every = np.array(list(itertools.product(range(3), repeat=4)), np.int32)
    found = np.exp(np.asarray(prior.log_density(_codes(every)), np.float64))
    assert found.sum() == pytest.approx(1, abs=1e-5) and found.std() > 1e-3
    assert isinstance(prior, Prior) and prior.grid == grid


def test_samples_come_as_often_as_their_probability_says():
    prior = _stirred((2, 2))
    drawn = np.asarray(prior.sample_indices(KEY, 20_000))
    every = np.array(list(itertools.product(range(3), repeat=4)), np.int32)
    shares = np.bincount(drawn @ [27, 9, 3, 1], minlength=81) / len(drawn)
    np.testing.assert_allclose(shares, np.exp(prior.log_density(_codes(every))), atol=0.015)


def test_a_rule_is_learnt(learnt, stripes):
    nats = -np.asarray(learnt.log_density(_codes(stripes)))
    np.testing.assert_allclose(nats.mean(), np.log(3), atol=0.1)
    drawn = np.asarray(learnt.sample_indices(KEY, 200))
    assert (np.diff(drawn, axis=1) % 3 == 1).mean() > 0.97 and len(np.unique(drawn[:, 0])) == 3
    np.testing.assert_array_equal(learnt.sample(KEY, 200), _codes(drawn))
    bits = bits_per_dimension(learnt, _codes(stripes[:4]), 12)
    np.testing.assert_allclose(bits, nats[:4] / np.log(2) / 12, rtol=1e-6)


def test_temperature_zero_takes_the_likeliest(learnt):
    drawn = np.asarray(learnt.sample_indices(KEY, 50, temperature=0.0))
    assert (drawn == drawn[:1]).all()


def test_a_square_or_a_line():
    assert grid_of(9) == (3, 3) and grid_of(6) == (1, 6) and grid_of(6, (2, 3)) == (2, 3)


@pytest.mark.parametrize("options, words", [
    ({"grid": (2, 2)}, "2x2 for codes of 6 positions"), ({"radius": 0}, "radius"),
    ({"epochs": 0}, "epochs must be at least 1")])
def test_what_cannot_be_is_one_line(stripes, options, words):
    with pytest.raises(InputError, match=words):
        autoregressive(_codes(stripes), BOOK, key=KEY, **options)


def test_one_code_is_too_few(stripes):
    with pytest.raises(InputError, match="at least two codes"):
        autoregressive(_codes(stripes[:1]), BOOK, key=KEY)
    with pytest.raises(InputError, match="no code"):
        index_trainer((1, 2), 3).decode({}, stripes)
