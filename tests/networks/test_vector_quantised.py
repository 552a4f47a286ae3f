import jax
import jax.numpy as jnp
import numpy as np
import pytest

from aejax import codebooks, networks
from aejax.types import InputError

INNER = networks.Dense(shape=(6, 5, 1), code_dim=6)
NETWORK = networks.VectorQuantised(INNER, codebook_size=5, vector_dim=2)


@pytest.fixture(scope="module")
def params(unit):
    params = NETWORK.init(jax.random.key(0), unit.reshape(64, -1))["params"]
    return params | {"codebook_tenth": 0.07 * jax.random.normal(jax.random.key(5), (5, 2))}


def test_the_codebook_is_ten_times_its_parameters_and_as_fast(params):
    tenth = params["codebook_tenth"]
    np.testing.assert_array_equal(networks.codebook_of(params), np.float32(10) * np.asarray(tenth))
    slope = jax.grad(lambda p: jnp.sum(jnp.square(networks.codebook_of(p))))(params)["codebook_tenth"]
    np.testing.assert_allclose(slope, 20 * tenth, rtol=1e-6)   # that of the codebook: a step moves it by ten of it


def apply(network, params, value, method):
    return network.apply({"params": params}, value, method=method)


def test_decode_is_the_networks_at_the_nearest_vectors(params):
    code = jax.random.normal(jax.random.key(1), (7, 6))
    book = np.asarray(networks.codebook_of(params))
    nearest = np.array([[book[np.square(book - vector).sum(axis=1).argmin()] for vector in row.reshape(3, 2)]
                        for row in np.asarray(code)]).reshape(7, 6)
    expected = apply(INNER, params, jnp.asarray(nearest), "decode")
    np.testing.assert_array_equal(apply(NETWORK, params, code, "decode"), expected)
    np.testing.assert_array_equal(apply(NETWORK, params, jnp.asarray(nearest), "decode"), expected)


def test_gradients_pass_straight_through(params):
    """That of the code is the decoder's at the vectors; the codebook gets none from the decoder."""
    code = jax.random.normal(jax.random.key(1), (7, 6))
    nearest = codebooks.vectors(codebooks.indices(code, networks.codebook_of(params)), networks.codebook_of(params))

    def total(network, params, code):
        return jnp.sum(jnp.square(apply(network, params, code, "decode")))
    slope, through = jax.grad(lambda p, c: total(NETWORK, p, c), argnums=(0, 1))(params, code)
    np.testing.assert_allclose(through, jax.grad(lambda c: total(INNER, params, c))(nearest), rtol=1e-6)
    assert not slope["codebook_tenth"].any()


@pytest.mark.parametrize(("network", "size"), [
    (networks.Dense((4,), 30), 3), (networks.Dense((4,), 7), 1), (networks.Dense((4,), 8), 4),
    (networks.Spatial((8, 8, 1), vector_dim=5), 5)], ids=["30", "7", "8", "spatial"])
def test_size_of_vectors(network, size):
    assert networks.VectorQuantised(network).vector_size == size


@pytest.mark.parametrize(("options", "message"), [
    ({"vector_dim": 4}, "vector_dim 4 does not divide a code of 6"), ({"vector_dim": 0}, "vector_dim 0"),
    ({"codebook_size": 1}, "at least 2, got 1")])
def test_bad_options(options, message):
    with pytest.raises(InputError, match=message):
        networks.VectorQuantised(INNER, **options)
