"""A tighter bound from several samples of the posterior, weighed by their importance."""

import jax
import jax.numpy as jnp

from aejax.autoencoder import autoencoder
from aejax.bottlenecks import gaussian
from aejax.importance import log_weights
from aejax.losses import squared_error
from aejax.networks import with_gaussian_code
from aejax.types import Autoencoder, InputError, Network, ReconstructionLoss


def importance_weighted(network: Network, *, samples: int = 5, reconstruction: ReconstructionLoss | None = None,
                        ) -> Autoencoder:
    """Importance-weighted autoencoder: −log (1/k) Σ_i w_i, w_i = p(x|z_i) p(z_i) / q(z_i|x), z_i ~ q(z|x), in nats.

    k = 1 is the bound of `variational`, with its divergence sampled; more samples come nearer to −log p(x).

    Args:
      samples: k.
      reconstruction: a likelihood: `losses.cross_entropy()`, or the default `squared_error()`, a Gaussian's of
        variance 1.

    Raises:
      InputError: fewer than one sample, a loss that is no likelihood, or a network without `code_outputs`.

    Its metrics: "reconstruction" is ℓ of the samples by their importance, "penalty" what the loss adds to it, "kl" the
    divergence of the posterior, sampled.

    Source: Burda, Grosse, Salakhutdinov, "Importance weighted autoencoders", ICLR 2016.

    >>> from aejax import networks, variants
    >>> ae = variants.importance_weighted(networks.Dense(shape=(28, 28, 1), code_dim=50, widths=(200, 200)), samples=50)
    """
    if samples < 1:
        raise InputError(f"samples must be at least 1, got {samples}")
    reconstruction = squared_error() if reconstruction is None else reconstruction
    parts = {"network": with_gaussian_code(network), "bottleneck": gaussian()}
    ae = autoencoder(**parts, reconstruction=reconstruction)
    if ae.log_likelihood is None:
        raise InputError("importance weights need a likelihood: take losses.cross_entropy or losses.squared_error")
    bare = autoencoder(**parts, reconstruction=reconstruction._replace(nats=0.0))   # what no parameter changes left out

    def loss(params, key, x):
        log_weight, likelihood = log_weights(bare, params, key, x, samples)
        total = jnp.log(samples) - jnp.mean(jax.nn.logsumexp(log_weight, axis=0))
        error = -jnp.mean(jnp.sum(jax.nn.softmax(log_weight, axis=0) * likelihood, axis=0))
        return total, {"loss": total, "reconstruction": error, "penalty": total - error,
                       "kl": jnp.mean(likelihood - log_weight)}
    return ae._replace(loss=loss)
