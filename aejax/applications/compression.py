"""Pictures to few bytes and back, by an autoencoder whose codes are integers (`variants.quantised`).

What leaves the network are integers, coded under tables of integers that were fixed when the run was trained, so that
decoding cannot go astray for a rounding error. Networks run on batches of one size, the last one padded, so that a
picture's code does not depend on how many there are.
"""

import struct
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float, Int, UInt8

from aejax import metrics
from aejax.applications.batches import in_batches
from aejax.applications.entropy_coding import Tables, decode_codes, encode_codes, fit_tables
from aejax.types import Autoencoder, InputError, Params

BATCH = 256              # of the networks, always
PROBE = struct.Struct("<4H")
PROBE_TOLERANCE = 16     # of 65,535


class Codec(NamedTuple):
    """What both sides have: the autoencoder, its parameters and the tables of its codes."""

    ae: Autoencoder
    params: Params
    tables: Tables

    @property
    def shape(self) -> tuple[int, ...]:
        """Of a picture."""
        code = jax.ShapeDtypeStruct((1, len(self.tables.low)), np.float32)
        return jax.eval_shape(self.ae.decode, self.params, code).shape[1:]


def fit_codec(ae: Autoencoder, params: Params, train: UInt8[np.ndarray, "batch *datum"]) -> Codec:
    """The codec of a trained autoencoder, its tables fitted on the codes of training data.

    Raises:
      InputError: codes that are no integers.
    """
    return Codec(ae, params, fit_tables(integer_codes(ae, params, train)))


def compress(codec: Codec, pictures: UInt8[np.ndarray, "batch *datum"]) -> bytes:
    """The bytes of the pictures' codes. Codes that no training example came near are cut to the nearest level."""
    return encode_codes(codec.tables.clip(integer_codes(codec.ae, codec.params, pictures)), codec.tables)


def decompress(codec: Codec, data: bytes, count: int) -> UInt8[np.ndarray, "batch *datum"]:
    """What the decoder makes of the codes of `count` pictures."""
    return to_bytes(decoded(codec.ae, codec.params, decode_codes(data, codec.tables, count)))


def integer_codes(ae: Autoencoder, params: Params, x: np.ndarray) -> Int[np.ndarray, "batch code"]:
    """The codes of uint8 pictures, or of floats in `ae.range`.

    Raises:
      InputError: codes that are no integers.
    """
    codes = _in_fixed_batches(_encode, ae, params, x)
    whole = np.rint(codes)
    if not np.array_equal(codes, whole):
        raise InputError("codes that are no integers cannot be coded without loss: train a quantised autoencoder")
    return whole.astype(np.int32)


def decoded(ae: Autoencoder, params: Params, codes: Int[np.ndarray, "batch code"]) -> Float[np.ndarray, "batch *datum"]:
    """What the decoder makes of codes, on the [0, 1] scale."""
    return np.clip(metrics.to_unit(_in_fixed_batches(_decode, ae, params, codes.astype(np.float32)), ae.range), 0, 1)


def to_bytes(unit: np.ndarray) -> UInt8[np.ndarray, "..."]:
    """The nearest grey levels of values on the [0, 1] scale."""
    return np.rint(unit * 255).astype(np.uint8)


def probe(codec: Codec) -> bytes:
    """What the decoder makes of the likeliest code, in brief: four means, each of every fourth value."""
    likeliest = [low + codec.tables.of(unit).argmax() for unit, low in enumerate(codec.tables.low)]
    picture = decoded(codec.ae, codec.params, np.array([likeliest], np.int32)).ravel()
    return PROBE.pack(*(round(65535 * float(picture[i::4].mean())) if len(picture) > i else 0 for i in range(4)))


def check_probe(codec: Codec, expected: bytes) -> None:
    """Refuses to decode where the decoder computes something else than where the file was written.

    Raises:
      InputError: a mean is off by more than `PROBE_TOLERANCE`/65535.
    """
    pairs = zip(PROBE.unpack(expected), PROBE.unpack(probe(codec)), strict=True)
    if max(abs(one - other) for one, other in pairs) > PROBE_TOLERANCE:
        raise InputError("this machine's arithmetic differs from that which wrote the file by more than rounding: "
                         "decode it with float32 products, as on a CPU")


def _encode(ae: Autoencoder, params: Params, x: jax.Array) -> jax.Array:
    return ae.encode(params, x)


def _decode(ae: Autoencoder, params: Params, code: jax.Array) -> jax.Array:
    return ae.decode(params, code)


def _in_fixed_batches(function: Callable, ae: Autoencoder, params: Params, x: np.ndarray) -> np.ndarray:
    """As `in_batches`, the batch never smaller than `BATCH`: the same program, whatever the number of examples."""
    if len(x) == 0:
        like: Any = jax.eval_shape(lambda x: function(ae, params, x), jax.ShapeDtypeStruct((1, *x.shape[1:]), x.dtype))
        return np.zeros((0, *like.shape[1:]), like.dtype)
    missing = max(BATCH - len(x), 0)
    padded = np.concatenate([x, np.repeat(x[:1], missing, axis=0)]) if missing else x
    return in_batches(function, ae, jax.tree.map(jnp.asarray, params), padded, BATCH)[: len(x)]
