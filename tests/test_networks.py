import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from aejax import networks, variants
from aejax.train import fit
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


def test_depth_to_space_places_the_phases():
    x = jnp.arange(4.0).reshape(1, 1, 1, 4)
    np.testing.assert_array_equal(networks.depth_to_space(x)[0, :, :, 0], [[0, 1], [2, 3]])


def test_phases_start_equal():
    kernel = networks.repeat_phases(jax.nn.initializers.normal())(jax.random.key(0), (3, 3, 2, 8))
    phases = kernel.reshape(3, 3, 2, 2, 4)
    assert (phases == phases[..., :1]).all() and float(kernel.std()) > 0


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
    (lambda: networks.Dense(shape=(0,), code_dim=1), "shape"),
    (lambda: networks.Convolutional(shape=(4,), code_dim=1), "(H, W, C)"),
    (lambda: networks.Convolutional(shape=(4, 4, 1), code_dim=1, channels=()), "channels")])
def test_bad_sizes(make, message):
    with pytest.raises(InputError) as error:
        make()
    assert message in str(error.value)


@pytest.mark.parametrize("network", [networks.Dense(shape=(6, 5, 1), code_dim=4, widths=(16,)),
                                     networks.Dense(shape=(6, 5, 1), code_dim=4, tied=True),
                                     networks.Convolutional(shape=(6, 5, 1), code_dim=4, channels=(4, 8))])
def test_bfloat16_products_train_to_the_same_loss(network, images):
    """Within 5 % of float32's after 60 steps; parameters, gradients, outputs and the loss are float32."""
    final = {}
    for precision in ("float32", "bfloat16"):
        own = network.clone(precision=precision)
        ae = variants.standard(own)
        state, history = fit(ae, images, optimizer=optax.adam(1e-2), key=jax.random.key(0), epochs=30, batch_size=32)
        final[precision] = history["loss"]
        gradient = jax.grad(lambda p, ae=ae: ae.loss(p, jax.random.key(0), images)[0])(state.params)
        code = ae.encode(state.params, images)
        dtypes = {leaf.dtype for leaf in jax.tree.leaves((state.params, gradient, code, ae.decode(state.params, code)))}
        assert dtypes == {jnp.dtype("float32")}
    assert final["bfloat16"][0] != final["float32"][0]   # it does round
    assert final["float32"][-1] < 0.7 * final["float32"][0]
    np.testing.assert_allclose(final["bfloat16"][-1], final["float32"][-1], rtol=0.05)


@pytest.mark.parametrize("network", [networks.Dense(shape=(6, 5, 1), code_dim=4, widths=(16,)),
                                     networks.Convolutional(shape=(6, 5, 1), code_dim=4, channels=(4, 8))])
def test_the_jacobian_stays_float32(network, images):
    results = []
    for precision in ("float32", "bfloat16"):
        ae = variants.contractive(network.clone(precision=precision))
        results.append(jax.jit(ae.loss)(ae.init(jax.random.key(0), images), jax.random.key(1), images)[1])
    exact, rounded = results
    assert float(rounded["reconstruction"]) != float(exact["reconstruction"])
    np.testing.assert_allclose(rounded["penalty"], exact["penalty"], rtol=1e-6)


def test_an_unknown_precision_is_refused():
    with pytest.raises(InputError, match="precision 'float8'"):
        networks.Dense(shape=(4,), code_dim=2, precision="float8")
