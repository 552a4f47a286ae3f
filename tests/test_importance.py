import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.stats import multivariate_normal

from aejax import losses, networks, variants
from aejax.importance import log_weights
from aejax.types import InputError

ANY = losses.squared_error(activation="identity", range=None)
LINEAR = networks.Dense(shape=(5,), code_dim=2, code_activation="identity")
W = np.linalg.qr(np.random.default_rng(0).normal(size=(5, 2)))[0] * [2.0, 0.7]   # orthogonal columns, so that the
SHIFT = np.arange(5) / 3                                                         # posterior's covariance is diagonal
X = np.random.default_rng(1).normal(size=(6, 5)).astype(np.float32)
LOG_P = multivariate_normal(SHIFT, W @ W.T + np.eye(5)).logpdf(X)   # of x = W z + b + noise of variance 1


def exact_params():
    """A linear model with its own posterior: N(M Wᵀ(x − b), M), M = (WᵀW + I)⁻¹."""
    spread = 1 / ((W**2).sum(0) + 1)
    kernel = np.hstack([W * spread, np.zeros((5, 2))])
    bias = np.concatenate([-SHIFT @ (W * spread), np.log(spread)])
    return jax.tree.map(lambda leaf: jnp.asarray(leaf, jnp.float32), {
        "encoder_kernel_0": kernel, "encoder_bias_0": bias, "decoder_kernel_0": W.T, "decoder_bias_0": SHIFT})


def test_with_the_exact_posterior_every_weight_is_the_likelihood():
    """Probabilistic PCA, whose log p(x) has a closed form: log p(x, z) − log p(z|x) is log p(x) for each z."""
    ae = variants.variational(LINEAR, reconstruction=ANY)
    weights, likelihood = log_weights(ae, exact_params(), jax.random.key(0), X, 7)
    assert weights.shape == likelihood.shape == (7, 6)
    np.testing.assert_allclose(weights, np.tile(LOG_P, (7, 1)), rtol=1e-4)
    assert np.ptp(likelihood, axis=0).min() > 0.01


@pytest.mark.parametrize(("ae", "message"), [
    (variants.standard(LINEAR), "no posterior"),
    (variants.variational(LINEAR, reconstruction=losses.mean_squared_error()), "no likelihood")])
def test_what_has_no_likelihood_says_so(ae, message):
    with pytest.raises(InputError, match=message):
        log_weights(ae, exact_params(), jax.random.key(0), X, 2)
