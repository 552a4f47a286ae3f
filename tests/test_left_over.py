"""What a restorer leaves of a corruption, on autoencoders whose answer is known."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from aejax.left_over import left_over
from aejax.types import Autoencoder

X = np.random.default_rng(0).integers(0, 256, (300, 2, 3, 1), np.uint8)


def noise(key, x):
    return x + 0.1 * jax.random.normal(key, x.shape)


def copier(share):
    """Gives back `share` of its input."""
    return Autoencoder(init=lambda key, x: {}, encode=lambda params, x: x.reshape(x.shape[0], -1),
                       decode=lambda params, code: share * code.reshape(-1, 2, 3, 1), loss=None, range=(0.0, 1.0))


def test_a_copier_leaves_all():
    assert left_over(copier(1.0), {}, X, noise, jax.random.key(0)) == pytest.approx(1, abs=1e-6)


def test_a_shrinking_copier_by_hand():
    x = X / np.float32(255)
    noisy = np.asarray(noise(jax.random.key(3), x))
    wanted = np.square(0.5 * noisy - x).sum() / np.square(noisy - x).sum()
    assert left_over(copier(0.5), {}, X, noise, jax.random.key(3)) == pytest.approx(wanted, rel=1e-5)


def test_no_corruption_leaves_nothing():
    assert left_over(copier(0.5), {}, X, lambda key, x: jnp.asarray(x), jax.random.key(0)) == 0
