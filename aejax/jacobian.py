"""The exact contractive penalty Ω(x) = ‖∂h/∂x‖²_F for any encoder, and cheaper exact routes to the same number.

`jax.jacfwd` is the definition that every other route is held to, on trained parameters. With h = rest(a), a = x W + b,
K = ∂h/∂a and G = WᵀW the Jacobian is K Wᵀ, so that ‖J‖² = tr(K G Kᵀ): the size n of the input has left the sum.
"""

import functools
import logging
import math
from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from aejax.types import InputError, Key, Penalty, SplitEncoder

logger = logging.getLogger("aejax")
METHODS = ("auto", "jacfwd", "jacrev", "gram", "closed_form", "hutchinson")
Encoder = Callable[[Array], Array]   # (B, *datum) -> (B, d); a SplitEncoder allows more methods


class Plan(NamedTuple):
    """A method with its predicted cost: multiply-adds of the Jacobian and floats it holds, both an example."""

    method: str
    operations: float
    floats: float


def squared_norm(
    encode: Encoder, x: Float[Array, "batch *datum"], *, method: str = "auto", chunk_size: int | None = None,
    key: Key | None = None, samples: int = 1,
) -> Float[Array, " batch"]:
    """Squared Frobenius norm of the encoder's Jacobian at each example: Ω(x) = Σ_ij (∂h_j/∂x_i)².

    It is not ‖∇ Σ_j h_j‖² = ‖Jᵀ1‖², the gradient of the summed outputs, with which it is often confused.

    Args:
      encode: (B, *datum) -> (B, d); examples must not influence each other. A `types.SplitEncoder` opens two routes.
      x: (B, *datum), floats.
      method: "jacfwd" is the definition, n forward passes an example; "jacrev" takes d backward passes; "gram" goes
        from the first pre-activation and contracts with WᵀW; "closed_form" is Σ_j f'(a_j)²‖w_j‖², one layer only;
        "hutchinson" is an unbiased estimate, the mean of ‖Jᵀv‖² over random signs v; "auto" is the exact one of
        least predicted cost.
      chunk_size: examples whose Jacobians are held at once; None: all of them.
      key, samples: of the estimate alone: its randomness and how many v are drawn an example.

    Returns:
      (B,), in (code unit / data unit)².

    Raises:
      InputError: unknown method, one that the encoder does not allow, chunk_size or samples below 1, no key.

    Source: Rifai et al., "Contractive auto-encoders", ICML 2011; Hutchinson, Commun. Stat. 19 (1990).

    >>> print(squared_norm(lambda x: x @ jnp.array([[3.0], [4.0]]), jnp.zeros((2, 2))))
    [25. 25.]
    """
    check_method(method, chunk_size)
    if method == "auto":
        method = plan(encode, x).method
    if method == "hutchinson":
        return hutchinson(encode, x, key=key, samples=samples, chunk_size=chunk_size)[0]
    if method in ("gram", "closed_form"):
        if not isinstance(encode, SplitEncoder) or (method == "closed_form" and not encode.elementwise):
            needed = "one layer" if method == "closed_form" else "a first affine map"
            raise InputError(f"method {method!r} needs an encoder of {needed} (networks.Dense has one): use auto")
        a = x.reshape(x.shape[0], -1) @ encode.kernel + encode.bias[None]
        if method == "closed_form":
            _, slope = jax.jvp(encode.rest, (a,), (jnp.ones_like(a),))
            return jnp.square(slope) @ jnp.sum(jnp.square(encode.kernel), axis=0)
        gram = encode.kernel.T @ encode.kernel
        passes = _single(encode.rest, "jacrev" if _code_dim(encode, x) < a.shape[1] else "jacfwd")
        return _map_chunks(lambda rows: _quadratic(jax.vmap(passes)(rows), gram), a, chunk_size)
    jacobian = _single(encode, method)
    return _map_chunks(jax.vmap(lambda row: jnp.sum(jnp.square(jacobian(row)))), x, chunk_size)


def plan(encode: Encoder, x: Float[Array, "batch *datum"]) -> Plan:
    """The exact method of least predicted cost for this encoder and these shapes; never an estimate."""
    n, d = math.prod(x.shape[1:]), _code_dim(encode, x)
    if not isinstance(encode, SplitEncoder):
        return Plan("jacrev" if d < n else "jacfwd", min(d, n) * n, d * n)   # passes times at least n values each
    m = encode.kernel.shape[1]
    if encode.elementwise:
        return Plan("closed_form", m, m)
    options = [Plan("gram", d * m * m + min(d, m) * m, 2 * d * m), Plan("jacrev", d * n * m, d * n),
               Plan("jacfwd", n * n * m, d * n)]
    return min(options, key=lambda option: option.operations)


