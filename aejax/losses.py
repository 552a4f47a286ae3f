"""Reconstruction losses ℓ(x, x̂): a per-example error, the output activation, and the range of the data, as one object.

One reduction rule: sum over a datum, mean over a batch (the mean is taken in `aejax.autoencoder`).
`mean_squared_error` is the named exception, for parity with notebooks that average over everything.
"""

import math
from collections.abc import Callable

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from aejax.types import InputError, Range, ReconstructionLoss

_ACTIVATIONS: dict[str, tuple[Callable, Range]] = {
    "sigmoid": (jax.nn.sigmoid, (0.0, 1.0)),
    "tanh": (jnp.tanh, (-1.0, 1.0)),
    "identity": (lambda output: output, (0.0, 1.0)),
}


def squared_error(*, activation: str = "sigmoid", range: Range | str | None = "activation") -> ReconstructionLoss:
    """Half the squared error, summed over a datum: ℓ(x, x̂) = ½‖x − x̂‖².

    Args:
      activation: "sigmoid" (range (0, 1)), "tanh" (range (-1, 1)) or "identity" (range (0, 1) unless given).
      range: lowest and highest value of the data; None accepts any finite float and refuses uint8, as tables need;
        by default the activation's.

    Raises:
      InputError: unknown activation, or a range that the activation cannot reach.

    >>> loss = squared_error(activation="identity", range=None)
    >>> print(loss.per_example(jnp.ones((2, 3)), jnp.zeros((2, 3))))
    [1.5 1.5]
    """
    loss = _squared(activation, range, lambda output, x: 0.5 * jnp.sum(jnp.square(output - x), axis=_datum(x)))
    return loss._replace(nats=0.5 * math.log(2 * math.pi))   # of a Gaussian of variance 1


def mean_squared_error(*, activation: str = "tanh", range: Range | str | None = "activation") -> ReconstructionLoss:
    """Squared error averaged over everything, as torch.nn.MSELoss: ℓ(x, x̂) = ‖x − x̂‖² / n.

    It weighs a penalty n/2 times more than `squared_error` does, n values a datum. Arguments as there.

    >>> print(mean_squared_error().per_example(jnp.zeros((1, 4)), jnp.full((1, 4), 0.5)))
    [0.25]
    """
    return _squared(activation, range, lambda output, x: jnp.mean(jnp.square(output - x), axis=_datum(x)))


def cross_entropy() -> ReconstructionLoss:
    """Binary cross-entropy in nats, summed over a datum: ℓ(x, x̂) = −Σ x log x̂ + (1−x) log(1−x̂), x̂ = σ(a).

    Computed from the logits a as Σ softplus(a) − a·x, finite for every finite a. Data in [0, 1].

    >>> print(cross_entropy().per_example(jnp.array([[200.0]]), jnp.array([[1.0]])))
    [0.]
    """
    def per_example(output: Float[Array, "batch *datum"], x: Float[Array, "batch *datum"]) -> Float[Array, " batch"]:
        return jnp.sum(jax.nn.softplus(output) - output * x, axis=_datum(x))
    return ReconstructionLoss(per_example, jax.nn.sigmoid, (0.0, 1.0), nats=0.0)


_FAR = -1e4   # an output at which each loss here is exactly 0 for x = activation(output)


def known_values(reconstruction: ReconstructionLoss) -> ReconstructionLoss:
    """The same loss of the known values alone: Σ ℓ(x_j, x̂_j) over all j of a datum where x_j is not NaN.

    Unknown values add exactly 0, to the loss and to its gradient. The sum of `squared_error` and `cross_entropy` thus
    has fewer terms; the mean of `mean_squared_error` still divides by the number of all values.

    >>> loss = known_values(squared_error(activation="identity", range=None))
    >>> print(loss.per_example(jnp.ones((2, 3)), jnp.array([[0.0, jnp.nan, 0.0], [jnp.nan] * 3])))
    [1. 0.]
    """
    def per_example(output: Float[Array, "batch *datum"], x: Float[Array, "batch *datum"]) -> Float[Array, " batch"]:
        known = ~jnp.isnan(x)   # both sides are replaced before the loss: the gradient of 0 · NaN would be NaN
        far = jnp.asarray(_FAR, output.dtype)
        return reconstruction.per_example(jnp.where(known, output, far),
                                          jnp.where(known, x, reconstruction.activation(far)))
    return reconstruction._replace(per_example=per_example)


def _squared(activation: str, range: Range | str | None, error: Callable) -> ReconstructionLoss:
    if activation not in _ACTIVATIONS:
        raise InputError(f"unknown output activation {activation!r}: one of {', '.join(_ACTIVATIONS)}")
    squash, reach = _ACTIVATIONS[activation]
    if range == "activation":
        range = reach
    elif activation != "identity" and (range is None or range[0] < reach[0] or range[1] > reach[1]):
        raise InputError(f"{activation} cannot reach the range {range}: use activation='identity'")

    def per_example(output: Float[Array, "batch *datum"], x: Float[Array, "batch *datum"]) -> Float[Array, " batch"]:
        return error(squash(output), x)
    return ReconstructionLoss(per_example, squash, range)


def _datum(x: Array) -> tuple[int, ...]:
    """The axes of one datum: all but the first."""
    return tuple(axis for axis, _ in enumerate(x.shape) if axis > 0)
