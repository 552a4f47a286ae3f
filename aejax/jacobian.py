"""The exact contractive penalty Ω(x) = ‖∂h/∂x‖²_F for any encoder. `jax.jacfwd` is its definition."""

import functools
import math
from collections.abc import Callable

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from aejax.types import InputError

METHODS = ("auto", "jacfwd", "jacrev")


def squared_norm(
    encode: Callable[[Array], Array], x: Float[Array, "batch *datum"], *, method: str = "auto",
    chunk_size: int | None = None,
) -> Float[Array, " batch"]:
    """Squared Frobenius norm of the encoder's Jacobian at each example: Ω(x) = Σ_ij (∂h_j/∂x_i)².

    It is not ‖∇ Σ_j h_j‖² = ‖Jᵀ1‖², the gradient of the summed outputs, with which it is often confused.

    Args:
      encode: (B, *datum) -> (B, d); examples must not influence each other.
      x: (B, *datum), floats.
      method: "jacfwd" (the definition: n forward passes an example), "jacrev" (d backward passes) or "auto": the one
        with fewer passes.
      chunk_size: examples whose Jacobians are held at once; None: all of them.

    Returns:
      (B,), in units of (code unit / data unit)².

    Raises:
      InputError: unknown method, chunk_size below 1.

    Source: Rifai et al., "Contractive auto-encoders", ICML 2011.

    >>> print(squared_norm(lambda x: x @ jnp.array([[3.0], [4.0]]), jnp.zeros((2, 2))))
    [25. 25.]
    """
    if method not in METHODS:
        raise InputError(f"unknown method {method!r}: one of {', '.join(METHODS)}")
    if chunk_size is not None and chunk_size < 1:
        raise InputError(f"chunk_size must be at least 1, got {chunk_size}")

    def single(example: Array) -> Array:
        return encode(example[None])[0]
    if method == "auto":
        code_dim = jax.eval_shape(single, x[0]).size
        method = "jacrev" if code_dim < math.prod(x.shape[1:]) else "jacfwd"
    jacobian = {"jacfwd": jax.jacfwd, "jacrev": jax.jacrev}[method](single)
    return _map_chunks(lambda example: jnp.sum(jnp.square(jacobian(example))), x, chunk_size)


def _map_chunks(function: Callable[[Array], Array], x: Array, chunk_size: int | None) -> Array:
    if chunk_size is None or chunk_size >= x.shape[0]:
        return jax.vmap(function)(x)
    return jax.lax.map(function, x, batch_size=chunk_size)


def contractive_penalty(*, method: str = "auto", chunk_size: int | None = None) -> Callable[..., Array]:
    """Ω(x) = ‖∂h/∂x‖²_F as a `types.Penalty`; arguments as for `squared_norm`."""
    if method not in METHODS:
        raise InputError(f"unknown method {method!r}: one of {', '.join(METHODS)}")

    def penalty(network, params, key, x, code) -> Float[Array, " batch"]:
        encode = functools.partial(network.apply, {"params": params}, method="encode")
        return squared_norm(encode, x, method=method, chunk_size=chunk_size)
    return penalty
