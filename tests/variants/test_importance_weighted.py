import jax
import numpy as np
import pytest

from aejax import losses, variants
from aejax.types import InputError

KEY = jax.random.key(0)
BOUND = losses.cross_entropy()


@pytest.fixture(scope="module")
def params(dense, images):
    """With a posterior that is far from the prior, so that bounds differ."""
    params = variants.variational(dense, reconstruction=BOUND).init(KEY, images)
    return params | {"encoder_bias_0": params["encoder_bias_0"].at[4:].set(0.7)}


def mean_loss(ae, params, images, draws=60):
    return float(jax.vmap(lambda key: ae.loss(params, key, images)[0])(jax.random.split(KEY, draws)).mean())


def test_one_sample_is_the_variational_bound_and_more_are_tighter(dense, params, images):
    bounds = [mean_loss(variants.importance_weighted(dense, samples=k, reconstruction=BOUND), params, images, draws)
              for k, draws in ((1, 400), (5, 60), (50, 20))]
    variational = mean_loss(variants.variational(dense, reconstruction=BOUND), params, images, 400)
    np.testing.assert_allclose(bounds[0], variational, rtol=0.012)
    assert bounds[0] > bounds[1] + 0.05 and bounds[1] > bounds[2]


def test_the_loss_is_its_two_parts(dense, params, images):
    loss, metrics = variants.importance_weighted(dense, samples=7, reconstruction=BOUND).loss(params, KEY, images)
    np.testing.assert_allclose(loss, metrics["reconstruction"] + metrics["penalty"], rtol=1e-6)
    assert metrics["kl"] > 0


def test_constants_of_a_gaussian_are_left_out_as_elsewhere(dense, params, images):
    loss = mean_loss(variants.importance_weighted(dense, samples=1), params, images)
    np.testing.assert_allclose(loss, mean_loss(variants.variational(dense), params, images), rtol=0.02)


def test_what_cannot_be_weighted_is_refused(dense):
    with pytest.raises(InputError, match="at least 1"):
        variants.importance_weighted(dense, samples=0)
    with pytest.raises(InputError, match="likelihood"):
        variants.importance_weighted(dense, reconstruction=losses.mean_squared_error())
