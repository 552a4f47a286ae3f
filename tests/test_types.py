import subprocess
import sys

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import aejax
from aejax import corruptions, networks
from aejax.applications.reconstruction import encode, reconstruct
from aejax.train import evaluate, fit
from aejax.types import Autoencoder, Callback, Corruption, Network

X = np.random.default_rng(0).random((12, 5)).astype(np.float32)


def by_hand(**fields):
    """A linear autoencoder of code dimension 1 that no function of the library made."""
    def loss(p, key, x):
        error = jnp.mean(jnp.square(x @ p @ p.T - x))
        return error, {"loss": error, "reconstruction": error, "penalty": jnp.zeros(())}
    return Autoencoder(init=lambda key, x: jnp.full((x.shape[1], 1), 0.1), encode=lambda p, x: x @ p,
                       decode=lambda p, code: code @ p.T, loss=loss, range=(0.0, 1.0), **fields)


def test_hand_filled_autoencoder_trains_and_is_applied():
    ae = by_hand()
    state, history = fit(ae, X, optimizer=optax.adam(0.05), key=jax.random.key(0), epochs=20, batch_size=6)
    assert history["loss"][-1] < 0.5 * history["loss"][0]
    w = np.asarray(state.params)
    np.testing.assert_allclose(encode(ae, state.params, X), X @ w, rtol=1e-5)
    np.testing.assert_allclose(reconstruct(ae, state.params, X, batch_size=5), X @ w @ w.T, rtol=1e-5)
    loss = float(evaluate(state.params, jax.random.key(0), X, ae=ae)["loss"])
    assert loss == pytest.approx(np.mean((X @ w @ w.T - X) ** 2), rel=1e-5)


def test_reconstruct_field_goes_before_decode_of_encode():
    ae = by_hand(reconstruct=lambda p, x: jnp.asarray(x) * 0.25)
    np.testing.assert_array_equal(reconstruct(ae, jnp.ones((5, 1)), X), X * 0.25)


def test_optional_fields_default_to_none():
    ae = by_hand()
    assert ae.reconstruct is None and ae.posterior is None and ae.log_likelihood is None


def test_callback_defaults_do_nothing():
    callback = Callback()
    assert callback.on_train_begin({"epochs": 1}) is None
    assert callback.on_epoch_end(0, {"loss": 1.0}, None) is None   # None does not stop training
    assert callback.on_train_end({"loss": [1.0]}) is None
    assert not vars(callback)


def test_protocols_know_their_members(dense):
    assert isinstance(dense, Network) and isinstance(networks.Convolutional(shape=(8, 8, 1), code_dim=2), Network)
    assert not isinstance(object(), Network)
    assert isinstance(corruptions.masking_noise(), Corruption) and not isinstance(3, Corruption)


@pytest.mark.parametrize("statement", ["import aejax", "import aejax.data", "from aejax import data; data.load"])
def test_reading_data_loads_no_jax(statement):
    code = f"import sys\n{statement}\nassert not {{'jax', 'jaxlib', 'flax', 'optax'}} & set(sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_modules_come_by_attribute_and_others_do_not():
    assert aejax.networks is networks
    with pytest.raises(AttributeError, match="no attribute 'network'"):
        _ = aejax.network
