"""Files written whole or not at all, checksums of folders, and pictures in and out."""

import contextlib
import errno
import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from aejax.errors import InputError

MAX_PIXELS = 100_000_000   # one picture; larger ones are refused, not decompressed
PICTURE_SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".tif", ".tiff", ".webp")
SUMS = "SHA256SUMS"
__all__ = ["MAX_PIXELS", "PICTURE_SUFFIXES", "SUMS", "InputError", "atomic", "checksums", "damage", "is_grey",
           "new_folder", "opened", "read_picture", "resize", "write_array", "write_picture", "writing"]


@contextlib.contextmanager
def atomic(path: str | os.PathLike) -> Iterator[Path]:
    """Yields a temporary path beside `path` and moves it there when the block ends without an error.

    Raises:
      InputError: `path` cannot be written: a folder, below a file, without permission, or the disk is full.

    >>> with tempfile.TemporaryDirectory() as folder, atomic(Path(folder) / "results.json") as temporary:
    ...     temporary.write_text("{}")
    2
    """
    path = Path(path)
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=path.suffix)
        os.close(handle)
    temporary = Path(name)
    try:
        with _full_disk(path):
            yield temporary
        with writing(path):
            os.chmod(temporary, 0o666 & ~_umask())   # mkstemp's 0600 would hide a result from the user's colleagues
            os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


@contextlib.contextmanager
def new_folder(folder: Path, *, overwrite: bool, mark: str, kind: str) -> Iterator[Path]:
    """Yields a temporary folder that takes the place of `folder` when the block ends without an error.

    Args:
      folder: missing, empty, or one that may be replaced.
      overwrite: whether it may.
      mark: a file that folders of this kind have; what has it not is never replaced.
      kind: its name for people, "saved estimator".

    Raises:
      InputError: another folder, or one that holds something without `overwrite`; it cannot be written.
    """
    old = folder.exists() and not (folder.is_dir() and not any(folder.iterdir()))
    if old and not (folder / mark).is_file():
        raise InputError(f"{folder} exists, and is no {kind}: choose another folder")
    if old and not overwrite:
        raise InputError(f"{folder} already holds a {kind}: choose another folder, or pass "
                         "overwrite=True (--overwrite)")
    with writing(folder):
        folder.parent.mkdir(parents=True, exist_ok=True)
        temporary = Path(tempfile.mkdtemp(dir=folder.parent, prefix=f".{folder.name}."))
    try:
        new = temporary / "new"
        with writing(folder):
            new.mkdir()
        yield new
        with writing(folder):
            if old:
                os.rename(folder, temporary / "old")
            os.rename(new, folder)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


@contextlib.contextmanager
def writing(path: Path) -> Iterator[None]:
    """Turns an `OSError` of the block into the `InputError` that `path` cannot be written, and why.

    >>> with contextlib.suppress(InputError), writing(Path("results")):
    ...     raise OSError(28, "No space left on device")
    """
    try:
        yield
    except OSError as error:
        raise InputError(f"{path}: cannot be written ({error.strerror or error}); choose another place") from error


FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


@contextlib.contextmanager
def _full_disk(path: Path) -> Iterator[None]:
    """As `writing`, of those errors alone that can only come from what is being written."""
    try:
        yield
    except OSError as error:
        if error.errno not in FULL:
            raise
        with writing(path):
            raise


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def checksums(folder: Path) -> str:
    """SHA-256 of every file below `folder` in the format of sha256sum; the file `SUMS` that holds them is left out.

    >>> with tempfile.TemporaryDirectory() as folder:
    ...     _ = (Path(folder) / "empty").write_bytes(b"")
    ...     checksums(Path(folder))
    'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855  empty\\n'
    """
    lines = []
    for path in sorted(path for path in folder.rglob("*") if path.is_file() and path != folder / SUMS):
        with path.open("rb") as file:
            lines.append(f"{hashlib.file_digest(file, 'sha256').hexdigest()}  {path.relative_to(folder).as_posix()}\n")
    return "".join(lines)


