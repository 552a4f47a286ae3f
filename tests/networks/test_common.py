import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from aejax import networks, variants
from aejax.networks import common
from aejax.train import fit
from aejax.types import InputError


def test_depth_to_space_places_the_phases():
    x = jnp.arange(4.0).reshape(1, 1, 1, 4)
    np.testing.assert_array_equal(networks.depth_to_space(x)[0, :, :, 0], [[0, 1], [2, 3]])


@pytest.mark.parametrize("size", [(3, 2), (4, 2), (3, 5), (6, 4)])
def test_a_border_is_repeated_as_numpy_does(size):
    x = np.arange(12.0, dtype=np.float32).reshape(1, 3, 2, 2)
    expected = np.pad(x, ((0, 0), (0, size[0] - 3), (0, size[1] - 2), (0, 0)), mode="edge")
    np.testing.assert_array_equal(common.repeat_border(jnp.asarray(x), *size), expected)
    steps = jax.make_jaxpr(lambda x: common.repeat_border(x, *size))(x).eqns
    assert all(0 not in operand.aval.shape for step in steps for operand in step.invars)   # nothing empty is joined


def test_phases_start_equal():
    kernel = networks.repeat_phases(jax.nn.initializers.normal())(jax.random.key(0), (3, 3, 2, 8))
    phases = kernel.reshape(3, 3, 2, 2, 4)
    assert (phases == phases[..., :1]).all() and float(kernel.std()) > 0


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
        gradient = jax.eval_shape(jax.grad(lambda p, ae=ae: ae.loss(p, jax.random.key(0), images)[0]), state.params)
        code = jax.eval_shape(ae.encode, state.params, images)
        output = jax.eval_shape(ae.decode, state.params, code)
        assert {leaf.dtype for leaf in jax.tree.leaves((state.params, gradient, code, output))} == {
            jnp.dtype("float32")}
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
