import jax
import numpy as np
import optax

from aejax import losses, networks, variants
from aejax.applications.reconstruction import pca
from aejax.train import fit


def test_loss_is_half_the_squared_distance(dense, unit):
    ae = variants.standard(dense)
    params = ae.init(jax.random.key(0), unit)
    x_hat = np.asarray(ae.decode(params, ae.encode(params, unit)))
    expected = 0.5 * np.square(np.asarray(unit) - x_hat).sum(axis=(1, 2, 3)).mean()
    np.testing.assert_allclose(ae.loss(params, jax.random.key(1), unit)[0], expected, rtol=1e-5)


def test_linear_autoencoder_reaches_pca():
    """The optimum of a linear autoencoder is PCA's subspace (Baldi, Hornik 1989)."""
    rng = np.random.default_rng(0)
    x = (rng.normal(size=(256, 3)) @ rng.normal(size=(3, 6)) + 0.1 * rng.normal(size=(256, 6))).astype(np.float32)
    network = networks.Dense(shape=(6,), code_dim=2, code_activation="identity")
    ae = variants.standard(network, reconstruction=losses.squared_error(activation="identity", range=None))
    state, _ = fit(ae, x, optimizer=optax.adam(1e-2), key=jax.random.key(0), epochs=400, batch_size=256)
    ours = float(np.square(ae.decode(state.params, ae.encode(state.params, x)) - x).mean())
    best = float(np.square(pca(x, 2).reconstruct(x) - x).mean())
    assert best * 0.999 <= ours <= best * 1.01
