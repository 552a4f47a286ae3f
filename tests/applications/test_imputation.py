import jax
import numpy as np
import optax
import pytest

from aejax import networks
from aejax.applications.imputation import impute, imputing_autoencoder
from aejax.losses import squared_error
from aejax.train import fit
from aejax.types import InputError, Masked

TABLE = squared_error(activation="identity", range=None)


@pytest.fixture(scope="module")
def pairs():
    """The second column is minus the first one."""
    first = np.random.default_rng(0).normal(size=(512, 1)).astype(np.float32)
    return np.concatenate([first, -first], axis=1)


@pytest.fixture(scope="module")
def trained(pairs):
    ae = imputing_autoencoder(networks.Dense(shape=(2,), code_dim=4, widths=(16,), code_activation="identity"),
                              rate=0.4, reconstruction=TABLE)
    known = np.random.default_rng(1).random(pairs.shape) < 0.7
    x = Masked(np.where(known, pairs, 0), known)
    state, history = fit(ae, x, optimizer=optax.adam(1e-2), key=jax.random.key(0), epochs=40, batch_size=64)
    return ae, state.params, history


def test_a_dependence_is_learned_from_incomplete_rows(trained, pairs):
    ae, params, history = trained
    assert history["loss"][-1] < 0.7 * history["loss"][0]
    known = np.array([[True, False], [False, True]] * 20)
    found = impute(ae, params, pairs[:40], known)
    np.testing.assert_array_equal(found[known], pairs[:40][known])
    assert ((found - pairs[:40])[~known] ** 2).mean() < 0.1 * (pairs[:40][~known] ** 2).mean()


def test_what_stands_at_unknown_places_does_not_matter(trained, pairs):
    ae, params, _ = trained
    known = np.arange(2)[None] == np.zeros((40, 1))
    for other in (np.nan, np.inf, 1e30):
        x = np.where(known, pairs[:40], np.float32(other))
        np.testing.assert_array_equal(impute(ae, params, x, known), impute(ae, params, pairs[:40], known))
    losses = [ae.loss(params, jax.random.key(0), Masked(np.where(known, pairs[:40], fill).astype(np.float32), known))[0]
              for fill in (0.0, 7.0)]
    assert losses[0] == losses[1]


def test_all_known_is_the_same_as_no_mask(trained, pairs):
    ae, params, _ = trained
    assert ae.loss(params, jax.random.key(1), pairs)[0] == ae.loss(
        params, jax.random.key(1), Masked(pairs, np.ones(pairs.shape, bool)))[0]


def test_flat_pictures_and_uint8(images):
    ae = imputing_autoencoder(networks.Dense(shape=(6, 5, 1), code_dim=3))
    params = ae.init(jax.random.key(0), images)
    known = np.random.default_rng(0).random(images.shape) < 0.5
    floats = images.astype(np.float32) / 255
    code = ae.encode(params, Masked(images, known))
    np.testing.assert_allclose(code, ae.encode(params, Masked(floats, known)), atol=1e-6)
    assert impute(ae, params, floats, known).shape == images.shape


@pytest.mark.parametrize(("x", "known", "words"), [
    (np.ones((2, 2), int), np.ones((2, 2), bool), "pass floats"), (np.ones((2, 2)), np.ones((2, 1), bool), "mask"),
    (np.full((2, 2), np.nan), np.ones((2, 2), bool), "4 values that should be known")])
def test_unusable_input(trained, x, known, words):
    with pytest.raises(InputError, match=words):
        impute(*trained[:2], x, known)
