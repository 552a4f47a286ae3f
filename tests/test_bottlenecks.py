import jax
import jax.numpy as jnp
import numpy as np

from aejax import bottlenecks
from aejax.autoencoder import autoencoder
from aejax.types import Bottleneck

H = jnp.array([[1.0, -2.0], [3.0, 0.5], [0.0, 4.0]])


def test_point_is_the_output_at_no_cost():
    code, cost = bottlenecks.point.sample(jax.random.key(0), H)
    np.testing.assert_array_equal(code, H)
    np.testing.assert_array_equal(bottlenecks.point.code(H), H)
    assert cost.shape == (3,) and cost.dtype == H.dtype and not cost.any()


def test_another_bottleneck_meets_code_and_loss(dense, images):
    """`encode` gives `code(h)`; the decoder is trained on `sample`, whose cost is added to the loss."""
    doubling = Bottleneck(code=lambda h: 2 * h, sample=lambda key, h: (h, jnp.full(h.shape[0], 7.0)))
    plain, other = autoencoder(dense), autoencoder(dense, bottleneck=doubling)
    params = plain.init(jax.random.key(0), images)
    np.testing.assert_array_equal(other.encode(params, images), 2 * plain.encode(params, images))
    losses = [ae.loss(params, jax.random.key(1), images)[0] for ae in (plain, other)]
    np.testing.assert_allclose(losses[1] - losses[0], 7.0, rtol=1e-5)


def test_rounded_is_the_nearest_integer_and_in_training_noise_of_one_step():
    h = jnp.linspace(-3, 3, 4000).reshape(1000, 4)
    np.testing.assert_array_equal(bottlenecks.rounded.code(h), np.rint(h))
    code, cost = bottlenecks.rounded.sample(jax.random.key(0), h)
    noise = np.asarray(code - h)
    assert np.abs(noise).max() <= 0.5 + 1e-6 and not cost.any()
    assert abs(noise.mean()) < 0.02 and abs(noise.var() - 1 / 12) < 0.005   # as rounding's error
    np.testing.assert_allclose(jax.grad(lambda h: bottlenecks.rounded.sample(jax.random.key(0), h)[0].sum())(h), 1)
