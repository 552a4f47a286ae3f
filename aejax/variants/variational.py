"""A Gaussian for a code: the evidence lower bound, its divergence weighed, warmed up, or free up to a bound."""

import jax.numpy as jnp

from aejax.autoencoder import autoencoder
from aejax.bottlenecks import gaussian
from aejax.networks import with_gaussian_code
from aejax.types import Autoencoder, InputError, Network, ReconstructionLoss, Scalar


def variational(network: Network, *, beta: Scalar = 1.0, warm_up: int = 0, free_bits: float = 0.0,
                reconstruction: ReconstructionLoss | None = None) -> Autoencoder:
    """Variational autoencoder: E_q[ℓ(x, x̂)] + β KL(q(z|x) ‖ N(0, I)), one sample z of q = N(μ(x), diag σ²(x)).

    With β = 1 and no free bits the loss is −ELBO, an upper bound of −log p(x), in nats.

    Args:
      beta: β >= 0.
      warm_up: steps in which β grows from 0 to its value, evenly; 0 is none.
      free_bits: nats a unit of the code that cost nothing (see `bottlenecks.gaussian`), against units that stay unused.
      reconstruction: of images best `losses.cross_entropy()`; the default `squared_error()` is the likelihood of a
        Gaussian of variance 1, whose noise hides much of an image.

    Raises:
      InputError: a negative number, or a network without `code_outputs`.

    Source: Kingma, Welling, "Auto-encoding variational Bayes", ICLR 2014; β: Higgins et al., ICLR 2017.

    >>> from aejax import networks, variants
    >>> ae = variants.variational(networks.Dense(shape=(28, 28, 1), code_dim=20, widths=(400,), activation="relu"))
    """
    for name, value in {"beta": beta, "warm_up": warm_up, "free_bits": free_bits}.items():
        if isinstance(value, (int, float)) and value < 0:
            raise InputError(f"{name} must not be negative, got {value}")

    def at(beta: Scalar) -> Autoencoder:
        return autoencoder(with_gaussian_code(network), bottleneck=gaussian(beta, free_bits),
                           reconstruction=reconstruction)

    if not warm_up:
        return at(beta)
    return at(beta)._replace(scheduled=lambda step: at(beta * jnp.minimum(1.0, step / warm_up)))
