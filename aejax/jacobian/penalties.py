"""Penalties made of Jacobian norms, and the probe that refuses encoders for which they are not defined."""

import functools
import logging
from collections.abc import Callable

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from aejax.jacobian.norms import Encoder, check_method, hutchinson, plan, squared_norm
from aejax.types import InputError, Key, Metrics, Penalty

logger = logging.getLogger("aejax")


class BatchCoupledEncoderError(InputError):
    """The code of one example depends on another example of the batch."""


def check_uncoupled(encode: Encoder, x: Float[Array, "batch *datum"], name: str = "the encoder") -> None:
    """A cheap probe on concrete input, before training: one example's code must not change with another example.

    Raises:
      BatchCoupledEncoderError: ∂h_i/∂x_j ≠ 0 for some i ≠ j.
      InputError: the code is not finite.
    """
    pair = jnp.concatenate([x[:1], 0.5 * x[:1]])
    tangent = jnp.stack([jnp.zeros_like(x[0]), jax.random.normal(jax.random.key(0), x.shape[1:], x.dtype)])
    code, moved = jax.jvp(encode, (pair,), (tangent,))
    if not jnp.isfinite(code).all():
        raise InputError(f"{name} returns NaN or infinite codes for its first parameters: look at its initialisers")
    if (moved[0] != 0).any():
        raise BatchCoupledEncoderError(
            f"{name} couples the examples of a batch (BatchNorm and attention over the batch do): its Jacobian per "
            "example is not defined; use GroupNorm or LayerNorm")


def encoder_of(network, params) -> Encoder:
    """The network's encoder for these parameters, split after its first affine map where the network offers that."""
    if hasattr(network, "split_encoder"):
        return network.split_encoder(params)
    return functools.partial(network.apply, {"params": params}, method="encode")


@functools.cache
def _say(message: str) -> None:
    logger.info(message)   # once: a training step is traced several times


def penalty_of(function: Callable[[Encoder, Key, Array], Array | tuple[Array, Metrics]]) -> Penalty:
    """A `types.Penalty` from (encoder, key, x) -> Ω; before training, its `check` refuses coupled encoders."""
    def penalty(network, params, key, x, code) -> Array | tuple[Array, Metrics]:
        return function(encoder_of(network, params), key, x)

    def check(network, params, x) -> None:
        encode = functools.partial(network.apply, {"params": params}, method="encode")
        check_uncoupled(encode, x, type(network).__name__)
    penalty.check = check
    return penalty


def contractive_penalty(*, method: str = "auto", chunk_size: int | None = None, samples: int = 2) -> Penalty:
    """Ω(x) = ‖∂h/∂x‖²_F as a `types.Penalty`; arguments as for `squared_norm`.

    The estimate, from two samples an example on, adds the metric "penalty_standard_error": that of the batch's mean.
    """
    check_method(method, chunk_size)
    if samples < 1:
        raise InputError(f"samples must be at least 1, got {samples}")

    def norm(encode: Encoder, key: Key, x: Array) -> Array | tuple[Array, Metrics]:
        if method == "auto":
            choice = plan(encode, x)
            _say(f"Jacobian norm by {choice.method}: about {choice.operations:.3g} multiply-adds and "
                 f"{choice.floats * 4e-6:.2g} MB an example")
        if method == "hutchinson":
            value, error = hutchinson(encode, x, key=key, samples=samples, chunk_size=chunk_size)
            error = jax.lax.stop_gradient(jnp.sqrt(jnp.sum(jnp.square(error))) / x.shape[0])
            return value, {"penalty_standard_error": error} if samples > 1 else {}
        return squared_norm(encode, x, method=method, chunk_size=chunk_size)
    return penalty_of(norm)
