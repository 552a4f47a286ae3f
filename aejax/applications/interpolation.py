"""From one example to another: by mixing pixels, and by three paths between their codes, for any autoencoder.

Every path is `path(ae, params, a, b, steps)` and gives a `Path` of images at equal steps of t from 0 to 1. Mixing
pixels is the baseline that the others are to beat; on the way all should look like data, which `measure` puts into
numbers.
"""

import functools
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Array, Float

from aejax.applications.classifier import Classifier, entropy, nearest
from aejax.autoencoder import check_data, to_range
from aejax.types import ArrayLike, Autoencoder, InputError, Params, Scalar


class Path(NamedTuple):
    """The ways of B pairs.

    Attributes:
      images: (B, steps, *shape), in `ae.range`; those of codes begin and end at reconstructions, not at the inputs.
      codes: (B, steps, code_dim); None where pixels were mixed.
      energies: (B, iterations + 1), the geodesic's energy as it was minimised, from the straight line's on; else None.
    """

    images: Array
    codes: Array | None = None
    energies: Array | None = None


def pixel(ae: Autoencoder, params: Params, a: ArrayLike, b: ArrayLike, steps: int = 11) -> Path:
    """x(t) = (1 − t) a + t b: one picture fades into the other.

    Args:
      ae, params: as for every path; here only `ae.range` matters.
      a, b: (B, *shape), uint8 or floats in `ae.range`.
      steps: images of a path, both ends included, at least 2.

    Raises:
      InputError: unequal or empty batches, examples of another shape than the autoencoder takes, values that are not
        finite or outside its range, steps < 2.
    """
    a, b = (to_range(jnp.asarray(x), ae.range) for x in _check(ae, params, a, b, steps))
    return Path(_lerp(a.reshape(a.shape[0], -1), b.reshape(b.shape[0], -1), steps).reshape(-1, steps, *a.shape[1:]))


def linear(ae: Autoencoder, params: Params, a: ArrayLike, b: ArrayLike, steps: int = 11) -> Path:
    """x(t) = decode((1 − t) encode(a) + t encode(b)). Arguments as for `pixel`.

    >>> from aejax import networks, variants
    >>> ae = variants.standard(networks.Dense(shape=(4,), code_dim=2))
    >>> x = jnp.zeros((3, 4))
    >>> linear(ae, ae.init(jax.random.key(0), x), x, x, steps=5).images.shape
    (3, 5, 4)
    """
    codes = _lerp(*_codes(ae, params, a, b, steps), steps)
    return Path(_decode(params, codes, ae=ae), codes)


def slerp(ae: Autoencoder, params: Params, a: ArrayLike, b: ArrayLike, steps: int = 11) -> Path:
    """z(t) = (sin((1 − t)ω) encode(a) + sin(tω) encode(b)) / sin ω, ω the angle of the codes, seen from the origin.

    Codes of equal length keep it; the straight line would pass nearer to the origin. Codes on one line through the
    origin (sin ω = 0) are joined by it. Arguments as for `pixel`. (Shoemake 1985; White 2016, arXiv:1609.04468)
    """
    start, end = _codes(ae, params, a, b, steps)
    lengths = [jnp.linalg.norm(codes, axis=1, keepdims=True) for codes in (start, end)]
    u, v = (codes / jnp.maximum(length, 1e-30) for codes, length in zip((start, end), lengths, strict=True))
    omega = 2 * jnp.arctan2(jnp.linalg.norm(u - v, axis=1), jnp.linalg.norm(u + v, axis=1))[:, None, None]
    t = jnp.linspace(0, 1, steps)[None, :, None]
    apart = (jnp.sin(omega) > 1e-4) & (jnp.minimum(*lengths) > 0)[..., None]   # nearer to a line, rounding would show
    sine = jnp.where(apart, jnp.sin(omega), 1)
    arc = jnp.sin((1 - t) * omega) / sine * start[:, None] + jnp.sin(t * omega) / sine * end[:, None]
    codes = jnp.where(apart, arc, _lerp(start, end, steps))
    return Path(_decode(params, codes, ae=ae), codes)


def geodesic(ae: Autoencoder, params: Params, a: ArrayLike, b: ArrayLike, steps: int = 11, *, iterations: int = 300,
             learning_rate: float = 0.02) -> Path:
    """The path of codes whose images change least: argmin over the inner codes of Σᵢ ‖decode(zᵢ₊₁) − decode(zᵢ)‖².

    A least energy means a short way in pixels at even speed: a geodesic of the metric that the decoder pulls back to
    the codes. Found by Adam from the straight line, each pair by itself; the best codes met are returned, so that the
    energy is never above the straight line's. Arguments as for `pixel`. (Shao, Kumar and Fletcher 2018)

    Args:
      iterations: of Adam, whose rate falls to 0 by a cosine; at least 1.
      learning_rate: in units of the ends' root mean square distance along an axis of the code.

    Raises:
      InputError: as `pixel`, or unusable `iterations` or `learning_rate`.
    """
    if iterations < 1 or not 0 < learning_rate < np.inf:
        raise InputError(f"geodesic: iterations must be at least 1 and learning_rate a positive number, got "
                         f"{iterations} and {learning_rate}")
    straight = _lerp(*_codes(ae, params, a, b, steps), steps)
    codes, energies = _shorten(params, straight, learning_rate, ae=ae, iterations=iterations)
    return Path(_decode(params, codes, ae=ae), codes, energies)


