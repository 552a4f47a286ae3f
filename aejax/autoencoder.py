"""The one place where the objective ℓ(x, x̂) + λΩ is written. Read this first.

Every variant is one call of `autoencoder`; what differs is the corruption, the bottleneck, the reconstruction loss, the
penalty and its weight.
"""

import functools

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from aejax import threefry
from aejax.bottlenecks import point
from aejax.corruptions import identity
from aejax.jacobian import BatchCoupledEncoderError
from aejax.losses import squared_error
from aejax.networks import full_precision, refuse_skips
from aejax.types import (
    ArrayLike,
    Autoencoder,
    Batch,
    Bottleneck,
    Corruption,
    InputError,
    Key,
    Masked,
    Metrics,
    Network,
    Params,
    Penalty,
    Range,
    ReconstructionLoss,
    Scalar,
)


def autoencoder(
    network: Network, *, corruption: Corruption = identity, bottleneck: Bottleneck = point,
    reconstruction: ReconstructionLoss | None = None, penalty: Penalty | None = None, weight: Scalar = 0.0,
) -> Autoencoder:
    """Puts the pieces together: loss = mean over the batch of ℓ(x, x̂) + λ·Ω, x̂ = decode(encode(x̃)), x̃ ~ p(x̃|x).

    Args:
      network: a linen module with `encode` and `decode`; its `shape` and `flat`, if any, are respected.
      corruption: x̃ from x, on the [0, 1] scale.
      bottleneck: the code from the encoder's output.
      reconstruction: ℓ with its activation and range; by default `losses.squared_error()`.
      penalty: Ω, or None.
      weight: λ >= 0; may be traced.

    Returns:
      The four functions; `reconstruct` where the network has a method of that name, which is then what is trained;
      `posterior` where the bottleneck has one, and `log_likelihood` where besides the loss is a likelihood's. uint8
      input is mapped onto the range of the loss, float input must lie in it already.

    Raises:
      InputError: weight < 0, or a bottleneck that the network's skip connections lead around.

    >>> from aejax.networks import Dense
    >>> ae = autoencoder(Dense(shape=(4,), code_dim=2))
    >>> params = ae.init(jax.random.key(0), jnp.zeros((3, 4)))
    >>> ae.encode(params, jnp.zeros((3, 4))).shape
    (3, 2)
    """
    if isinstance(weight, (int, float)) and weight < 0:
        raise InputError(f"weight must not be negative, got {weight}")
    reconstruction = squared_error() if reconstruction is None else reconstruction
    corruption = _for_network(corruption, network)
    exact = full_precision(network)
    skips = hasattr(network, "reconstruct")
    if bottleneck is not point:
        refuse_skips(network)

    def apply(params: Params, x: Batch, method: str) -> Array:
        return network.apply({"params": params}, x, method=method)

    def through(module: Network, x: Batch) -> Array:
        return module.decode(bottleneck.code(module.encode(x)))

    def init(key: Key, x: Batch) -> Params:
        check_data(x, reconstruction.range)
        variables = network.init(key, _enter(network, reconstruction.range, x), method=through)
        extra = sorted(set(variables) - {"params"})
        if extra:
            raise BatchCoupledEncoderError(
                f"{type(network).__name__} keeps {', '.join(extra)} between calls (BatchNorm does): it would couple "
                "the examples of a batch; use GroupNorm or LayerNorm")
        check(variables["params"], x)
        return variables["params"]

    def check(params: Params, x: Batch) -> None:
        if hasattr(penalty, "check") and not any(isinstance(leaf, jax.core.Tracer)
                                                 for leaf in jax.tree.leaves((x, params))):
            penalty.check(exact, params, _enter(network, reconstruction.range, x))
    init.check = check   # for whoever compiles `init`, and so hides concrete values from it

    def encode(params: Params, x: Batch) -> Float[Array, "batch code"]:
        return bottleneck.code(apply(params, _enter(network, reconstruction.range, x), "encode"))

    def decode(params: Params, code: Float[ArrayLike, "batch code"]) -> Float[Array, "batch *datum"]:
        output = reconstruction.activation(apply(params, jnp.asarray(code), "decode"))
        shape = getattr(network, "shape", output.shape[1:])
        return output.reshape(output.shape[0], *shape)

    def loss(params: Params, key: Key, x: Batch) -> tuple[Float[Array, ""], Metrics]:
        corruption_key, sample_key, penalty_key = threefry.split(key, 3)
        x = _enter(network, reconstruction.range, x)
        corrupted = corrupt(corruption, corruption_key, x, reconstruction.range)
        h = apply(params, corrupted, "encode")
        code, cost = bottleneck.sample(sample_key, h)
        cost, told = cost if isinstance(cost, tuple) else (cost, {})
        output = apply(params, corrupted, "reconstruct") if skips else apply(params, code, "decode")
        error = jnp.mean(reconstruction.per_example(output, x))
        omega = jnp.zeros(()) if penalty is None else penalty(exact, params, penalty_key, corrupted, code)
        omega, extra = omega if isinstance(omega, tuple) else (omega, {})
        omega = jnp.mean(omega)
        total = error + jnp.mean(cost) + weight * omega
        return total, {"loss": total, "reconstruction": error, "penalty": omega, **told, **extra}

    def reconstruct(params: Params, x: Batch) -> Float[Array, "batch *datum"]:
        return reconstruction.activation(apply(params, _enter(network, reconstruction.range, x), "reconstruct"))

    def posterior(params: Params, x: Batch) -> tuple[Float[Array, "batch code"], Float[Array, "batch code"]]:
        return bottleneck.posterior(apply(params, _enter(network, reconstruction.range, x), "encode"))

    def log_likelihood(params: Params, code: Float[ArrayLike, "batch code"], x: Batch) -> Float[Array, " batch"]:
        x = _enter(network, reconstruction.range, x)
        error = reconstruction.per_example(apply(params, jnp.asarray(code), "decode"), x)
        return -error - reconstruction.nats * jnp.sum(~jnp.isnan(x).reshape(x.shape[0], -1), axis=1)   # known values

    likely = bottleneck.posterior is not None and reconstruction.nats is not None
    return Autoencoder(init, encode, decode, loss, reconstruction.range, reconstruct if skips else None,
                       posterior if bottleneck.posterior is not None else None, log_likelihood if likely else None)


