"""Pictures to bytes and back, value by value: the code, and then every pixel given what the decoder made of it.

A file holds the codes, coded as in `compression`, and then the values in reading order, each coded under the
distribution that `pixel_model` gives it from the pixels before it and from the guide, a coarse form of the decoder's
reconstruction. The decoder walks the same way: all pictures together, one place after the other. A model that keeps
all 256 values gives them back exactly; one of fewer grey levels (`pixel_model.grey_levels`) gives these, and smaller
files.

The guide is the one thing that comes from floats. Values that lie so near to the border of two levels that another
machine could round them differently are listed in the file, and a checksum of all of them is there to find out if that
was not enough, before anything is decoded wrongly.
"""

import struct
import zlib
from collections.abc import Callable

import jax
import numpy as np
from jaxtyping import Bool, Float, UInt8

from aejax.applications import compression
from aejax.applications.compression import Codec
from aejax.applications.entropy_coding import decode_codes, decoder, encode_codes, encoder, finish, rows
from aejax.applications.pixel_model import LEVELS, Geometry, PixelModel, row_weights
from aejax.types import InputError

CHUNK = 2048             # pictures that are walked through together
MARGIN = 2.0**-16        # of a value on the [0, 1] scale: how far apart two machines' decoders may be
PARTS = struct.Struct("<III")   # bytes of the codes and of the listed values, CRC-32 of the guides
_weights = jax.jit(row_weights, static_argnames="geometry")


def compress(codec: Codec, model: PixelModel, pictures: UInt8[np.ndarray, "batch h w c"]) -> bytes:
    """Bytes from which `decompress` gives back every value that the model keeps."""
    codes = codec.tables.clip(compression.integer_codes(codec.ae, codec.params, pictures))
    guides, near = guides_of(compression.decoded(codec.ae, codec.params, codes))
    parts = encode_codes(codes, codec.tables), _list(guides, near)
    sizes = PARTS.pack(*map(len, parts), zlib.crc32(guides.tobytes()))
    return b"".join([sizes, *parts, compress_pixels(model, pictures, guides)])


def decompress(codec: Codec, model: PixelModel, data: bytes, count: int) -> UInt8[np.ndarray, "batch h w c"]:
    """The `count` pictures again, as the model keeps them.

    Raises:
      InputError: the decoder gives other guides here than where the file was written, or the data are damaged.
    """
    try:
        first, second, checksum = PARTS.unpack_from(data)
        codes = decode_codes(data[PARTS.size: PARTS.size + first], codec.tables, count)
        guides, _ = guides_of(compression.decoded(codec.ae, codec.params, codes))
        _correct(guides, data[PARTS.size + first: PARTS.size + first + second])
    except (struct.error, zlib.error, ValueError, IndexError, AssertionError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"damaged data ({error}): get an undamaged copy of the file") from error
    if zlib.crc32(guides.tobytes()) != checksum:
        raise InputError("this machine's arithmetic differs from that which wrote the file by more than rounding: "
                         "decode it with float32 products, as on a CPU")
    return decompress_pixels(model, data[PARTS.size + first + second:], guides)


def compress_pixels(model: PixelModel, pictures: UInt8[np.ndarray, "batch h w c"],
                    guides: UInt8[np.ndarray, "batch h w c"]) -> bytes:
    """Bytes of the pictures for someone who has the guides."""
    coder, family = encoder(), rows()
    for begin in range(0, len(pictures), CHUNK):
        chunk = np.asarray(model.kept, np.uint8)[pictures[begin: begin + CHUNK]]

        def visit(place: tuple[int, int, int], weights: np.ndarray, chunk=chunk) -> np.ndarray:
            values = chunk[:, *place]
            coder.encode(values.astype(np.int32), family, weights)
            return values
        _walk(model, guides[begin: begin + CHUNK], visit)
    return finish(coder)


def decompress_pixels(model: PixelModel, data: bytes, guides: UInt8[np.ndarray, "batch h w c"],
                      ) -> UInt8[np.ndarray, "batch h w c"]:
    """The pictures again."""
    coder, family = decoder(data), rows()
    chunks = [_walk(model, guides[begin: begin + CHUNK], lambda _, weights: coder.decode(family, weights))
              for begin in range(0, len(guides), CHUNK)]
    return np.concatenate([guides[:0], *chunks])


def _walk(model: PixelModel, guides: np.ndarray, visit: Callable[[tuple[int, int, int], np.ndarray], np.ndarray],
          ) -> UInt8[np.ndarray, "batch h w c"]:
    """Goes through the places in reading order; `visit(place, weights)` answers with the pictures' values there.

    The same program gives the weights to who writes and who reads. They are exact integers, so that the padding, which
    only saves compilations, changes nothing.
    """
    geometry = Geometry(*map(int, model.geometry))
    count, (height, width, channels) = len(guides), model.shape
    size = min(CHUNK, 1 << (count - 1).bit_length())
    around = geometry.pad(np.zeros((size, height, width, channels), np.uint8), guide=True)
    side, down = geometry.guide_radius, geometry.radius
    around[:count, side: side + height, side: side + width] = guides
    canvas = geometry.pad(np.zeros((size, height, width, channels), np.uint8))
    model = jax.tree.map(jax.numpy.asarray, model)
    for place in np.ndindex(height, width, channels):
        row, column, channel = place
        window = canvas[:, row: row + down + 1, column: column + 2 * down + 1]
        guide = around[:, row: row + 2 * side + 1, column: column + 2 * side + 1]
        weights = np.asarray(_weights(model, geometry, window, guide, *map(np.int32, place)))
        canvas[:count, row + down, column + down, channel] = visit(place, weights[:count])
    return canvas[:count, down:, down: down + width]


def guides_of(unit: Float[np.ndarray, "batch h w c"],
              ) -> tuple[UInt8[np.ndarray, "batch h w c"], Bool[np.ndarray, "batch h w c"]]:
    """The guides of values on the [0, 1] scale, and where they are within `MARGIN` of another level."""
    scaled = unit * np.float32(LEVELS - 1)
    guides = np.rint(scaled)
    near = np.abs(np.abs(scaled - guides) - 0.5) <= MARGIN * (LEVELS - 1)
    return guides.astype(np.uint8), near


def _list(guides: np.ndarray, near: np.ndarray) -> bytes:
    """The values at places `near` a border: distances between places, and values."""
    places = np.flatnonzero(near)
    gaps = np.diff(places, prepend=0).astype("<u4").view(np.uint8).reshape(-1, 4).T   # equal bytes side by side
    return zlib.compress(gaps.tobytes() + guides.ravel()[places].tobytes(), 9)


def _correct(guides: np.ndarray, data: bytes) -> None:
    """Writes the listed values into the guides."""
    content = np.frombuffer(zlib.decompressobj().decompress(data, 5 * guides.size + 1), np.uint8)   # no more than all
    count = len(content) // 5
    gaps = np.ascontiguousarray(content[: 4 * count].reshape(4, count).T).view("<u4")[:, 0]
    guides.reshape(-1)[np.cumsum(gaps.astype(np.int64))] = content[4 * count:]
