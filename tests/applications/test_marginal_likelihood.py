import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.stats import multivariate_normal

from aejax import losses, networks, variants
from aejax.applications import marginal_likelihood
from aejax.applications.marginal_likelihood import nll
from aejax.types import InputError

LINEAR = networks.Dense(shape=(4,), code_dim=2, code_activation="identity")
AE = variants.variational(LINEAR, reconstruction=losses.squared_error(activation="identity", range=None))
X = np.random.default_rng(0).normal(size=(5, 4)).astype(np.float32)
START = AE.init(jax.random.key(0), X)
PARAMS = START | {   # a posterior that is wrong, but wider than the true one, so that no weight is huge
    "encoder_kernel_0": START["encoder_kernel_0"].at[:, 2:].set(0.0),
    "encoder_bias_0": START["encoder_bias_0"].at[2:].set(0.3)}
W = np.asarray(PARAMS["decoder_kernel_0"], np.float64)
LOG_P = multivariate_normal(np.zeros(4), W.T @ W + np.eye(4)).logpdf(X)   # the decoder is linear: a Gaussian


def test_many_samples_of_a_wrong_posterior_give_the_closed_form():
    np.testing.assert_allclose(nll(AE, PARAMS, jax.random.key(1), X, samples=20_000), -LOG_P, rtol=0.01)


def test_few_samples_are_a_bound_that_more_samples_tighten():
    keys = jax.random.split(jax.random.key(2), 40)
    one, ten = (np.mean([nll(AE, PARAMS, key, X, samples=k) for key in keys]) for k in (1, 10))
    assert one > ten > -LOG_P.mean() - 0.02 and one - ten > 0.05


def test_chunks_count_every_sample_once(monkeypatch):
    """2 + 2 + 1 samples: the sixth of the last chunk counts nothing, and batches of one hold each datum once."""
    monkeypatch.setattr(marginal_likelihood, "AT_ONCE", 2)
    constant = AE._replace(posterior=lambda params, x: (jnp.zeros((x.shape[0], 2)), jnp.zeros((x.shape[0], 2))),
                           log_likelihood=lambda params, code, x: jnp.asarray(x)[:, 0])
    np.testing.assert_allclose(nll(constant, PARAMS, jax.random.key(0), X, samples=5), -X[:, 0], rtol=1e-5)


def test_no_sample_is_an_error():
    with pytest.raises(InputError, match="at least 1"):
        nll(AE, PARAMS, jax.random.key(0), X, samples=0)
