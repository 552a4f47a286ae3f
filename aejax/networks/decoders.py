"""What a penalty may ask about any network's decoder: which parameters it uses, and the norms of its matrices."""

import jax
import jax.numpy as jnp
from flax import linen as nn
from jaxtyping import Array, Float

from aejax.types import Params

ITERATIONS = 30


def decoder_parameters(network: nn.Module, params: Params, code_dim: int) -> list[Float[Array, "..."]]:
    """The leaves of `params` that `network.decode` computes with; they may be the encoder's too (tied weights).

    Found by tracing, so that any network has an answer.

    >>> from aejax.networks import Dense
    >>> network = Dense(shape=(3,), code_dim=2)
    >>> params = network.init(jax.random.key(0), jnp.zeros((1, 3)))["params"]
    >>> [leaf.shape for leaf in decoder_parameters(network, params, 2)]
    [(3,), (2, 3)]
    """
    leaves, structure = jax.tree.flatten(params)
    code = jnp.zeros((1, code_dim))

    def decode(*leaves: Array) -> Array:
        return network.apply({"params": structure.unflatten(leaves)}, code, method="decode")
    program = jax.make_jaxpr(decode)(*leaves).jaxpr
    used = {id(variable) for equation in program.eqns for variable in equation.invars}
    return [leaf for leaf, variable in zip(leaves, program.invars, strict=True) if id(variable) in used]


def spectral_norm(matrix: Float[Array, "rows columns"], *, iterations: int = ITERATIONS) -> Float[Array, ""]:
    """σ(W) = max ‖W v‖ / ‖v‖, the largest singular value, from below: power iteration from a fixed start.

    No state is kept between calls. The gradient is that of uᵀ W v at the vectors u, v found, σ's where they are the
    singular ones. 30 iterations are exact to 1e-4 where the second value is a tenth smaller, and less than 2 % too
    small for large matrices of independent values.

    >>> print(spectral_norm(jnp.diag(jnp.array([1.0, 3.0]))).round(4))
    3.0
    """
    still = jax.lax.stop_gradient(matrix)

    def towards(v: Array) -> Array:
        return v / jnp.maximum(jnp.linalg.norm(v), 1e-30)
    start = jax.random.normal(jax.random.key(0), (matrix.shape[1],))   # no matrix of a network is orthogonal to it
    right = jax.lax.fori_loop(0, iterations, lambda _, v: towards(still.T @ (still @ v)), towards(start))
    left = towards(still @ right)
    return left @ (matrix @ right)
