"""Portable programs: what training and use of an autoencoder run, lowered to StableHLO and serialised by `jax.export`.

A program *lowers for* a platform where every operation of it can be written down for that platform, which this machine
can show for all of them. That it *runs on* one is only shown by a machine that has such a device.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import jax
import numpy as np
import optax
from jax import export
from jaxtyping import Array

from aejax.train.step import init_state, run_segment, zero_sums
from aejax.types import Autoencoder, Batch, InputError

PLATFORMS = ("cpu", "cuda", "rocm", "tpu")
__all__ = ["PLATFORMS", "Program", "load", "lower", "programs"]


class Program(NamedTuple):
    """A function, and what it is called with: arrays, or shapes (`jax.ShapeDtypeStruct`) that stand for them."""

    function: Callable[..., Any]
    arguments: tuple[Any, ...]


def programs(ae: Autoencoder, optimizer: optax.GradientTransformation, x: Batch, *, batch_size: int,
             ) -> Mapping[str, Program]:
    """What is made of an autoencoder in its life: "train", steps of an epoch as `fit` runs them, "encode", "decode".

    Args:
      ae: any autoencoder.
      optimizer: from optax.
      x: examples in memory, (N, *shape).
      batch_size: of "train"; "encode" and "decode" take any number of examples.

    >>> from aejax import networks, variants
    >>> ae = variants.standard(networks.Dense(shape=(4,), code_dim=2))
    >>> list(programs(ae, optax.sgd(0.1), np.zeros((8, 4), np.float32), batch_size=4))
    ['train', 'encode', 'decode']
    """
    key = jax.random.key(0)
    state = init_state(ae, optimizer, key, jax.tree.map(lambda leaf: leaf[:1], x))
    sums = zero_sums(ae, state, x, batch_size)
    order = np.arange(len(jax.tree.leaves(x)[0]), dtype=np.int32)

    def train(state, sums, x, order, noise_key, epoch, start, stop):
        return run_segment(state, sums, x, order, noise_key, epoch, start, stop, ae=ae, optimizer=optimizer,
                           batch_size=batch_size)
    epoch, start, stop = (np.int32(number) for number in (0, 0, len(order) // batch_size))
    (examples,) = export.symbolic_shape("examples")
    some = jax.tree.map(lambda leaf: jax.ShapeDtypeStruct((examples, *leaf.shape[1:]), leaf.dtype), x)
    return {"train": Program(train, (state, sums, x, order, key, epoch, start, stop)),
            "encode": Program(ae.encode, (state.params, some)),
            "decode": Program(ae.decode, (state.params, jax.eval_shape(ae.encode, state.params, some)))}


def lower(program: Program, platforms: Sequence[str] = PLATFORMS) -> export.Exported:
    """Lowers a program for every one of `platforms`, into one StableHLO module.

    The module's arguments and results are flat lists of arrays (typed keys among them), in the order of
    `jax.tree.leaves`: whoever loads it needs JAX, and none of the classes that hold them here.

    Returns:
      `.serialize()` gives the bytes that `load` takes, `.mlir_module()` the text.

    Raises:
      InputError: an unknown platform.
      ValueError: an operation that has no stable meaning on one of them; it is named.

    >>> lowered = lower(Program(lambda pair: pair["a"] + pair["b"], ({"a": np.ones(2), "b": np.ones(2)},)))
    >>> lowered.platforms, load(lowered.serialize())(np.ones(2), np.ones(2))[0].tolist()
    (('cpu', 'cuda', 'rocm', 'tpu'), [2.0, 2.0])
    """
    for platform in platforms:
        if platform not in PLATFORMS:
            raise InputError(f"unknown platform {platform!r}; known: {', '.join(PLATFORMS)}")
    leaves, structure = jax.tree.flatten(program.arguments)

    def flat(*leaves):
        return jax.tree.leaves(program.function(*jax.tree.unflatten(structure, leaves)))
    return export.export(jax.jit(flat), platforms=tuple(platforms))(*leaves)


def load(blob: bytes | bytearray) -> Callable[..., list[Array]]:
    """The program in `blob` as a function of its arguments' arrays, which runs where those lie.

    Raises:
      InputError: these bytes are no such program, or are damaged.
    """
    try:
        return export.deserialize(bytearray(blob)).call
    except Exception as error:   # of whatever kind the reader fell over: it checks nothing by itself
        raise InputError(f"{len(blob)} bytes that are no exported program, or a damaged one ({error}): export it "
                         "again") from error
