"""The least that an epoch can cost here: the bare matrix products, a hand-written step, and the machine's own peak."""

import jax
import jax.numpy as jnp
import numpy as np

from experiments._harness import Call


def products(x: np.ndarray, code_dim: int, batch_size: int, models: int | None = None) -> Call:
    """The five float32 matrix products of every step of an epoch, in one compiled loop, and nothing else.

    Of `models` networks at once where that is given, all on the same batch.
    """
    size, steps = x.shape[1], len(x) // batch_size

    @jax.jit
    def epoch(weights, x):
        def step(weights, i):
            w, v = weights
            b = jax.lax.dynamic_slice_in_dim(x, i * batch_size, batch_size)
            h = b @ w
            o = h @ v
            gv, gh = h.T @ o, o @ v.T
            return (w + 1e-9 * (b.T @ gh), v + 1e-9 * gv), None   # nothing may be left out or moved out of the loop
        step = step if models is None else jax.vmap(step, in_axes=(0, None))
        return jax.lax.scan(step, weights, jnp.arange(steps))[0]
    keys = jax.random.split(jax.random.key(0))
    many = () if models is None else (models,)
    shapes = (*many, size, code_dim), (*many, code_dim, size)
    current = [tuple(0.01 * jax.random.normal(key, shape) for key, shape in zip(keys, shapes, strict=True))]
    x = jnp.asarray(x)

    def call():
        current[0] = jax.block_until_ready(epoch(current[0], x))
    return call


def hand_written(x: np.ndarray, code_dim: int, batch_size: int) -> Call:
    """The least that a training step can be: plain SGD of the same network and loss in one compiled loop.

    Float data in order, no gathering, no metrics, no check: what is left above the bare products is XLA's own.
    """
    size, steps = x.shape[1], len(x) // batch_size

    def loss(params, b):
        w, c, v, d = params
        output = jnp.tanh(jnp.tanh(b @ w + c[None]) @ v + d[None])
        return jnp.mean(jnp.square(output - b))

    @jax.jit
    def epoch(params, x):
        def step(params, i):
            gradient = jax.grad(loss)(params, jax.lax.dynamic_slice_in_dim(x, i * batch_size, batch_size))
            return jax.tree.map(lambda p, g: p - 0.1 * g, params, gradient), None
        return jax.lax.scan(step, params, jnp.arange(steps))[0]
    keys = jax.random.split(jax.random.key(0))
    current = [(0.03 * jax.random.normal(keys[0], (size, code_dim)), jnp.zeros(code_dim),
                0.03 * jax.random.normal(keys[1], (code_dim, size)), jnp.zeros(size))]
    x = jnp.asarray(x)

    def call():
        current[0] = jax.block_until_ready(epoch(current[0], x))
    return call


def product_flops(examples: int, size: int, code_dim: int) -> float:
    """Floating-point operations of the five products over all examples: 5 · 2 · N · n · d."""
    return 10.0 * examples * size * code_dim


def peak(size: int) -> Call:
    """One float32 product of two size×size matrices: 2 size³ operations."""
    a = jax.random.normal(jax.random.key(0), (size, size))
    multiply = jax.jit(jnp.matmul)
    return lambda: jax.block_until_ready(multiply(a, a))
