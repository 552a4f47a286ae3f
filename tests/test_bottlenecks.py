import jax
import jax.numpy as jnp
import numpy as np
from scipy.stats import norm

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


def test_divergence_is_what_samples_say():
    """KL(q ‖ N(0, 1)) = E_q[log q − log p], by 400,000 draws."""
    mean, log_var = jnp.array([[0.3, -1.2, 0.0]]), jnp.array([[-1.0, 0.5, 0.0]])
    z = np.asarray(mean) + np.exp(np.asarray(log_var) / 2) * np.random.default_rng(0).normal(size=(400_000, 3))
    q, p = norm(np.asarray(mean), np.exp(np.asarray(log_var) / 2)), norm(0, 1)
    np.testing.assert_allclose(bottlenecks.divergence(mean, log_var)[0], (q.logpdf(z) - p.logpdf(z)).mean(0), atol=5e-3)


def test_gaussian_samples_its_posterior_and_costs_its_divergence():
    h = jnp.tile(jnp.array([[1.0, -2.0, 0.4, -1.0]]), (20_000, 1))
    code, (cost, told) = bottlenecks.gaussian(beta=2.0).sample(jax.random.key(0), h)
    np.testing.assert_array_equal(bottlenecks.gaussian().code(h), h[:, :2])
    np.testing.assert_allclose(code.mean(0), [1, -2], atol=0.03)
    np.testing.assert_allclose(code.var(0), np.exp([0.4, -1.0]), rtol=0.03)
    np.testing.assert_allclose(cost, 2 * bottlenecks.divergence(h[:, :2], h[:, 2:]).sum(1), rtol=1e-6)
    np.testing.assert_allclose(told["kl"], cost.mean() / 2, rtol=1e-5)


def test_free_bits_cost_what_lies_above_them_and_do_not_pull():
    h = jnp.array([[0.1, 3.0, 0.0, 0.0], [-0.1, 1.0, 0.0, 0.0]])   # KL of units: 0.005 and (4.5 + 0.5)/2
    bottleneck = bottlenecks.gaussian(free_bits=0.5)
    cost = bottleneck.sample(jax.random.key(0), h)[1][0]
    np.testing.assert_allclose(cost, [3.0, 3.0], rtol=1e-6)
    slope = jax.grad(lambda h: bottleneck.sample(jax.random.key(0), h)[1][0].mean())(h)
    assert not slope[:, [0, 2]].any() and (slope[:, 1] > 0).all()
