import jax
import jax.numpy as jnp
import numpy as np
import pytest

from aejax.divergences import kernel_matrix, maximum_mean_discrepancy
from aejax.types import InputError

RNG = np.random.default_rng(0)


def by_a_loop(x, y, kernel, scales):
    def k(a, b):
        distance, d = np.square(a - b).sum(), len(a)
        return sum(2 * d * s / (2 * d * s + distance) if kernel == "imq" else np.exp(-distance / (2 * d * s))
                   for s in scales)

    def within(samples):
        n = len(samples)
        return sum(k(samples[i], samples[j]) for i in range(n) for j in range(n) if i != j) / (n * (n - 1))
    return within(x) + within(y) - 2 * np.mean([[k(a, b) for b in y] for a in x])


@pytest.mark.parametrize(("kernel", "scales"), [("imq", None), ("imq", (0.3,)), ("rbf", None), ("rbf", (0.5, 2.0))])
def test_by_a_loop(kernel, scales):
    x, y = 50 + RNG.normal(size=(6, 3)), 50.5 + RNG.normal(size=(9, 3))
    own = scales or {"imq": (0.1, 0.2, 0.5, 1, 2, 5, 10), "rbf": (1,)}[kernel]
    found = maximum_mean_discrepancy(jnp.asarray(x, jnp.float32), jnp.asarray(y, jnp.float32), kernel=kernel,
                                     scales=scales)
    np.testing.assert_allclose(found, by_a_loop(x, y, kernel, own), atol=2e-5 * len(own))


def closed_form(mean, stds, d, scale):
    """MMD² of N(0, s₁² I) and N(mean, s₂² I) under exp(−‖x−y‖²/C), C = 2 d scale: Gaussian integrals."""
    def expected(variance, distance):
        width = d * scale + variance
        return (d * scale / width) ** (d / 2) * np.exp(-distance / (2 * width))
    one, two = stds
    far = np.square(mean).sum()
    return expected(2 * one**2, 0) + expected(2 * two**2, 0) - 2 * expected(one**2 + two**2, far)


@pytest.mark.parametrize(("mean", "stds"), [((0.5, -1.0, 0.3), (1.0, 1.0)), ((0.0, 0.0, 0.0), (1.0, 2.0)),
                                            ((0.0, 0.0, 0.0), (1.0, 1.0))], ids=["mean", "variance", "same"])
def test_unbiased_around_the_closed_form(mean, stds):
    """The mean over 4000 sets of 5 and 7 samples; with pairs of a sample with itself it would be far off."""
    x = stds[0] * RNG.normal(size=(4000, 5, 3))
    y = np.array(mean) + stds[1] * RNG.normal(size=(4000, 7, 3))
    values = np.asarray(jax.jit(jax.vmap(lambda a, b: maximum_mean_discrepancy(a, b, kernel="rbf", scales=(0.5,))))(
        jnp.asarray(x, jnp.float32), jnp.asarray(y, jnp.float32)))
    error = values.std() / len(values) ** 0.5
    truth = closed_form(mean, stds, 3, 0.5)
    assert abs(values.mean() - truth) < 4 * error < 0.02
    assert values.min() < 0 if truth == 0 else truth > 5 * error


def test_gradient_where_samples_coincide_is_finite():
    x = jnp.ones((4, 2))
    assert np.isfinite(jax.grad(lambda x: maximum_mean_discrepancy(x, jnp.zeros((4, 2))))(x)).all()
    np.testing.assert_allclose(kernel_matrix(x, x), 7.0, rtol=1e-6)


@pytest.mark.parametrize(("options", "message"), [
    ({"kernel": "linear"}, "unknown kernel 'linear': imq or rbf"), ({"scales": ()}, "above 0"),
    ({"scales": (1.0, 0.0)}, "above 0")])
def test_bad_options(options, message):
    with pytest.raises(InputError, match=message):
        maximum_mean_discrepancy(jnp.ones((2, 2)), jnp.ones((2, 2)), **options)
    with pytest.raises(InputError, match="two samples of either kind, got 1 and 2"):
        maximum_mean_discrepancy(jnp.ones((1, 2)), jnp.ones((2, 2)))
