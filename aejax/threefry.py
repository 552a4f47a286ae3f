"""JAX's own generator, threefry-2x32, written without a loop, so that XLA fuses it into what surrounds it.

On a CPU `jax.random` runs the rounds as a loop of small programs, which for the noise of a small network costs much
of a training step. The functions here give the same keys, bit for bit; `words` gives other numbers than
`jax.random.bits` (half of its work: both words of a hash are used), of the same generator.

Keys of other generators (rbg) go to `jax.random`.

Source: J. Salmon, M. Moraes, R. Dror, D. Shaw, "Parallel random numbers: as easy as 1, 2, 3", SC 2011.
"""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, UInt32

from aejax.types import Key, Scalar

ROTATIONS = ((13, 15, 26, 6), (17, 29, 16, 24))
PARITY = 0x1BD11BDA
Words = UInt32[Array, "..."]


def threefry(key: UInt32[Array, "2"], first: Words, second: Words) -> tuple[Words, Words]:
    """The 20 rounds on pairs of counters (first, second) of one shape: two words for each pair.

    >>> [hex(int(word)) for word in threefry(jnp.zeros(2, jnp.uint32), jnp.uint32(0), jnp.uint32(0))]
    ['0x6b200159', '0x99ba4efe']
    """
    schedule = (key[0], key[1], key[0] ^ key[1] ^ jnp.uint32(PARITY))
    first, second = first + schedule[0], second + schedule[1]
    for i in range(5):
        for distance in ROTATIONS[i % 2]:
            first = first + second
            second = first ^ ((second << distance) | (second >> (32 - distance)))
        first = first + schedule[(i + 1) % 3]
        second = second + schedule[(i + 2) % 3] + jnp.uint32(i + 1)
    return first, second


def words(key: Key, rows: int, columns: int) -> UInt32[Array, "rows columns"]:
    """Independent uniform 32-bit words; those of a row depend on the key and its number alone, not on how many rows.

    >>> words(jax.random.key(0), 2, 3).shape
    (2, 3)
    """
    if not _ours(key):
        return jax.random.bits(key, (rows, columns), jnp.uint32)
    half = -(-columns // 2)
    row, column = (jax.lax.broadcasted_iota(jnp.uint32, (rows, half), axis) for axis in (0, 1))
    # Apart from their concatenation, since a fused one would compute both words twice.
    pair = jax.lax.optimization_barrier(threefry(jax.random.key_data(key), row, column))
    return jnp.concatenate(pair, axis=1)[:, :columns]


def uniform(key: Key, rows: int, columns: int) -> Float[Array, "rows columns"]:
    """Uniform on [0, 1), multiples of 2⁻²³.

    >>> uniform(jax.random.key(0), 2, 3).shape
    (2, 3)
    """
    one_to_two = (words(key, rows, columns) >> 9) | jnp.uint32(0x3F800000)   # the bits of the float 1 + fraction
    return jax.lax.bitcast_convert_type(one_to_two, jnp.float32) - 1.0


def normal(key: Key, rows: int, columns: int) -> Float[Array, "rows columns"]:
    """Standard normal, √2 erf⁻¹(u) of u uniform on (-1, 1): from -5.2 to 5.2.

    >>> normal(jax.random.key(0), 2, 3).shape
    (2, 3)
    """
    symmetric = 2.0 * uniform(key, rows, columns) - (1.0 - 2.0**-23)   # centres of 2²³ equal parts
    return jnp.sqrt(2.0) * jax.lax.erf_inv(symmetric)


def fold_in(key: Key, data: Scalar) -> Key:
    """`jax.random.fold_in`.

    >>> key = jax.random.key(0)
    >>> bool(fold_in(key, 3) == jax.random.fold_in(key, 3))
    True
    """
    if not _ours(key):
        return jax.random.fold_in(key, data)
    pair = threefry(jax.random.key_data(key), jnp.uint32(0), jnp.asarray(data).astype(jnp.uint32))
    return jax.random.wrap_key_data(jnp.stack(pair), impl="threefry2x32")


def split(key: Key, number: int = 2) -> tuple[Key, ...]:
    """`jax.random.split`, as a tuple.

    >>> one, other = split(jax.random.key(0))
    >>> bool(one == jax.random.split(jax.random.key(0))[0])
    True
    """
    return tuple(fold_in(key, i) for i in range(number)) if _ours(key) else tuple(jax.random.split(key, number))


def _ours(key: Key) -> bool:
    typed = jnp.issubdtype(key.dtype, jax.dtypes.prng_key)
    return jax.config.jax_threefry_partitionable and typed and str(jax.random.key_impl(key)) == "threefry2x32"
