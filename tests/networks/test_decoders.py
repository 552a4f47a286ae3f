import jax
import jax.numpy as jnp
import numpy as np
import pytest

from aejax import networks
from aejax.networks import decoder_parameters, spectral_norm

RNG = np.random.default_rng(0)


@pytest.mark.parametrize(("network", "decoder"), [
    (networks.Dense((6, 5, 1), 4, widths=(7,)), ("decoder",)),
    (networks.Dense((6, 5, 1), 4, tied=True), ("encoder_kernel", "decoder")),
    (networks.Convolutional((6, 5, 1), 4, channels=(4, 8)), ("from_code", "up")),
    (networks.Spatial((6, 5, 1), vector_dim=2, channels=(4, 4), blocks=1), ("from_code", "inner_norm", "up"))],
    ids=["dense", "tied", "convolutional", "spatial"])
def test_the_parameters_that_decode_uses_by_name(network, decoder, unit):
    x = unit[:1].reshape(1, -1) if getattr(network, "flat", False) else unit[:1]
    params = network.init(jax.random.key(0), x)["params"]
    found = [id(leaf) for leaf in decoder_parameters(network, params, network.code_dim)]
    expected = [id(leaf) for path, leaf in jax.tree_util.tree_leaves_with_path(params)
                if path[0].key.startswith(decoder)]
    assert found == expected and 0 < len(found) < len(jax.tree.leaves(params))


def test_largest_singular_value_is_numpys():
    for shape, accuracy in (((784, 512), 0.02), ((30, 512), 0.02), ((9, 4), 1e-3), ((1, 5), 1e-5)):
        matrix = RNG.normal(size=shape)
        found = float(spectral_norm(jnp.asarray(matrix, jnp.float32)))
        truth = np.linalg.norm(matrix, 2)
        assert (1 - accuracy) * truth < found < 1.00001 * truth
    left, _, right = np.linalg.svd(RNG.normal(size=(60, 40)), full_matrices=False)
    apart = jnp.asarray(left * np.append(2.0, np.full(39, 1.8)) @ right, jnp.float32)
    np.testing.assert_allclose(spectral_norm(apart), 2.0, rtol=1e-4)
    assert float(spectral_norm(jnp.zeros((3, 2)))) == 0.0


def test_its_gradient_is_that_of_the_exact_value():
    matrix = jnp.asarray(RNG.normal(size=(9, 4)), jnp.float32)
    exact = jax.grad(lambda w: jnp.linalg.norm(w, 2))(matrix)
    np.testing.assert_allclose(jax.grad(lambda w: spectral_norm(w, iterations=200))(matrix), exact, atol=1e-4)