def check_data(x: Batch, range: Range | None) -> None:
    """Refuses concrete data that the loss could not be right about; traced arrays pass.

    Raises:
      InputError: NaN or infinite values, floats outside the range, or uint8 where the range is None.
    """
    for leaf in jax.tree.leaves(x):
        if isinstance(leaf, jax.core.Tracer):
            continue
        leaf = np.asarray(leaf)
        if leaf.dtype == np.uint8 and range is None:
            raise InputError("uint8 data with range=None: give the loss a range, or pass floats")
        if not np.issubdtype(leaf.dtype, np.floating) or leaf.size == 0:
            continue
        low, high = float(leaf.min()), float(leaf.max())   # NaN and infinities show in them
        if not np.isfinite((low, high)).all():
            bad = ~np.isfinite(leaf)
            raise InputError(f"{bad.sum()} values are NaN or infinite, the first in example {np.argwhere(bad)[0][0]}: "
                             "remove or fill them")
        slack = 1e-5 if range is None else 1e-5 * (range[1] - range[0])
        if range is not None and (low < range[0] - slack or high > range[1] + slack):
            raise InputError(f"data from {low:g} to {high:g} for a loss of range {range[0]:g} to {range[1]:g}: scale "
                             "them to it, pass uint8, or choose another loss (range=None takes any finite float)")


def to_range(x: Array, range: Range | None) -> Array:
    """Maps uint8 0…255 onto `range`; floats and other integers (tokens) pass.

    >>> print(to_range(jnp.array([0, 255], jnp.uint8), (-1.0, 1.0)))
    [-1.  1.]
    """
    if x.dtype != jnp.uint8:
        return x
    if range is None:
        raise InputError("uint8 data with range=None: give the loss a range, or pass floats")
    low, high = range
    return x.astype(jnp.float32) * jnp.float32((high - low) / 255) + jnp.float32(low)


def _enter(network: Network, range: Range | None, x: Batch) -> Batch:
    """The door: uint8 to the range, unknown values to NaN, images to flat arrays where the network wants them."""
    x = jax.tree.map(functools.partial(to_range, range=range), jax.tree.map(jnp.asarray, x))
    if isinstance(x, Masked):
        x = jnp.where(x.known_mask, x.values, jnp.nan)
    shape = getattr(network, "shape", None)
    if shape is None or not isinstance(x, jax.Array):
        return x
    if x.shape[1:] != tuple(shape):
        raise InputError(f"data of shape {x.shape}; the network expects {('batch', *shape)}")
    return x.reshape(x.shape[0], -1) if getattr(network, "flat", False) else x


def corrupt(corruption: Corruption, key: Key, x: Batch, range: Range | None) -> Batch:
    """x̃ ~ p(x̃|x) for x in `range`: the corruption works on the [0, 1] scale; untouched values stay, bit for bit.

    >>> from aejax.corruptions import masking_noise
    >>> print(corrupt(masking_noise(1.0), jax.random.key(0), jnp.array([[0.3, 1.0]]), (-1.0, 1.0)))
    [[-1. -1.]]
    """
    if corruption is identity:
        return x
    low, high = (0.0, 1.0) if range is None else range
    unit = (x - low) / (high - low)
    noisy = corruption(key, unit)
    return jnp.where(noisy == unit, x, low + (high - low) * noisy)


def _for_network(corruption: Corruption, network: Network) -> Corruption:
    """Gives a corruption that needs to see images their shape, where the network works on flat arrays."""
    if corruption is identity or getattr(corruption, "elementwise", False) or not getattr(network, "flat", False):
        return corruption
    return lambda key, x: corruption(key, x.reshape(x.shape[0], *network.shape)).reshape(x.shape)
