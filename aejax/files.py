"""Files written whole or not at all, and pictures in and out."""

import contextlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from aejax.errors import InputError

MAX_PIXELS = 100_000_000   # one picture; larger ones are refused, not decompressed
PICTURE_SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".tif", ".tiff", ".webp")
__all__ = ["MAX_PIXELS", "PICTURE_SUFFIXES", "InputError", "atomic", "read_picture", "resize", "write_array",
           "write_picture"]


@contextlib.contextmanager
def atomic(path: str | os.PathLike) -> Iterator[Path]:
    """Yields a temporary path beside `path` and moves it there when the block ends without an error.

    Raises:
      InputError: `path` cannot be written: a folder, below a file, or without permission.

    >>> with tempfile.TemporaryDirectory() as folder, atomic(Path(folder) / "results.json") as temporary:
    ...     temporary.write_text("{}")
    2
    """
    path = Path(path)
    with _writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=path.suffix)
        os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        with _writing(path):
            os.chmod(temporary, 0o666 & ~_umask())   # mkstemp's 0600 would hide a result from the user's colleagues
            os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


@contextlib.contextmanager
def _writing(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise InputError(f"{path}: cannot be written ({error.strerror or error}); choose another place") from error


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def read_picture(path: str | os.PathLike) -> np.ndarray:
    """Reads one picture as uint8, (H, W, 1) for grey and (H, W, 3) for colour; transparency is laid on white.

    Raises:
      InputError: not a picture, damaged, or larger than `MAX_PIXELS`.
    """
    from PIL import Image, ImageOps
    try:
        with Image.open(path) as image:
            if image.width * image.height > MAX_PIXELS:
                raise InputError(f"{path}: {image.width}x{image.height} pixels, at most {MAX_PIXELS:,} are read; "
                                 "shrink the picture")
            image.load()
            image = ImageOps.exif_transpose(image)
            if image.mode.startswith("I;16") or image.mode == "I":
                wide = np.asarray(image, np.float64)
                return np.clip(np.rint(wide / 257), 0, 255).astype(np.uint8)[..., None]
            if image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info:
                image = image.convert("RGBA")
                image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
                pixels = np.asarray(image.convert("RGB"))
                grey = (pixels[..., 0] == pixels[..., 1]).all() and (pixels[..., 1] == pixels[..., 2]).all()
                return pixels[..., :1] if grey else pixels
            if image.mode == "F":
                raise InputError(f"{path}: a picture of floats, whose scale is unknown; save it with 8 or 16 bits")
            image = image.convert("L" if image.mode in ("1", "L") else "RGB")
            return np.asarray(image).reshape(image.height, image.width, -1)
    except InputError:
        raise
    except (OSError, ValueError, SyntaxError, EOFError, Image.DecompressionBombError) as error:
        reason = str(error).splitlines()[0].replace(f"'{path}'", "it") if str(error) else type(error).__name__
        raise InputError(f"{path}: cannot be read as a picture ({reason}); replace or remove the file") from error


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