PATHS = {"pixel": pixel, "linear": linear, "slerp": slerp, "geodesic": geodesic}


def energy(images: Float[ArrayLike, "batch steps *datum"]) -> Float[Array, " batch"]:
    """Σᵢ ‖xᵢ₊₁ − xᵢ‖² of each path, (data unit)²; with K images at least ‖x_K − x₁‖² / (K − 1).

    >>> print(energy(jnp.array([[[0.0], [1.0], [3.0]]])))
    [5.]
    """
    return jnp.sum(jnp.square(jnp.diff(jnp.asarray(images), axis=1)), axis=tuple(range(1, images.ndim)))


class Measures(NamedTuple):
    """Of every image of B paths.

    Attributes:
      distance: (B, steps), to the nearest real image, in the classifier's features.
      entropy: (B, steps), of the classifier's probabilities, in nats.
    """

    distance: Array
    entropy: Array


def measure(classifier: Classifier, images: Float[ArrayLike, "batch steps h w c"],
            real: Float[ArrayLike, "n features"]) -> Measures:
    """How far from real images the paths lead, and how undecided the classifier is on them.

    Args:
      images: of paths, on the [0, 1] scale.
      real: `classifier.features` of real images, which hold neither end of a path.
    """
    flat = jnp.asarray(images).reshape(-1, *images.shape[2:])
    found = nearest(classifier.features(flat), real)[0], entropy(classifier.probabilities(flat))
    return Measures(*(values.reshape(images.shape[:2]) for values in found))


def _check(ae: Autoencoder, params: Params, a: ArrayLike, b: ArrayLike, steps: int) -> tuple[ArrayLike, ArrayLike]:
    if steps < 2:
        raise InputError(f"steps must be at least 2, the two ends, got {steps}")
    if a.shape != b.shape or len(a.shape) < 2 or not len(a):
        raise InputError(f"interpolation from {a.shape} to {b.shape}: give two equally large batches of examples, each "
                         "with a leading axis")
    for x in (a, b):
        check_data(x, ae.range)
    jax.eval_shape(ae.encode, params, a)   # an error where examples are not of the autoencoder's shape
    return a, b


def _codes(ae: Autoencoder, params: Params, a: ArrayLike, b: ArrayLike, steps: int) -> tuple[Array, Array]:
    _check(ae, params, a, b, steps)
    return _encode(params, a, ae=ae), _encode(params, b, ae=ae)


@functools.partial(jax.jit, static_argnames="ae")
def _encode(params: Params, x: ArrayLike, *, ae: Autoencoder) -> Array:
    return ae.encode(params, x)


@functools.partial(jax.jit, static_argnames="ae")
def _decode(params: Params, codes: Array, *, ae: Autoencoder) -> Array:
    """(B, steps, d) -> (B, steps, *shape), one pair after the other in blocks, which bounds memory."""
    return jax.lax.map(functools.partial(ae.decode, params), codes, batch_size=64)


def _lerp(start: Array, end: Array, steps: int) -> Array:
    """(B, n) twice -> (B, steps, n)."""
    t = jnp.linspace(0, 1, steps)[None, :, None]
    return (1 - t) * start[:, None] + t * end[:, None]


@functools.partial(jax.jit, static_argnames=("ae", "iterations"))
def _shorten(params: Params, codes: Array, learning_rate: Scalar, *, ae: Autoencoder, iterations: int,
             ) -> tuple[Array, Array]:
    """(B, steps, d) -> the same with inner codes of less energy, and the energies, (B, iterations + 1)."""
    optimizer = optax.adam(lambda step: learning_rate * optax.cosine_decay_schedule(1.0, iterations)(step))

    def one(straight: Array) -> tuple[Array, Array]:
        unit = jnp.maximum(jnp.sqrt(jnp.mean(jnp.square(straight[-1] - straight[0]))), 1e-12)

        def bend(inner: Array) -> Array:
            return jnp.concatenate([straight[:1], straight[1:-1] + unit * inner, straight[-1:]])

        def of(inner: Array) -> Array:
            return energy(ae.decode(params, bend(inner))[None])[0]

        def advance(carry, _):
            inner, state, best, least = carry
            value, gradient = jax.value_and_grad(of)(inner)
            best, least = jnp.where(value < least, inner, best), jnp.minimum(value, least)
            updates, state = optimizer.update(gradient, state)
            return (optax.apply_updates(inner, updates), state, best, least), value
        inner = jnp.zeros_like(straight[1:-1])
        (inner, _, best, least), values = jax.lax.scan(
            advance, (inner, optimizer.init(inner), inner, jnp.inf), length=iterations)
        last = of(inner)
        return bend(jnp.where(last < least, inner, best)), jnp.append(values, last)
    return jax.vmap(one)(codes)