def damage(folder: Path) -> str | None:
    """Which files below `folder` are not those that its file `SUMS` was written for; None if all are.

    >>> with tempfile.TemporaryDirectory() as folder:
    ...     _ = (Path(folder) / SUMS).write_text("0" * 64 + "  state")
    ...     damage(Path(folder))
    "'state' is missing"
    """
    try:
        written, found = (folder / SUMS).read_bytes().decode(errors="replace"), checksums(folder)
    except OSError as error:
        return f"{Path(error.filename).name}: {error.strerror}"
    if written == found:
        return None
    present = {SUMS} | {line[66:] for line in found.splitlines()}
    names = sorted({line[66:] for line in set(written.splitlines()) ^ set(found.splitlines())})
    return ", ".join(f"{name!r} {'changed' if name in present else 'is missing'}" for name in names or [SUMS])


@contextlib.contextmanager
def opened(path: str | os.PathLike) -> Iterator[Any]:
    """Yields a picture as PIL opens it, its pixels not yet decoded; what goes wrong in the block is its fault.

    Raises:
      InputError: not a picture, damaged, of floats, or larger than `MAX_PIXELS`.
    """
    from PIL import Image
    try:
        with Image.open(path) as image:
            if image.width * image.height > MAX_PIXELS:
                raise InputError(f"{path}: {image.width}x{image.height} pixels, at most {MAX_PIXELS:,} are read; "
                                 "shrink the picture")
            if image.mode == "F":
                raise InputError(f"{path}: a picture of floats, whose scale is unknown; save it with 8 or 16 bits")
            yield image
    except InputError:
        raise
    except (OSError, ValueError, SyntaxError, EOFError, Image.DecompressionBombError) as error:
        reason = str(error).splitlines()[0].replace(f"'{path}'", "it") if str(error) else type(error).__name__
        raise InputError(f"{path}: cannot be read as a picture ({reason}); replace or remove the file") from error


def read_picture(path: str | os.PathLike) -> np.ndarray:
    """Reads one picture as uint8, (H, W, 1) for grey and (H, W, 3) for colour; transparency is laid on white.

    Raises:
      InputError: not a picture, damaged, or larger than `MAX_PIXELS`.
    """
    from PIL import Image, ImageOps
    with opened(path) as image:
        image.load()
        image = ImageOps.exif_transpose(image)
        if image.mode.startswith("I;16") or image.mode == "I":
            wide = np.asarray(image, np.float64)
            return np.clip(np.rint(wide / 257), 0, 255).astype(np.uint8)[..., None]
        if image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info:
            image = image.convert("RGBA")
            image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
            pixels = np.asarray(image.convert("RGB"))
            return pixels[..., :1] if is_grey(pixels) else pixels
        image = image.convert("L" if image.mode in ("1", "L") else "RGB")
        return np.asarray(image).reshape(image.height, image.width, -1)


def is_grey(pixels: np.ndarray) -> bool:
    """Whether the three channels of (H, W, 3) are one.

    >>> is_grey(np.zeros((2, 2, 3)))
    True
    """
    return bool((pixels[..., 0] == pixels[..., 1]).all() and (pixels[..., 1] == pixels[..., 2]).all())


def write_picture(path: str | os.PathLike, image: np.ndarray) -> None:
    """Writes uint8 (H, W, 1) or (H, W, 3) by the suffix of `path`."""
    from PIL import Image
    with atomic(path) as temporary:
        Image.fromarray(image[..., 0] if image.shape[-1] == 1 else image).save(temporary)


def write_array(path: str | os.PathLike, array: np.ndarray) -> None:
    """Writes one .npy file."""
    with atomic(path) as temporary:
        np.save(temporary, array, allow_pickle=False)


def resize(image: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Resizes uint8 (H, W, C) to `size` = (H', W') with an area-aware (antialiased) filter."""
    from PIL import Image
    if image.shape[:2] == tuple(size):
        return image
    planes = [Image.fromarray(image[..., c]).resize((size[1], size[0]), Image.Resampling.LANCZOS)
              for c in range(image.shape[-1])]
    return np.stack([np.asarray(plane) for plane in planes], axis=-1)
