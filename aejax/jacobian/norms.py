"""‖∂h/∂x‖²_F for any encoder, and cheaper exact routes to the same number.

`jax.jacfwd` is the definition that every other route is held to, on trained parameters. With h = rest(a), a = x W + b,
K = ∂h/∂a and G = WᵀW the Jacobian is K Wᵀ, so that ‖J‖² = tr(K G Kᵀ): the size n of the input has left the sum.
"""

import math
from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from aejax.types import InputError, Key, SplitEncoder

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
        if method == "closed_form":
            return jnp.square(_slope(encode, x)) @ jnp.sum(jnp.square(encode.kernel), axis=0)
        gram = encode.kernel.T @ encode.kernel
        return map_chunks(lambda rows: _quadratic(_from_first_layer(encode, rows), gram), x, chunk_size)
    jacobian = single(encode, method)
    return map_chunks(jax.vmap(lambda row: jnp.sum(jnp.square(jacobian(row)))), x, chunk_size)


def plan(encode: Encoder, x: Float[Array, "batch *datum"]) -> Plan:
    """The exact method of least predicted cost for this encoder and these shapes; never an estimate."""
    n, d = math.prod(x.shape[1:]), code_dim(encode, x)
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
    values = map_chunks(of_rows, (x, jax.random.split(key, x.shape[0])), chunk_size)
    deviation = jnp.std(values, axis=1, ddof=1) if samples > 1 else jnp.full(x.shape[0], jnp.nan)
    return jnp.mean(values, axis=1), deviation / samples**0.5


def difference_squared_norm(encode: Encoder, x: Float[Array, "batch *datum"], y: Float[Array, "batch *datum"], *,
                            chunk_size: int | None = None) -> Float[Array, " batch"]:
    """‖J(x) − J(y)‖²_F at each pair of examples, exact, by the route that `plan` picks; the term of CAE+H.

    Source: Rifai et al., "Higher order contractive auto-encoder", ECML 2011.

    >>> print(difference_squared_norm(lambda x: x**2, jnp.zeros((1, 2)), jnp.ones((1, 2))))
    [8.]
    """
    method = plan(encode, x).method
    if method == "closed_form":
        return jnp.square(_slope(encode, x) - _slope(encode, y)) @ jnp.sum(jnp.square(encode.kernel), axis=0)

    def of_rows(pair: tuple[Array, Array]) -> Array:
        if method == "gram":
            first, second = (_from_first_layer(encode, rows) for rows in pair)
            return _quadratic(first - second, encode.kernel.T @ encode.kernel)
        first, second = (jax.vmap(single(encode, method))(rows) for rows in pair)
        return jnp.sum(jnp.square(first - second).reshape(first.shape[0], -1), axis=1)
    return map_chunks(of_rows, (x, y), chunk_size)


def composed_squared_norm(encode: Encoder, decode: Encoder, x: Float[Array, "batch *datum"], *,
                          chunk_size: int | None = None) -> Float[Array, " batch"]:
    """‖∂ decode(encode(x))/∂x‖²_F, exact: with A = ∂h/∂x and D = ∂x̂/∂h it is tr(DᵀD · AAᵀ), d backward and d forward
    passes instead of n of the whole.

    >>> print(composed_squared_norm(lambda x: 2 * x[:, :1], lambda h: 3 * h, jnp.ones((1, 4))))
    [36.]
    """
    def of_rows(rows: Array) -> Array:
        inner = jax.vmap(single(encode, "jacrev"))(rows)
        outer = jax.vmap(single(decode, "jacfwd"))(encode(rows))
        inner = inner.reshape(*inner.shape[:2], -1)
        outer = outer.reshape(outer.shape[0], -1, inner.shape[1])
        left, right = jnp.einsum("bnd,bne->bde", outer, outer), jnp.einsum("bdn,ben->bde", inner, inner)
        return jnp.sum(left * right, axis=(1, 2))
    return map_chunks(of_rows, x, chunk_size)


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


def _slope(encode: SplitEncoder, x: Array) -> Array:
    """f'(a) of a one-layer encoder, (B, m)."""
    a = _pre_activation(encode, x)
    return jax.jvp(encode.rest, (a,), (jnp.ones_like(a),))[1]


def _from_first_layer(encode: SplitEncoder, x: Array) -> Array:
    """K = ∂h/∂a, (B, d, m), in min(d, m) passes."""
    a = _pre_activation(encode, x)
    return jax.vmap(single(encode.rest, "jacrev" if code_dim(encode, x) < a.shape[1] else "jacfwd"))(a)


def _pre_activation(encode: SplitEncoder, x: Array) -> Array:
    return x.reshape(x.shape[0], -1) @ encode.kernel + encode.bias[None]


def single(function: Encoder, method: str) -> Callable[[Array], Array]:
    """The Jacobian of one example, (d, *datum)."""
    return {"jacfwd": jax.jacfwd, "jacrev": jax.jacrev}[method](lambda row: function(row[None])[0])


def code_dim(encode: Encoder, x: Array) -> int:
    """d, the length of the code, by shapes alone."""
    return math.prod(jax.eval_shape(encode, jax.ShapeDtypeStruct((1, *x.shape[1:]), x.dtype)).shape[1:])


def map_chunks(function: Callable, rows, chunk_size: int | None) -> Array:
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
