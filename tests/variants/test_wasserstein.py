import jax
import numpy as np
import optax
import pytest

from aejax import networks, threefry, variants
from aejax.divergences import maximum_mean_discrepancy
from aejax.train import fit
from aejax.types import InputError

FREE = networks.Dense(shape=(6, 5, 1), code_dim=4, code_activation="identity")


def test_loss_is_error_and_weighted_discrepancy_from_the_draws_of_the_key(images):
    ae = variants.wasserstein(FREE, weight=3.0, kernel="rbf", scales=(0.5, 2.0))
    params = ae.init(jax.random.key(0), images)
    loss, metrics = ae.loss(params, jax.random.key(1), images)
    draws = threefry.normal(threefry.split(jax.random.key(1), 3)[2], 64, 4)
    expected = maximum_mean_discrepancy(ae.encode(params, images), draws, kernel="rbf", scales=(0.5, 2.0))
    np.testing.assert_allclose(metrics["penalty"], expected, rtol=1e-5)
    np.testing.assert_allclose(loss, metrics["reconstruction"] + 3 * expected, rtol=1e-5)
    assert float(ae.loss(params, jax.random.key(1), images[:1])[1]["penalty"]) == 0.0   # a batch of one says nothing


def test_no_weight_is_standard_bitwise(images):
    one, other = variants.wasserstein(FREE, weight=0.0), variants.standard(FREE)
    params = other.init(jax.random.key(0), images)
    slopes = [jax.jit(jax.grad(lambda p, ae=ae: ae.loss(p, jax.random.key(1), images)[0]))(params)
              for ae in (one, other)]
    jax.tree.map(np.testing.assert_array_equal, *slopes)


@pytest.mark.parametrize("kernel", ["imq", "rbf"])
def test_weight_draws_codes_to_the_prior(images, kernel):
    """Measured by the other kernel, against draws that training did not see."""
    prior, other, found = jax.random.normal(jax.random.key(7), (2000, 4)), {"imq": "rbf", "rbf": "imq"}[kernel], []
    for weight in (0.0, 30.0):
        ae = variants.wasserstein(FREE, weight=weight, kernel=kernel)
        state, _ = fit(ae, images, optimizer=optax.adam(1e-2), key=jax.random.key(0), epochs=60, batch_size=64)
        code = ae.encode(state.params, images)
        found.append(float(maximum_mean_discrepancy(code, prior, kernel=other)))
    assert found[0] > 3 * found[1]


@pytest.mark.parametrize(("network", "options", "message"), [
    (FREE, {"weight": -1}, "negative"), (FREE, {"kernel": "imk"}, "unknown kernel 'imk': imq or rbf"),
    (FREE, {"scales": (0.0,)}, "above 0"),
    (networks.UNet(shape=(8, 8, 1), channels=(4, 4)), {}, "leads past the code")])
def test_bad_options(network, options, message):
    with pytest.raises(InputError, match=message):
        variants.wasserstein(network, **options)
