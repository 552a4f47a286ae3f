import jax
import jax.numpy as jnp
import numpy as np
import pytest

from aejax import networks
from aejax.types import InputError


def _run(network, shape, batch=2):
    x = jax.random.uniform(jax.random.key(1), (batch, *shape))
    return jax.jit(network.init_with_output)(jax.random.key(0), x)


def test_dense_by_hand():
    network = networks.Dense(shape=(3,), code_dim=2, widths=(4,), activation="relu", code_activation="sigmoid")
    x = jax.random.normal(jax.random.key(1), (5, 3))
    variables = network.init(jax.random.key(0), x)
    p = {name: np.asarray(leaf) for name, leaf in variables["params"].items()}
    hidden = np.maximum(np.asarray(x) @ p["encoder_kernel_0"] + p["encoder_bias_0"], 0)
    code = 1 / (1 + np.exp(-(hidden @ p["encoder_kernel_1"] + p["encoder_bias_1"])))
    np.testing.assert_allclose(network.apply(variables, x, method="encode"), code, rtol=1e-5)
    back = np.maximum(code @ p["decoder_kernel_1"] + p["decoder_bias_1"], 0)
    np.testing.assert_allclose(network.apply(variables, x), back @ p["decoder_kernel_0"] + p["decoder_bias_0"],
                               rtol=1e-4, atol=1e-5)


def test_tied_decoder_of_a_deep_network():
    network = networks.Dense(shape=(6,), code_dim=2, widths=(5, 4), tied=True)
    output, variables = _run(network, (6,))
    assert output.shape == (2, 6)
    assert sum(leaf.ndim == 2 for leaf in jax.tree.leaves(variables)) == 3   # one matrix a layer, none of its own


def test_over_complete_and_mixed_activations():
    network = networks.Dense(shape=(4,), code_dim=9, widths=(7, 6), activation=("relu", jnp.tanh))
    assert _run(network, (4,))[0].shape == (2, 4)


def test_split_encoder_is_the_encoder():
    network = networks.Dense(shape=(6,), code_dim=2, widths=(5, 4))
    x = jax.random.normal(jax.random.key(1), (3, 6))
    params = network.init(jax.random.key(0), x)["params"]
    np.testing.assert_allclose(network.split_encoder(params)(x), network.apply({"params": params}, x, method="encode"),
                               rtol=1e-6)


@pytest.mark.parametrize(("make", "message"), [
    (lambda: networks.Dense(shape=(4,), code_dim=0), "code_dim must be at least 1, got 0"),
    (lambda: networks.Dense(shape=(4,), code_dim=-3), "code_dim"),
    (lambda: networks.Dense(shape=(4,), code_dim=1, widths=(0,)), "widths"),
    (lambda: networks.Dense(shape=(4,), code_dim=1, activation="tahn"), "unknown activation"),
    (lambda: networks.Dense(shape=(4,), code_dim=1, widths=(2,), activation=("relu", "relu")), "2 activations for 1"),
    (lambda: networks.Dense(shape=(4,), code_dim=1, kernel_init="he"), "unknown kernel_init"),
    (lambda: networks.Dense(shape=(0,), code_dim=1), "shape")])
def test_bad_sizes(make, message):
    with pytest.raises(InputError) as error:
        make()
    assert message in str(error.value)
