import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

from aejax import networks
from aejax.types import InputError

NETWORK = networks.Quantised(networks.Dense(shape=(6, 5, 1), code_dim=4), step=0.5)


@pytest.fixture(scope="module")
def params(unit):
    params = NETWORK.init(jax.random.key(0), unit.reshape(64, -1))["params"]
    return jax.tree.map(lambda leaf: leaf + 0.3 * jax.random.normal(jax.random.key(1), leaf.shape), params)


def test_counts_are_the_networks_code_in_steps(params, unit):
    """Its parameters are the inner network's by name, so that the inner network applies to them too."""
    x, steps = unit.reshape(64, -1), np.exp(params["rate_log_step"])[None]
    inner = NETWORK.network.apply({"params": params}, x, method="encode")
    counts = NETWORK.apply({"params": params}, x, method="encode")
    np.testing.assert_allclose(counts, inner / steps, rtol=1e-5)
    again = NETWORK.apply({"params": params}, counts, method="decode")
    np.testing.assert_allclose(again, NETWORK.network.apply({"params": params}, inner, method="decode"), rtol=1e-4,
                               atol=1e-5)
    assert NETWORK.code_dim == 4 and NETWORK.shape == (6, 5, 1) and NETWORK.flat


def test_probabilities_are_scipys_and_sum_to_one(params):
    y = jnp.arange(-80.0, 81.0)[:, None] * jnp.ones((1, 4))
    found = np.exp(NETWORK.apply({"params": params}, y, method="log_probability"))
    shares = np.exp(params["rate_logit"]) / np.exp(params["rate_logit"]).sum(axis=0)
    cumulative = [sum(share * stats.logistic.cdf(y + side, mean, np.exp(scale)) for share, mean, scale in
                      zip(shares, params["rate_mean"], params["rate_log_scale"], strict=True)) for side in (-0.5, 0.5)]
    np.testing.assert_allclose(found, cumulative[1] - cumulative[0], atol=2e-6)
    np.testing.assert_allclose(found.sum(axis=0), 1, rtol=1e-5)


def test_bits_far_from_everything_are_finite_and_steep(params):
    """Where a difference of two distribution functions is 0 in float32, and its gradient too."""
    y = jnp.full((1, 4), 300.0)
    bits, slope = jax.value_and_grad(lambda y: NETWORK.apply({"params": params}, y, method="bits")[0])(y)
    assert np.isfinite(bits) and bits > 300
    flattest = np.exp(-np.asarray(params["rate_log_scale"]).max(axis=0)) / np.log(2)   # the widest component's tail
    np.testing.assert_allclose(slope[0], flattest, rtol=1e-3)


@pytest.mark.parametrize(("options", "message"), [({"step": 0.0}, "step must be above 0"),
                                                  ({"components": 0}, "components must be at least 1")])
def test_bad_options(options, message):
    with pytest.raises(InputError, match=message):
        networks.Quantised(NETWORK.network, **options)
