import jax
import jax.numpy as jnp
import numpy as np
import pytest

from aejax import jacobian, networks

NETWORKS = {"under-complete": networks.Dense((7,), 3, widths=(9,)), "over-complete": networks.Dense((4,), 6)}


@pytest.fixture(params=NETWORKS)
def case(request):
    network = NETWORKS[request.param]
    x = jax.random.normal(jax.random.key(1), (5, *network.shape))
    params = network.init(jax.random.key(0), x)
    jacobians = np.stack([jax.jacfwd(lambda r: network.apply(params, r[None], method="encode")[0])(row) for row in x])
    return lambda x: network.apply(params, x, method="encode"), x, jacobians


@pytest.mark.parametrize("chunk_size", [None, 2])
def test_singular_values_are_numpys(case, chunk_size):
    encode, x, jacobians = case
    values = jacobian.singular_values(encode, x, chunk_size=chunk_size)
    np.testing.assert_allclose(values, np.linalg.svd(jacobians, compute_uv=False), rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(jnp.sum(values**2, axis=1), jacobian.squared_norm(encode, x), rtol=1e-4)


def test_tangents_are_stretched_by_the_singular_values(case):
    encode, x, jacobians = case
    directions = np.asarray(jacobian.tangents(encode, x, 2))
    values = np.asarray(jacobian.singular_values(encode, x))
    np.testing.assert_allclose(np.linalg.norm(directions, axis=2), 1, rtol=1e-5)
    stretched = np.linalg.norm(np.einsum("bdn,bkn->bkd", jacobians, directions), axis=2)
    np.testing.assert_allclose(stretched, values[:, :2], rtol=1e-4)


def test_tangents_have_the_shape_of_the_data():
    x = jnp.ones((3, 4, 5, 1))
    matrix = jnp.asarray(np.random.default_rng(0).normal(size=(20, 6)), jnp.float32)
    assert jacobian.tangents(lambda x: x.reshape(-1, 20) @ matrix, x, 2).shape == (3, 2, 4, 5, 1)
