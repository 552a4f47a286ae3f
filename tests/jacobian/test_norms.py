"""Every exact route equals `jax.jacfwd`, on trained parameters: at the start some wrong formulas agree by luck."""

import functools

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from aejax import jacobian, networks, variants
from aejax.train import fit
from aejax.types import InputError


class Own(nn.Module):
    """A user's own module, with normalisation over features."""

    def setup(self):
        self.layers = [nn.Dense(9), nn.LayerNorm(), nn.Dense(4)]
        self.up = nn.Dense(30)

    def encode(self, x):
        first, norm, last = self.layers
        return jax.nn.softplus(last(jnp.sin(norm(first(x.reshape(x.shape[0], -1))))))

    def decode(self, code):
        return self.up(code).reshape(-1, 6, 5, 1)


NETWORKS = {
    "sigmoid": networks.Dense((6, 5, 1), 7, code_activation="sigmoid"),
    "tanh": networks.Dense((6, 5, 1), 7),
    "relu": networks.Dense((6, 5, 1), 7, code_activation="relu"),
    "two layers": networks.Dense((6, 5, 1), 3, widths=(20,)),
    "mixed": networks.Dense((6, 5, 1), 4, widths=(20, 11), activation=("sigmoid", "elu"), code_activation="identity"),
    "tied": networks.Dense((6, 5, 1), 5, widths=(12,), tied=True),
    "over-complete": networks.Dense((6, 5, 1), 40, widths=(35,)),
    "convolutional": networks.Convolutional((6, 5, 1), 3, channels=(4, 8), activation="tanh"),
    "own": Own(),
}


@functools.cache
def trained(name):
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (64, 6, 5, 1)).astype(np.uint8)
    ae = variants.standard(NETWORKS[name])
    state, _ = fit(ae, images, optimizer=optax.adam(1e-2), key=jax.random.key(0), epochs=100, batch_size=32)
    x = jnp.asarray(images[:10], jnp.float32) / 255
    return state.params, x.reshape(10, -1) if getattr(NETWORKS[name], "flat", False) else x


def norms(name, method, chunk_size=None):
    params, x = trained(name)

    def total(params):
        encode = jacobian.encoder_of(NETWORKS[name], params)
        value = jacobian.squared_norm(encode, x, method=method, chunk_size=chunk_size)
        return jnp.sum(value), value
    (_, value), gradient = jax.jit(jax.value_and_grad(total, has_aux=True))(params)
    return value, gradient


@functools.cache
def definition(name):
    """‖J‖² by `jax.jacfwd` on the network itself, without the module under test, and its gradient."""
    params, x = trained(name)

    def total(params):
        def encode(row):
            return NETWORKS[name].apply({"params": params}, row[None], method="encode")[0]
        value = jax.vmap(lambda row: jnp.sum(jnp.square(jax.jacfwd(encode)(row))))(x)
        return jnp.sum(value), value
    (_, value), gradient = jax.jit(jax.value_and_grad(total, has_aux=True))(params)
    return value, gradient


CASES = [(name, method) for name, network in NETWORKS.items() for method in ("auto", "jacfwd", "jacrev", "gram")
         if method != "gram" or isinstance(network, networks.Dense)]
CASES += [(name, "closed_form") for name in ("sigmoid", "tanh", "relu")]


@pytest.mark.parametrize(("name", "method"), CASES)
def test_exact_methods_equal_jacfwd(name, method):
    value, gradient = norms(name, method)
    expected, expected_gradient = definition(name)
    np.testing.assert_allclose(value, expected, rtol=1e-5)
    largest = max(float(jnp.abs(leaf).max()) for leaf in jax.tree.leaves(expected_gradient))
    for ours, theirs in zip(jax.tree.leaves(gradient), jax.tree.leaves(expected_gradient), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-5 * largest)


@pytest.mark.parametrize(("name", "method"), [("two layers", "gram"), ("own", "jacrev"), ("own", "jacfwd")])
@pytest.mark.parametrize("chunk_size", [1, 4, 10, 99])
def test_chunks_change_nothing(name, method, chunk_size):
    value, gradient = norms(name, method, chunk_size)
    whole, whole_gradient = norms(name, method)
    np.testing.assert_allclose(value, whole, rtol=1e-6)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5), gradient, whole_gradient)


def test_not_the_gradient_of_the_summed_code():
    """‖Jᵀ1‖², the common mistake, is another number: the test set must be able to tell them apart."""
    params, x = trained("two layers")
    encode = jacobian.encoder_of(NETWORKS["two layers"], params)
    ones_trick = jnp.sum(jnp.square(jax.grad(lambda x: jnp.sum(encode(x)))(x)), axis=1)
    assert float(jnp.median(jnp.abs(ones_trick / definition("two layers")[0] - 1))) > 0.05


@pytest.mark.parametrize("name", ["two layers", "own"])
def test_hutchinson_within_four_standard_errors(name):
    params, x = trained(name)
    encode = jacobian.encoder_of(NETWORKS[name], params)
    value, error = jax.jit(functools.partial(jacobian.hutchinson, encode, samples=400))(x, key=jax.random.key(5))
    assert (np.abs(value - definition(name)[0]) < 4 * error).all()
    assert (error < 0.2 * value).all()   # so that the bound means something


def test_hutchinson_through_the_variant(dense, images):
    ae = variants.contractive(dense, method="hutchinson")
    params = ae.init(jax.random.key(0), images)
    exact = variants.contractive(dense).loss(params, jax.random.key(1), images)[1]["penalty"]
    keys = jax.random.split(jax.random.key(2), 200)
    estimates = jax.vmap(lambda key: ae.loss(params, key, images)[1]["penalty"])(keys)
    assert abs(estimates.mean() - exact) < 4 * estimates.std() / 200**0.5


@pytest.mark.parametrize("name", NETWORKS)
def test_auto_never_picks_an_estimate(name):
    params, x = trained(name)
    assert jacobian.plan(jacobian.encoder_of(NETWORKS[name], params), x).method in ("jacrev", "gram", "closed_form",
                                                                                   "jacfwd")


def test_auto_prefers_what_costs_less():
    def plan(network):
        x = jnp.zeros((2, 784))
        return jacobian.plan(network.split_encoder(network.init(jax.random.key(0), x)["params"]), x).method
    assert plan(networks.Dense((28, 28, 1), 30)) == "closed_form"
    assert plan(networks.Dense((28, 28, 1), 30, widths=(500,))) == "gram"
    wide = networks.Dense((4,), 2, widths=(500,))
    assert jacobian.plan(wide.split_encoder(wide.init(jax.random.key(0), jnp.zeros((1, 4)))["params"]),
                         jnp.zeros((1, 4))).method != "gram"
    assert jacobian.plan(lambda x: jnp.repeat(x, 3, axis=1), jnp.zeros((2, 4))).method == "jacfwd"


@pytest.mark.parametrize(("options", "message"), [
    ({"method": "jacback"}, "unknown method"), ({"chunk_size": 0}, "chunk_size"),
    ({"method": "hutchinson"}, "needs a key"),
    ({"method": "gram"}, "first affine map"), ({"method": "closed_form"}, "one layer")])
def test_bad_options(options, message):
    with pytest.raises(InputError, match=message):
        jacobian.squared_norm(lambda x: x, jnp.zeros((2, 3)), **options)
