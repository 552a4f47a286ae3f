"""Importance weights: how much likelier a datum is by the model than samples of its posterior make it."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from aejax import threefry
from aejax.types import Autoencoder, Batch, InputError, Key, Params


def log_weights(ae: Autoencoder, params: Params, key: Key, x: Batch, samples: int,
                ) -> tuple[Float[Array, "samples batch"], Float[Array, "samples batch"]]:
    """log w = log p(x|z) + log p(z) − log q(z|x) of `samples` codes z ~ q(z|x) of each datum, p(z) = N(0, I).

    The mean of log w is the evidence lower bound, the logarithm of the mean of w the importance-weighted one.

    Args:
      key: of the samples.
      x: data as for `ae.loss`.

    Returns:
      log w and log p(x|z), in nats.

    Raises:
      InputError: an autoencoder without a posterior, or whose loss is no likelihood.
    """
    if ae.posterior is None:
        raise InputError("this autoencoder has no posterior q(z|x), and so no likelihood of data: variational and "
                         "importance_weighted ones have")
    if ae.log_likelihood is None:
        raise InputError("the loss of this autoencoder is no likelihood: take losses.cross_entropy or squared_error")
    mean, log_var = ae.posterior(params, x)
    noise = threefry.normal(key, samples * mean.shape[0], mean.shape[1]).reshape(samples, *mean.shape)
    code = mean[None] + jnp.exp(0.5 * log_var)[None] * noise
    likelihood = jax.vmap(lambda code: ae.log_likelihood(params, code, x))(code)
    prior_to_posterior = 0.5 * jnp.sum(log_var[None] + jnp.square(noise) - jnp.square(code), axis=2)
    return likelihood + prior_to_posterior, likelihood
