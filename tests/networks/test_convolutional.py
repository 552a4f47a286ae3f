import jax
import numpy as np
import pytest

from aejax import networks
from aejax.types import InputError


def _run(network, shape, batch=2):
    x = jax.random.uniform(jax.random.key(1), (batch, *shape))
    return jax.jit(network.init_with_output)(jax.random.key(0), x)


@pytest.mark.parametrize("shape", [(1, 1, 1), (5, 97, 2), (28, 28, 1), (17, 20, 3)])
def test_convolutional_takes_any_size(shape):
    output, _ = _run(networks.Convolutional(shape=shape, code_dim=3, channels=(4, 8)), shape)
    assert output.shape == (2, *shape) and np.isfinite(output).all()


def test_examples_do_not_influence_each_other():
    network = networks.Convolutional(shape=(8, 8, 1), code_dim=3, channels=(8,))
    x = jax.random.uniform(jax.random.key(1), (3, 8, 8, 1))
    params = network.init(jax.random.key(0), x)
    together, alone = network.apply(params, x, method="encode"), network.apply(params, x[1:2], method="encode")
    np.testing.assert_allclose(together[1:2], alone, atol=1e-5)


@pytest.mark.parametrize(("options", "message"), [({"shape": (4,)}, "(H, W, C)"), ({"channels": ()}, "channels")])
def test_bad_options(options, message):
    with pytest.raises(InputError) as error:
        networks.Convolutional(**{"shape": (4, 4, 1), "code_dim": 1} | options)
    assert message in str(error.value)
