"""What compression is compared with: PCA with the same coder, image codecs on sheets, and general compressors."""

import bz2
import io
import lzma
import zlib
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import numpy as np
from PIL import Image

from aejax.applications.entropy_coding import Tables, decode_codes, encode_codes, fit_tables, ideal_bits
from aejax.applications.reconstruction import PCA, pca

SHEET = 100   # images of one sheet


class PCACodec(NamedTuple):
    """Coefficients of `model` in steps of `step`, coded under `tables`; a level stands for its mean in training."""

    model: PCA
    step: float
    tables: Tables
    centres: tuple[np.ndarray, ...]

    def codes(self, x: np.ndarray) -> np.ndarray:
        """Of uint8 images: the integers that are coded."""
        return self.tables.clip(_steps(self.model, x, self.step))

    def decoded(self, codes: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
        """The uint8 images of codes."""
        values = np.stack([centre[codes[:, unit] - low] for unit, (low, centre) in
                           enumerate(zip(self.tables.low, self.centres, strict=True))], axis=1)
        unit = values.astype(np.float32) @ self.model.components + self.model.mean
        return np.rint(255 * np.clip(unit, 0, 1)).astype(np.uint8).reshape(len(codes), *shape)


def _steps(model: PCA, x: np.ndarray, step: float) -> np.ndarray:
    return np.rint(model.encode(x / np.float32(255)) / np.float32(step)).astype(np.int32)


def fit_pca_codec(train: np.ndarray, choice: np.ndarray, step: float, numbers: Sequence[int]) -> PCACodec:
    """The codec of one step, that of all components alike, as reverse water-filling has it.

    How many components are kept is chosen on the images `choice`, by distortion plus bits at the price of this step:
    half a squared error of Δ²/24 a coefficient falls by 2 ln 2 times itself a bit.
    """
    model = pca(train.astype(np.float32) / np.float32(255), max(numbers))
    price, best = 2 * np.log(2) * step**2 / 24, None
    whole = _steps(model, train, step)
    tables = fit_tables(whole)
    values = model.encode(train / np.float32(255))
    centres = []
    for unit, (low, size) in enumerate(zip(tables.low, tables.sizes, strict=True)):
        sums = np.bincount(whole[:, unit] - low, values[:, unit], minlength=size)
        counts = np.bincount(whole[:, unit] - low, minlength=size)
        centres.append(np.where(counts > 0, sums / np.maximum(counts, 1), step * (low + np.arange(size))))
    for number in numbers:
        own = PCACodec(PCA(model.mean, model.components[:number]), step, fit_tables(whole[:, :number]),
                       tuple(centres[:number]))
        codes = own.codes(choice)
        error = np.square(own.decoded(codes, choice.shape[1:]) / np.float32(255) - choice / np.float32(255))
        cost = error.sum() / 2 + price * ideal_bits(codes, own.tables)
        if best is None or cost < best[0]:
            best = cost, own
    return best[1]


def pca_bytes(codec: PCACodec, x: np.ndarray) -> tuple[int, np.ndarray]:
    """Bytes of all images in one file, and the images decoded from these bytes."""
    data = encode_codes(codec.codes(x), codec.tables)
    return len(data), codec.decoded(decode_codes(data, codec.tables, len(x)), x.shape[1:])


def sheets(x: np.ndarray, size: int = SHEET) -> Iterator[np.ndarray]:
    """Square sheets (H, W) of `size` grey images each; the last one is filled up with black."""
    side = round(size**0.5)
    for begin in range(0, len(x), side * side):
        own = x[begin: begin + side * side, ..., 0]
        own = np.concatenate([own, np.zeros((side * side - len(own), *own.shape[1:]), np.uint8)])
        yield own.reshape(side, side, *own.shape[1:]).swapaxes(1, 2).reshape(side * own.shape[1], side * own.shape[2])


def unsheeted(pages: Sequence[np.ndarray], shape: tuple[int, ...], count: int, size: int = SHEET) -> np.ndarray:
    """The images again."""
    side = round(size**0.5)
    parts = [page.reshape(side, shape[0], side, shape[1]).swapaxes(1, 2).reshape(-1, *shape) for page in pages]
    return np.concatenate(parts)[:count]


Setting = dict[str, object]
LOSSY: dict[str, tuple[str, list[Setting]]] = {   # of Pillow: format, and settings from small files to large ones
    "JPEG": ("JPEG", [{"quality": q, "optimize": True} for q in (1, 5, 8, 12, 18, 25, 35, 50)]),
    "WebP": ("WEBP", [{"quality": q, "method": 6} for q in (0, 5, 10, 20, 30, 45, 60)]),
    "JPEG 2000": ("JPEG2000", [{"quality_mode": "rates", "quality_layers": [r], "irreversible": True}
                               for r in (48, 36, 27, 20, 15, 11, 8, 6)]),
}


def coded(page: np.ndarray, kind: str, setting: Setting) -> tuple[int, np.ndarray]:
    """Bytes of one grey picture (H, W) in a format of Pillow, and the picture decoded from them."""
    file = io.BytesIO()
    Image.fromarray(page).save(file, kind, **setting)
    size = file.tell()
    file.seek(0)
    return size, np.asarray(Image.open(file).convert("L"))


def lossy_bytes(x: np.ndarray, kind: str, setting: Setting, *, single: bool = False) -> tuple[int, np.ndarray]:
    """Bytes of all images, on sheets or with `single` a file each, and the images decoded from them."""
    pages = list(x[..., 0]) if single else list(sheets(x))
    results = [coded(page, kind, setting) for page in pages]
    decoded = [page for _, page in results]
    images = np.stack(decoded)[..., None] if single else unsheeted(decoded, x.shape[1:], len(x))
    return sum(size for size, _ in results), images


def _sheet(kind: str, **setting: object) -> Callable[[np.ndarray], int]:
    def size(x: np.ndarray) -> int:
        (page,) = sheets(x, size=int(np.ceil(len(x) ** 0.5)) ** 2)
        found, again = coded(page, kind, setting)
        if not np.array_equal(again, page):
            raise ValueError(f"{kind} is not lossless here")
        return found
    return size


LOSSLESS: dict[str, Callable[[np.ndarray], int]] = {
    "zlib -9, all together": lambda x: len(zlib.compress(x.tobytes(), 9)),
    "PNG, one sheet": _sheet("PNG", optimize=True),
    "WebP, one sheet": _sheet("WEBP", lossless=True, quality=100, method=6),
    "bz2 -9, all together": lambda x: len(bz2.compress(x.tobytes(), 9)),
    "lzma -9, all together": lambda x: len(lzma.compress(x.tobytes(), preset=9)),
}
