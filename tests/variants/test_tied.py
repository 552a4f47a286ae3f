import jax
import numpy as np
import pytest

from aejax import networks, variants
from aejax.types import InputError


def test_decoder_is_the_transpose(unit):
    network = networks.Dense(shape=(6, 5, 1), code_dim=4, code_activation="identity")
    ae = variants.tied(network)
    params = ae.init(jax.random.key(0), unit)
    assert not any("decoder_kernel" in name for name in params)
    w = np.asarray(params["encoder_kernel_0"])
    code = np.asarray(unit).reshape(64, -1) @ w
    expected = 1 / (1 + np.exp(-(code @ w.T)))
    np.testing.assert_allclose(ae.decode(params, code).reshape(64, -1), expected, rtol=1e-4, atol=1e-5)


def test_equals_standard_on_a_tied_network(dense, unit):
    tied, standard = variants.tied(dense), variants.standard(dense.clone(tied=True))
    params = tied.init(jax.random.key(0), unit)
    one, other = (ae.loss(params, jax.random.key(1), unit)[0] for ae in (tied, standard))
    assert float(one) == float(other)


def test_a_network_that_cannot_be_tied():
    with pytest.raises(InputError, match="no tied weights"):
        variants.tied(networks.Convolutional(shape=(6, 5, 1), code_dim=2))
