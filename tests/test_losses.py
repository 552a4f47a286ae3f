import jax
import jax.numpy as jnp
import numpy as np
import pytest

from aejax import losses
from aejax.types import InputError


@pytest.fixture(scope="module")
def pair():
    rng = np.random.default_rng(0)
    return jnp.asarray(rng.normal(size=(5, 7)), jnp.float32), jnp.asarray(rng.uniform(size=(5, 7)), jnp.float32)


def test_sum_over_a_datum(pair):
    output, x = pair
    x_hat = 1 / (1 + np.exp(-np.asarray(output)))
    np.testing.assert_allclose(losses.squared_error().per_example(output, x),
                               0.5 * np.square(np.asarray(x) - x_hat).sum(axis=1), rtol=1e-5)


def test_mean_over_everything(pair):
    output, x = pair
    np.testing.assert_allclose(losses.mean_squared_error(activation="tanh").per_example(output, x).mean(),
                               np.square(np.asarray(x) - np.tanh(output)).mean(), rtol=1e-5)


def test_cross_entropy_by_definition(pair):
    output, x = pair
    p, x = 1 / (1 + np.exp(-np.asarray(output, np.float64))), np.asarray(x, np.float64)
    expected = -(x * np.log(p) + (1 - x) * np.log(1 - p)).sum(axis=1)
    np.testing.assert_allclose(losses.cross_entropy().per_example(*pair), expected, rtol=1e-5)


@pytest.mark.parametrize("logit", [-110.0, 110.0, 1e4])
def test_cross_entropy_is_finite_for_extreme_logits(logit):
    value, gradient = jax.value_and_grad(
        lambda a: losses.cross_entropy().per_example(a, jnp.ones((1, 1)))[0])(jnp.full((1, 1), logit))
    assert np.isfinite(value) and np.isfinite(gradient).all()


@pytest.mark.parametrize(("loss", "range"), [
    (losses.squared_error(), (0, 1)), (losses.squared_error(activation="tanh"), (-1, 1)),
    (losses.squared_error(activation="identity"), (0, 1)), (losses.cross_entropy(), (0, 1)),
    (losses.squared_error(activation="identity", range=None), None),
    (losses.mean_squared_error(activation="identity", range=(-3.0, 3.0)), (-3, 3))])
def test_range_goes_with_the_activation(loss, range):
    assert loss.range == range


@pytest.mark.parametrize("options", [{"activation": "relu6"}, {"activation": "sigmoid", "range": None},
                                     {"activation": "sigmoid", "range": (-1.0, 1.0)}])
def test_activation_that_cannot_reach_the_range(options):
    with pytest.raises(InputError):
        losses.squared_error(**options)


@pytest.mark.parametrize("loss", [losses.squared_error(), losses.squared_error(activation="identity", range=None),
                                  losses.mean_squared_error(), losses.cross_entropy()])
def test_unknown_values_add_nothing(loss):
    """The oracle: the same loss of the known values, taken out; for the mean, of them over all."""
    rng = np.random.default_rng(0)
    output, x = jnp.asarray(rng.normal(size=(4, 6)), jnp.float32), jnp.asarray(rng.random((4, 6)), jnp.float32)
    known = np.arange(6) < 4
    masked = losses.known_values(loss)
    holes = jnp.where(known[None], x, jnp.nan)
    scale = 4 / 6 if loss.range == (-1.0, 1.0) else 1.0
    np.testing.assert_allclose(masked.per_example(output, holes), scale * loss.per_example(output[:, :4], x[:, :4]),
                               rtol=1e-5)
    np.testing.assert_array_equal(masked.per_example(output, jnp.full((4, 6), jnp.nan)), 0)
    np.testing.assert_array_equal(masked.per_example(output, x), loss.per_example(output, x))
    gradient = jax.grad(lambda output: masked.per_example(output, holes).sum())(output)
    assert (gradient[:, 4:] == 0).all() and (gradient[:, :4] != 0).all()
    assert (masked.activation, masked.range) == (loss.activation, loss.range)
