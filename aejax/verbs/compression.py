"""`aejax compress` and `aejax decompress`."""

import io
import logging
import zlib
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple

import numpy as np

from aejax import codecs, metrics
from aejax import data as sources
from aejax.applications.compressed_file import cut, joined
from aejax.data.pictures import list_pictures
from aejax.errors import InputsSkippedError
from aejax.files import PICTURE_SUFFIXES, atomic, is_grey, write_array, write_picture
from aejax.photographs import read_photograph
from aejax.runs import Run, load
from aejax.types import InputError
from aejax.verbs.common import readable, refuse_to_replace

EXACT = (".png", ".bmp", ".tif", ".tiff")   # keep what is written into them; other names get .png added
logger = logging.getLogger("aejax")


class _Read(NamedTuple):
    """Pictures, uint8 (H, W, C) of any sizes, with their names; or an array's rows, and its name."""

    pictures: Sequence[np.ndarray]
    names: tuple[str, ...] = ()
    array: str = ""
    skipped: tuple[Path, ...] = ()


def compress(flags: Any, *, command: str) -> None:
    """`aejax compress RUN PICTURES`: writes the file, and says what it takes beside PNG and zlib."""
    target = flags.output.expanduser()
    if target.is_dir():
        raise InputError(f"--output {target} is a folder: name a file")
    refuse_to_replace([target], flags.overwrite)
    run = load(flags.run)
    own, by_pixels = codecs.load_codec(run, pixels=flags.pixels, exact=flags.lossless), flags.lossless or flags.pixels
    found = _read(flags.pictures.expanduser(), run, flags.lossless)
    sizes = [picture.shape[:2] for picture in found.pictures]
    tiles = np.concatenate([cut(picture, run.shape) for picture in found.pictures])
    content = codecs.write(own, tiles, pixels=by_pixels, names=found.names, array=found.array,
                           sizes=() if set(sizes) == {run.shape[:2]} else sizes)
    with atomic(target) as temporary:
        temporary.write_bytes(content)
    pixels = sum(height * width for height, width in sizes)
    raw = b"".join(picture.tobytes() for picture in found.pictures)
    print(f"{len(sizes)} picture{'s' if len(sizes) > 1 else ''}, {len(content):,} bytes: "
          f"{8 * len(content) / pixels:.3f} bits per pixel, the whole file")
    print(f"of the same {'pictures' if len(sizes) > 1 else 'picture'}: PNG {8 * _png(found.pictures) / pixels:.3f} (a "
          f"file each), zlib {8 * len(zlib.compress(raw, 9)) / pixels:.3f} (all together)")
    if not flags.lossless:
        again = joined(own.pixels.kept[tiles] if by_pixels else codecs.read(own, content)[1], sizes)
        each = [float(metrics.psnr(one[None] / np.float32(255), other[None] / np.float32(255))[0])
                for one, other in zip(found.pictures, again, strict=True)]
        print(f"PSNR {np.mean(each):.2f} dB, mean over the pictures")
    print(target.resolve())
    if found.skipped:
        raise InputsSkippedError(f"{len(found.skipped)} of {len(sizes) + len(found.skipped)} pictures skipped, all "
                                 f"others are in the file: {', '.join(map(str, found.skipped))}")


def decompress(flags: Any, *, command: str) -> None:
    """`aejax decompress RUN FILE`: writes the pictures, or the array, below --output."""
    run = load(flags.run)
    own = codecs.load_codec(run)
    try:
        content = flags.file.expanduser().read_bytes()
    except OSError as error:
        raise InputError(f"{flags.file}: cannot be read ({error.strerror}); check the path") from error
    file, tiles = codecs.read(own, content, str(flags.file), str(run.path))
    output = flags.output.expanduser()
    targets = [output / _target(name, flags.file) for name in file.names or (f"{file.array}.npy",)]
    refuse_to_replace(targets, flags.overwrite)
    if not file.names:
        write_array(targets[0], tiles)
    else:
        pictures = joined(tiles, file.sizes or [run.shape[:2]] * len(file.names))
        for target, picture in zip(targets, pictures, strict=True):
            write_picture(target, picture)
    print(f"{len(file.names) or len(tiles)} pictures, {'exact' if file.pixels and own.pixels.exact else 'approximate'}")
    print(output.resolve())


def _read(path: Path, run: Run, exact: bool) -> _Read:
    """The pictures that the run can take; those that it cannot are left out, and said so."""
    if not path.exists():
        raise InputError(f"{path}: no such file or folder; check the path")
    if not path.is_dir() and path.suffix.lower() not in PICTURE_SUFFIXES:
        x = sources.read_inputs(path, run.shape).x
        if x.dtype != np.uint8:
            raise InputError(f"{path}: {x.dtype}; give uint8, the grey levels of pictures")
        return _Read(list(x), array=path.stem)
    paths = list_pictures(path).paths if path.is_dir() else (path,)
    if not paths:
        raise InputError(f"{path}: holds no picture ({', '.join(PICTURE_SUFFIXES)}); give a folder with some")
    pictures, names, skipped = [], [], []
    for place, picture in readable(paths, lambda place: _picture(place, run.shape[2], exact), skipped):
        pictures.append(picture)
        names.append(place.relative_to(path).as_posix() if path.is_dir() else place.name)
    if not pictures:
        raise InputError(f"{path}: none of its {len(paths)} pictures can be compressed; give others")
    return _Read(pictures, tuple(names), skipped=tuple(skipped))


def _picture(path: Path, channels: int, exact: bool) -> np.ndarray:
    """A picture as uint8 (H, W, `channels`), the right way up; with `exact` nothing of its pixels may be lost."""
    photograph = read_photograph(path)
    lost = [*photograph.notes] + ["its transparency would be lost"] * (photograph.alpha is not None) + [
        "its 16 bits would become 8"] * (photograph.top != 255)
    if exact and lost:
        raise InputError(f"{path}: {', '.join(lost)}; bring it to grey or RGB of 8 bits")
    for note in lost:
        logger.info("%s: %s", path, note)
    pixels = np.rint(photograph.pixels * 255).astype(np.uint8)
    if channels == 1 and pixels.shape[2] == 3 and is_grey(pixels):
        pixels = pixels[..., :1]
    if pixels.shape[2] != channels:
        kinds = {1: "grey", 3: "colour"}
        raise InputError(f"{path}: a {kinds[pixels.shape[2]]} picture, but the run takes {kinds.get(channels)} ones")
    return pixels


def _png(pictures: Sequence[np.ndarray]) -> int:
    """Bytes of the pictures as PNG files."""
    from PIL import Image
    total = 0
    for picture in pictures:
        file = io.BytesIO()
        Image.fromarray(picture[..., 0] if picture.shape[2] == 1 else picture).save(file, "png", optimize=True)
        total += file.tell()
    return total


def _target(name: str, file: Path) -> PurePosixPath:
    """Where a picture goes below the output folder, in a format that keeps its pixels."""
    target = PurePosixPath(name)
    if target.is_absolute() or ".." in target.parts or "\\" in name or not target.name:
        raise InputError(f"{file}: names a picture {name!r}, outside the output folder; do not trust this file")
    return target if target.suffix.lower() in (*EXACT, ".npy") else target.with_name(f"{target.name}.png")
