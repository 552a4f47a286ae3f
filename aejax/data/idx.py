"""IDX files, the format in which MNIST and Fashion-MNIST were published: a header and raw bytes."""

import gzip
import hashlib
import os
import struct
import zlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from jaxtyping import UInt8

from aejax.data.dataset import MAX_BYTES
from aejax.files import InputError

# Training images, training labels, test images, test labels: the order in which the files are always handled.
FILES = ("train-images-idx3-ubyte", "train-labels-idx1-ubyte",
         "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte")
AXES = (3, 1, 3, 1)


def read(path: str | os.PathLike, axes: int) -> UInt8[np.ndarray, "..."]:
    """Reads one IDX file of unsigned bytes, plain or gzip (told apart by content), with `axes` axes.

    Layout: two zero bytes, 8 (unsigned byte), the number of axes; each axis as a big-endian uint32; bytes.

    Raises:
      InputError: absent, damaged, not such a file, or not exactly as long as its header says.
    """
    try:
        with open(path, "rb") as file:
            packed = file.read(2) == b"\x1f\x8b"
        with (gzip.open if packed else open)(path, "rb") as file:
            return _parse(path, file, axes)
    except (OSError, EOFError, zlib.error) as error:
        reason = getattr(error, "strerror", None) or str(error).splitlines()[0]
        raise InputError(f"{path}: cannot be read ({reason}); replace the file") from error


def _parse(path, file, axes: int) -> np.ndarray:
    kind = f"an IDX file of {'images' if axes == 3 else 'labels'}"
    header = file.read(4 + 4 * axes)
    if len(header) < 4 + 4 * axes or header[:4] != bytes((0, 0, 8, axes)):
        raise InputError(f"{path}: not {kind} (starts with {header[:4].hex() or 'nothing'}, expected "
                         f"000008{axes:02x}); replace the file")
    shape = struct.unpack(f">{axes}I", header[4:])
    length = int(np.prod(shape, dtype=object))
    if length > MAX_BYTES:
        raise InputError(f"{path}: its header promises {length / 2**30:.1f} GiB, at most "
                         f"{MAX_BYTES / 2**30:g} are read; replace the file")
    body = file.read(length + 1)   # one more than promised: a longer file is found, and gzip checks its sum
    if len(body) != length:
        more = "more" if len(body) > length else f"{len(body)}"
        raise InputError(f"{path}: its header promises {length} bytes, it holds {more}; replace the file")
    return np.frombuffer(body, np.uint8).reshape(shape)


def sha256(array: UInt8[np.ndarray, "..."]) -> str:
    """sha256, in hex, of the plain IDX file that holds `array`: what the published files are known by.

    >>> sha256(np.zeros(2, np.uint8)) == hashlib.sha256(bytes((0, 0, 8, 1, 0, 0, 0, 2, 0, 0))).hexdigest()
    True
    """
    total = hashlib.sha256(header(array))
    total.update(np.ascontiguousarray(array).reshape(-1))
    return total.hexdigest()


def header(array: UInt8[np.ndarray, "..."]) -> bytes:
    """The bytes that stand before those of `array` in its IDX file."""
    return struct.pack(f">BBBB{array.ndim}I", 0, 0, 8, array.ndim, *array.shape)


def digest(checksums: Sequence[str]) -> str:
    """Twelve hex digits for the sha256 of the four files: the name under which a prepared set is kept."""
    return hashlib.sha256("\n".join(checksums).encode()).hexdigest()[:12]


def find(folder: Path) -> tuple[Path, ...] | None:
    """The four IDX files in `folder`, or None if it holds none of them.

    Each may be plain or .gz, and spelled `train-images-idx3-ubyte` or `train-images.idx3-ubyte`.

    Raises:
      InputError: only some of the four are there.
    """
    found = [_find_one(folder, name) for name in FILES]
    if not any(found):
        return None
    if not all(found):
        missing = ", ".join(name for name, path in zip(FILES, found, strict=True) if path is None)
        raise InputError(f"{folder}: incomplete, no {missing} (plain or .gz); add what is missing")
    return tuple(found)


def _find_one(folder: Path, name: str) -> Path | None:
    for spelling in (name, name.replace("-idx", ".idx")):
        for suffix in ("", ".gz"):
            if (path := folder / (spelling + suffix)).is_file():
                return path
    return None


def read_set(paths: Sequence[Path]) -> tuple[np.ndarray, ...]:
    """The four arrays of an image set: (N, H, W), (N,), (M, H, W), (M,), all uint8.

    Raises:
      InputError: a file is damaged, or the files do not belong together; it names the file.
    """
    arrays = tuple(read(path, axes) for path, axes in zip(paths, AXES, strict=True))
    for images, labels in ((0, 1), (2, 3)):
        if len(arrays[images]) != len(arrays[labels]):
            raise InputError(f"{paths[labels]}: {len(arrays[labels])} labels for the {len(arrays[images])} "
                             f"images of {paths[images].name}; replace the wrong file")
        if not arrays[images].size:
            raise InputError(f"{paths[images]}: holds no images; replace the file")
        if arrays[labels].max() > 9:
            raise InputError(f"{paths[labels]}: label {arrays[labels].max()}, expected 0 to 9; replace the "
                             "file")
    if arrays[0].shape[1:] != arrays[2].shape[1:]:
        raise InputError(f"{paths[2]}: images of {arrays[2].shape[1:]}, those of {paths[0].name} are "
                         f"{arrays[0].shape[1:]}; replace the wrong file")
    return arrays
