import jax
import numpy as np
import pytest

from aejax import losses, variants
from aejax.applications.anomaly_detection import reconstruction_score


@pytest.fixture(scope="module")
def ae(dense):
    return variants.standard(dense, reconstruction=losses.squared_error(activation="tanh"))


@pytest.fixture(scope="module")
def params(ae, images):
    return ae.init(jax.random.key(0), images)


def test_reconstruction_score_is_the_loss_of_each_example(ae, params, images):
    """Oracle: the objective of a standard autoencoder on one example at a time."""
    expected = [ae.loss(params, jax.random.key(0), images[i: i + 1])[1]["reconstruction"] for i in range(5)]
    np.testing.assert_allclose(reconstruction_score(ae, params, images[:5], batch_size=2), expected, rtol=1e-5)
