"""Adversarial autoencoder: a discriminator of codes, and an encoder that deceives it."""

from collections.abc import Sequence

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from aejax import threefry
from aejax.autoencoder import autoencoder
from aejax.networks import Adversarial, refuse_skips
from aejax.types import Autoencoder, Key, Metrics, Network, Params, ReconstructionLoss, Scalar


def game(network: Network, params: Params, key: Key, x: Array, code: Float[Array, "batch code"],
         ) -> tuple[Float[Array, " batch"], Metrics]:
    """Ω = softplus(−D̄(z)) + softplus(−D(n)) + softplus(D(sg z)), n ~ N(0, I), D log-odds, one number per example.

    D̄ is D with its parameters held fixed, sg z a code that is held fixed: the first term is the encoder's loss and has
    a gradient for the encoder alone; the others are the discriminator's and have one for the discriminator alone.
    """
    def log_odds(params: Params, code: Array) -> Float[Array, " batch"]:
        return network.apply({"params": params}, code, method="discriminate")
    encoder = jax.nn.softplus(-log_odds(jax.lax.stop_gradient(params), code))
    drawn, given = threefry.normal(key, *code.shape), jax.lax.stop_gradient(code)
    discriminator = jax.nn.softplus(-log_odds(params, drawn)) + jax.nn.softplus(log_odds(params, given))
    return encoder + discriminator, {"encoder": jnp.mean(encoder), "discriminator": jnp.mean(discriminator)}


def adversarial(network: Network, *, weight: Scalar = 0.5, widths: Sequence[int] = (64, 64),
                reconstruction: ReconstructionLoss | None = None) -> Autoencoder:
    """Adversarial autoencoder (AAE): ℓ(x, x̂) + λ (E + D), E the encoder's and D the discriminator's loss on codes.

    A discriminator learns to tell codes from draws of N(0, I), and the encoder to be taken for one. Both learn in the
    same step, of the same optimiser, each from its own loss (see `game`), so that their sum is no measure of progress:
    look at "reconstruction", and at "discriminator", 2 ln 2 = 1.386 nats where it can tell nothing.

    Args:
      network: with `code_activation="identity"`: a bounded code cannot be normal.
      weight: λ >= 0, units of ℓ a nat.
      widths: hidden layers of the discriminator.

    Raises:
      InputError: a network that leads around its code, a negative weight, widths below 1.

    Source: Makhzani, Shlens, Jaitly, Goodfellow, Frey, "Adversarial autoencoders", 2015.

    >>> from aejax import networks, variants
    >>> ae = variants.adversarial(networks.Dense(shape=(28, 28, 1), code_dim=8, code_activation="identity"))
    """
    refuse_skips(network)
    return autoencoder(Adversarial(network, widths=tuple(widths)), penalty=game, weight=weight,
                       reconstruction=reconstruction)