def hutchinson(encode: Encoder, x: Float[Array, "batch *datum"], *, key: Key | None, samples: int = 1,
               chunk_size: int | None = None) -> tuple[Float[Array, " batch"], Float[Array, " batch"]]:
    """Hutchinson's estimate of ‖J‖²_F, mean over `samples` of ‖Jᵀv‖², v of independent signs; and its standard error.

    The standard error is that of each example's mean over its samples, NaN for one sample.
    """
    if key is None or samples < 1:
        raise InputError("method 'hutchinson' needs a key and samples of at least 1")

    def of_rows(pairs: tuple[Array, Array]) -> Array:
        rows, keys = pairs
        code, pullback = jax.vjp(encode, rows)

        def draw(sample_key: Array) -> Array:
            signs = jax.vmap(lambda k, c: jax.random.rademacher(k, c.shape, c.dtype))(sample_key, code)
            return jnp.sum(jnp.square(pullback(signs)[0]).reshape(rows.shape[0], -1), axis=1)
        return jax.lax.map(draw, jax.vmap(lambda k: jax.random.split(k, samples), out_axes=1)(keys)).T
    values = _map_chunks(of_rows, (x, jax.random.split(key, x.shape[0])), chunk_size)
    deviation = jnp.std(values, axis=1, ddof=1) if samples > 1 else jnp.full(x.shape[0], jnp.nan)
    return jnp.mean(values, axis=1), deviation / samples**0.5


@jax.custom_jvp
def _quadratic(k: Float[Array, "batch d m"], gram: Float[Array, "m m"]) -> Float[Array, " batch"]:
    """tr(K G Kᵀ) for symmetric G. The derivative reuses K G, where plain differentiation would multiply once more."""
    return jnp.sum((k @ gram) * k, axis=(1, 2))


@_quadratic.defjvp
def _quadratic_jvp(primals, tangents):
    (k, gram), (k_dot, gram_dot) = primals, tangents
    product = k @ gram
    value = jnp.sum(product * k, axis=(1, 2))
    return value, 2 * jnp.sum(product * k_dot, axis=(1, 2)) + jnp.sum((k @ gram_dot) * k, axis=(1, 2))


def _single(function: Encoder, method: str) -> Callable[[Array], Array]:
    """The Jacobian of one example, (d, *datum)."""
    return {"jacfwd": jax.jacfwd, "jacrev": jax.jacrev}[method](lambda row: function(row[None])[0])


def _code_dim(encode: Encoder, x: Array) -> int:
    return math.prod(jax.eval_shape(encode, jax.ShapeDtypeStruct((1, *x.shape[1:]), x.dtype)).shape[1:])


def _map_chunks(function: Callable, rows, chunk_size: int | None) -> Array:
    """function(rows) in chunks of the leading axis, each recomputed in the backward pass, so that memory is bounded."""
    size = jax.tree.leaves(rows)[0].shape[0]
    if chunk_size is None or chunk_size >= size:
        return function(rows)
    full = size // chunk_size * chunk_size
    chunks = jax.tree.map(lambda a: a[:full].reshape(-1, chunk_size, *a.shape[1:]), rows)
    done = jax.lax.map(jax.checkpoint(function), chunks)
    done = done.reshape(full, *done.shape[2:])
    if full == size:
        return done
    return jnp.concatenate([done, function(jax.tree.map(lambda a: a[full:], rows))])


def check_method(method: str, chunk_size: int | None) -> None:
    """Raises InputError for an unknown method or a chunk_size below 1."""
    if method not in METHODS:
        raise InputError(f"unknown method {method!r}: one of {', '.join(METHODS)}")
    if chunk_size is not None and chunk_size < 1:
        raise InputError(f"chunk_size must be at least 1, got {chunk_size}")


def encoder_of(network, params) -> Encoder:
    """The network's encoder for these parameters, split after its first affine map where the network offers that."""
    if hasattr(network, "split_encoder"):
        return network.split_encoder(params)
    return functools.partial(network.apply, {"params": params}, method="encode")


@functools.cache
def _say(message: str) -> None:
    logger.info(message)   # once: a training step is traced several times


def contractive_penalty(*, method: str = "auto", chunk_size: int | None = None, samples: int = 1) -> Penalty:
    """Ω(x) = ‖∂h/∂x‖²_F as a `types.Penalty`; arguments as for `squared_norm`."""
    check_method(method, chunk_size)

    def penalty(network, params, key, x, code) -> Float[Array, " batch"]:
        encode = encoder_of(network, params)
        if method == "auto":
            choice = plan(encode, x)
            _say(f"Jacobian norm by {choice.method}: about {choice.operations:.3g} multiply-adds and "
                 f"{choice.floats * 4e-6:.2g} MB an example")
        return squared_norm(encode, x, method=method, chunk_size=chunk_size, key=key, samples=samples)
    return penalty
