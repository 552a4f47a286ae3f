import jax
import numpy as np
import pytest

from aejax import variants
from aejax.train import evaluate


@pytest.mark.parametrize("batch_size", [1, 10, 21, 63, 64, 1000])
def test_exact_over_every_example_whatever_the_batch(dense, images, batch_size):
    ae = variants.contractive(dense)
    params = ae.init(jax.random.key(0), images)
    x = images[:63]
    expected = np.mean([ae.loss(params, jax.random.key(0), x[i: i + 1])[0] for i in range(63)])
    np.testing.assert_allclose(evaluate(params, jax.random.key(1), x, ae=ae, batch_size=batch_size)["loss"], expected,
                               rtol=1e-5)


def test_same_noise_for_the_same_key(dense, images):
    ae = variants.denoising(dense)
    params = ae.init(jax.random.key(0), images)
    one, same, other = (float(evaluate(params, jax.random.key(k), images, ae=ae)["loss"]) for k in (1, 1, 2))
    assert one == same != other
