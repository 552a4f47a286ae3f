import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.stats import norm

from aejax import losses, networks, variants
from aejax.autoencoder import autoencoder, check_data, to_range
from aejax.bottlenecks import gaussian
from aejax.types import InputError, Masked


class Own(nn.Module):
    """A user's network: neither shape nor flat."""

    norm: bool = False

    def setup(self):
        self.down, self.up = nn.Dense(3), nn.Dense(5)
        self.batch_norm = nn.BatchNorm(use_running_average=False) if self.norm else (lambda x: x)

    def encode(self, x):
        return jnp.tanh(self.batch_norm(self.down(x)))

    def decode(self, code):
        return self.up(code)


def test_a_users_own_module():
    ae = variants.contractive(Own())
    x = jax.random.uniform(jax.random.key(0), (4, 5))
    params = ae.init(jax.random.key(1), x)
    assert ae.decode(params, ae.encode(params, x)).shape == (4, 5)
    assert np.isfinite(ae.loss(params, jax.random.key(2), x)[0])


def test_batch_statistics_are_refused():
    with pytest.raises(InputError, match="BatchNorm"):
        autoencoder(Own(norm=True)).init(jax.random.key(0), jnp.zeros((4, 5)))


@pytest.mark.parametrize("range", [(0.0, 1.0), (-1.0, 1.0)])
def test_every_byte_lands_inside_the_range(range):
    values = np.asarray(to_range(jnp.arange(256, dtype=jnp.uint8), range))
    np.testing.assert_allclose(values, np.linspace(*range, 256), atol=1e-6)
    assert values[0] == range[0] and values[-1] == range[1] and values.min() >= range[0] and values.max() <= range[1]


def test_tokens_pass_through():
    tokens = jnp.arange(5, dtype=jnp.int32)
    assert to_range(tokens, (0.0, 1.0)) is tokens


@pytest.mark.parametrize(("x", "range", "message"), [
    (np.array([[0.5, np.nan]]), (0.0, 1.0), "1 values are NaN"), (np.array([[np.inf]]), None, "NaN or infinite"),
    (np.array([[0.0, 255.0]]), (0.0, 1.0), "from 0 to 255"), (np.array([[-0.5]]), (0.0, 1.0), "range 0 to 1"),
    (np.zeros((1, 2), np.uint8), None, "uint8")])
def test_data_the_loss_could_not_be_right_about(x, range, message):
    with pytest.raises(InputError, match=message):
        check_data(x, range)


def test_tables_of_any_float():
    check_data(np.array([[-1e6, 1e6]]), None)


def test_init_checks_its_input(dense, images):
    with pytest.raises(InputError, match="from 0 to 255"):
        variants.standard(dense).init(jax.random.key(0), images.astype(np.float32) / images.max() * 255)


def test_wrong_shape_names_both(dense):
    with pytest.raises(InputError, match=r"\(2, 7, 5, 1\).*6, 5, 1"):
        variants.standard(dense).init(jax.random.key(0), np.zeros((2, 7, 5, 1), np.uint8))


def test_weight_may_be_traced(dense, images):
    params = variants.standard(dense).init(jax.random.key(0), images)

    def loss(weight):
        return variants.contractive(dense, weight=weight).loss(params, jax.random.key(1), images)[0]
    values = jax.vmap(loss)(jnp.array([0.0, 0.5]))
    np.testing.assert_allclose(values, [loss(0.0), loss(0.5)], rtol=1e-5)
    assert values[1] > values[0]


def test_a_table_without_range():
    ae = variants.standard(Own(), reconstruction=losses.squared_error(activation="identity", range=None))
    x = jnp.array([[-50.0, 3.0, 0.0, 7.0, 1e4]])
    assert ae.range is None and np.isfinite(ae.loss(ae.init(jax.random.key(0), x), jax.random.key(1), x)[0])


def test_unknown_values_enter_as_nan_whatever_stands_there(dense, images):
    """The same door for arrays and for pairs of values and mask: range, shape, and NaN where unknown."""
    seen = []

    def corruption(key, x):
        seen.append(x)
        return jnp.where(jnp.isnan(x), 0.0, x)
    ae = autoencoder(dense, corruption=corruption, reconstruction=losses.known_values(losses.squared_error()))
    params = ae.init(jax.random.key(0), images)
    known = np.random.default_rng(0).random(images.shape) < 0.5
    pairs = [Masked(np.where(known, images, np.uint8(fill)), known) for fill in (0, 200)]
    first, second = (ae.loss(params, jax.random.key(1), pair)[0] for pair in pairs)
    assert first == second and np.isfinite(first)
    np.testing.assert_array_equal(jnp.isnan(seen[0]), ~known)
    np.testing.assert_allclose(seen[0][known], images[known] / 255, rtol=1e-6)


def test_an_own_network_needs_code_outputs_alone_for_a_gaussian_code():
    class TwoNumbers(Own):
        code_outputs: int = 1

        def setup(self):
            self.down, self.up = nn.Dense(3 * self.code_outputs), nn.Dense(5)

        def encode(self, x):
            return self.down(x)
    ae = variants.variational(TwoNumbers())
    params = ae.init(jax.random.key(0), x := jnp.full((2, 5), 0.5))
    assert ae.encode(params, x).shape == (2, 3) and params["down"]["kernel"].shape == (5, 6)


def test_unknown_values_count_nothing_in_a_likelihood():
    network = networks.Dense(shape=(4,), code_dim=2, code_outputs=2)
    any_float = losses.squared_error(activation="identity", range=None)
    full, known = (autoencoder(network, bottleneck=gaussian(), reconstruction=loss)
                   for loss in (any_float, losses.known_values(any_float)))
    params = full.init(jax.random.key(0), jnp.zeros((1, 4)))
    x, code = jnp.array([[0.5, -1.0, jnp.nan, jnp.nan], [1.0, 2.0, 3.0, 4.0]]), jnp.ones((2, 2))
    x_hat = np.asarray(full.decode(params, code))
    expected = [norm(x_hat[i, :n]).logpdf(np.asarray(x)[i, :n]).sum() for i, n in enumerate((2, 4))]
    np.testing.assert_allclose(known.log_likelihood(params, code, x), expected, rtol=1e-5)
    np.testing.assert_allclose(full.log_likelihood(params, code, x)[1], expected[1], rtol=1e-5)
