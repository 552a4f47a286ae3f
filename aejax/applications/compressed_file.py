"""The file of compressed pictures: what it says about itself, and the checks that refuse a damaged or foreign one."""

import json
import math
import struct
import zlib
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import UInt8

from aejax.types import InputError

MAGIC, VERSION = b"AEJX", 1
HEAD = struct.Struct("<4sBBQ8sIHHB8sI")   # magic, version, pixels, length, model, count, H, W, C, probe, description
CHECK = struct.Struct("<I")               # CRC-32 of all before it
MODEL = 8                                 # bytes of the model's SHA-256 that are kept
MOST_TOLD = 1 << 26                       # bytes of names and sizes: a small file must not unfold without end
MOST_VALUES = 1 << 33                     # of all tiles together


class CompressedFile(NamedTuple):
    """What a file holds.

    Attributes:
      pixels: whether every pixel is coded, beside the codes.
      model: SHA-256 of all that decodes it, in hexadecimal digits; the first 16 of a file that was read.
      shape: (H, W, C) of what the model takes; larger pictures are cut into such tiles.
      count: of tiles.
      probe: see `compression.probe`.
      data: what `compression` or `lossless` made of the tiles.
      names: of the pictures, with suffix; empty for an array.
      sizes: (height, width) of each picture; empty where all are of the model's.
      array: the name of the array that the pictures came as, without suffix, or "".
    """

    pixels: bool
    model: str
    shape: tuple[int, int, int]
    count: int
    probe: bytes
    data: bytes
    names: tuple[str, ...] = ()
    sizes: tuple[tuple[int, int], ...] = ()
    array: str = ""


def pack(file: CompressedFile) -> bytes:
    """The file's bytes.

    Raises:
      InputError: more than `MOST_VALUES` values, or `MOST_TOLD` bytes of names.

    >>> file = CompressedFile(False, "0" * 64, (28, 28, 1), 3, bytes(8), b"abc", names=("a.png", "b.png", "c.png"))
    >>> unpack(pack(file)) == file._replace(model="0" * 16)
    True
    """
    told = {name: value for name in ("names", "sizes", "array") if (value := getattr(file, name))}
    text = json.dumps(told, separators=(",", ":")).encode()
    if len(text) > MOST_TOLD or file.count * math.prod(file.shape) > MOST_VALUES:
        raise InputError(f"{file.count:,} tiles of shape {file.shape} are too much for one file: compress them in "
                         "parts")
    description = zlib.compress(text, 9) if told else b""
    length = HEAD.size + len(description) + len(file.data) + CHECK.size
    head = HEAD.pack(MAGIC, VERSION, file.pixels, length, bytes.fromhex(file.model)[:MODEL], file.count, *file.shape,
                     file.probe, len(description))
    content = b"".join([head, description, file.data])
    return content + CHECK.pack(zlib.crc32(content))


def unpack(content: bytes, name: str = "the file") -> CompressedFile:
    """What the bytes of a file hold.

    Raises:
      InputError: not such a file, of another version, truncated or damaged; in one line, with its name.
    """
    if content[: len(MAGIC)] != MAGIC:
        raise InputError(f"{name} is no compressed file of aejax: give one that aejax compress wrote")
    if len(content) < HEAD.size + CHECK.size:
        raise InputError(f"{name} is truncated ({len(content)} bytes): get the whole file")
    _, version, pixels, length, model, count, *shape, probe, described = HEAD.unpack_from(content)
    if version != VERSION:
        raise InputError(f"{name} is of version {version} of the format, this aejax reads version {VERSION}: take the "
                         "aejax that wrote it")
    if len(content) != length:
        raise InputError(f"{name} is {'truncated' if len(content) < length else 'too long'} ({len(content):,} bytes "
                         f"instead of {length:,}): get the file as it was written")
    if CHECK.unpack(content[-CHECK.size:])[0] != zlib.crc32(content[: -CHECK.size]):
        raise InputError(f"{name} is damaged (its checksum is another): get an undamaged copy")
    begin = HEAD.size + described
    try:
        told = json.loads(zlib.decompressobj().decompress(content[HEAD.size: begin], MOST_TOLD)) if described else {}
        return CompressedFile(bool(pixels), model.hex(), tuple(shape), count, probe, content[begin: -CHECK.size],
                              tuple(map(str, told.get("names", ()))),
                              tuple((int(height), int(width)) for height, width in told.get("sizes", ())),
                              str(told.get("array", "")))
    except (zlib.error, ValueError, TypeError, AttributeError, RecursionError) as error:
        raise InputError(f"{name} does not hold what it says ({error}): do not trust it") from error


def check_contents(file: CompressedFile, shape: tuple[int, ...], name: str) -> None:
    """Refuses a file whose numbers contradict each other or the model, before anything is made as large as they say.

    Raises:
      InputError: with the name of the file.
    """
    sizes = file.sizes or (file.shape[:2],) * len(file.names)
    tiles = sum(math.prod(_grid(size, file.shape)) for size in sizes)
    if (file.shape != tuple(shape) or min((1, *(side for size in sizes for side in size))) < 1
            or len(sizes) != len(file.names) or (file.names and tiles != file.count)
            or file.count * math.prod(file.shape) > MOST_VALUES):
        raise InputError(f"{name} does not hold what it says ({file.count:,} tiles, {len(file.names)} names): do not "
                         "trust it")


def check_model(file: CompressedFile, model: str, name: str, run: str) -> None:
    """Refuses to decode with another model than the one that the file was written with.

    Raises:
      InputError: with the name of the file and of the run.
    """
    if file.model[: 2 * MODEL] != model[: 2 * MODEL]:
        raise InputError(f"{name} was written with another model ({file.model[: 2 * MODEL]}) than that of {run} "
                         f"({model[: 2 * MODEL]}): give the run that it was compressed with")


def cut(picture: UInt8[np.ndarray, "h w c"], shape: tuple[int, int, int]) -> UInt8[np.ndarray, "tiles th tw c"]:
    """A picture as tiles of `shape`, row by row; what is missing at the right and lower border repeats it.

    >>> cut(np.zeros((5, 9, 1), np.uint8), (4, 4, 1)).shape
    (6, 4, 4, 1)
    """
    height, width = shape[:2]
    down, across = _grid(picture.shape[:2], shape)
    missing = ((0, down * height - picture.shape[0]), (0, across * width - picture.shape[1]), (0, 0))
    padded = np.pad(picture, missing, mode="edge")
    return padded.reshape(down, height, across, width, -1).swapaxes(1, 2).reshape(down * across, *shape)


def joined(tiles: UInt8[np.ndarray, "tiles th tw c"], sizes: Sequence[tuple[int, int]]) -> list[np.ndarray]:
    """The pictures of these sizes, (h, w, C) each, from their tiles one after the other."""
    height, width, channels = tiles.shape[1:]
    pictures, begin = [], 0
    for h, w in sizes:
        down, across = _grid((h, w), tiles.shape[1:])
        own = tiles[begin: begin + down * across].reshape(down, across, height, width, channels).swapaxes(1, 2)
        pictures.append(own.reshape(down * height, across * width, channels)[:h, :w])
        begin += down * across
    return pictures


def _grid(size: Sequence[int], shape: Sequence[int]) -> tuple[int, int]:
    """How many tiles of `shape` a picture takes, down and across."""
    return -(-size[0] // shape[0]), -(-size[1] // shape[1])
