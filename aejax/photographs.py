"""A person's own pictures: read as floats, and written back alike, in mode, depth, transparency and metadata.

`aejax.files.read_picture` is for training data, which are all brought to 8 bits and lose their transparency.
"""

import dataclasses
import os
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np

from aejax.files import InputError, atomic, is_grey, opened

ORIENTATION = 0x0112
DESCRIPTIVE = (270, 271, 272, 305, 306, 315, 33432)   # TIFF tags about the picture; all others are about the file
EXIF_IFD, EXIF_SIZE = 0x8769, (0xA003, 0xA002)        # height, width
DEEP = ("RGB;16B", "RGBA;16B")                        # 16-bit colour in PNG, of which PIL reads one byte at a time
UPRIGHT = {1: lambda a: a, 2: lambda a: a[:, ::-1], 3: lambda a: a[::-1, ::-1], 4: lambda a: a[::-1],
           5: lambda a: a.swapaxes(0, 1), 6: lambda a: np.rot90(a, -1), 7: lambda a: np.rot90(a, 2).swapaxes(0, 1),
           8: lambda a: np.rot90(a)}


@dataclasses.dataclass(frozen=True, eq=False)
class Photograph:
    """A picture, the right way up, and what is needed to write it, or another picture in its place, alike.

    Attributes:
      pixels: float32 (H, W, C) in [0, 1], C 1 or 3; beneath transparency as they are stored.
      mode: in which it is written, PIL's name: 1, L, LA, P, RGB, RGBA, I;16 or I.
      top: the integer that white is written as: 255 or 65535.
      alpha: integers (H, W) as they are stored, or None.
      palette: uint8 (K, 3), the colours in use, of a palette picture; else None.
      options: metadata, as options of PIL's `save`.
      notes: what of the file is not kept.
    """

    pixels: np.ndarray
    mode: str
    top: int = 255
    alpha: np.ndarray | None = None
    palette: np.ndarray | None = None
    options: dict[str, Any] = dataclasses.field(default_factory=dict)
    notes: tuple[str, ...] = ()


def read_photograph(path: str | os.PathLike) -> Photograph:
    """Reads a picture; its orientation is applied, as viewers do.

    16 bits are kept for grey pictures, and for colour in PNG. One colour declared transparent becomes a transparency of
    its own, and so does a palette's that is neither 0 nor full, since restored colours differ from the declared ones.

    Raises:
      InputError: as `aejax.files.read_picture`.
    """
    with opened(path) as image:
        raw = image.tile[0].args if len(image.tile) == 1 else ""
        raw = raw if isinstance(raw, str) else str(raw[0]) if raw else ""
        frames = getattr(image, "n_frames", 1)
        notes = [f"only the first of its {frames} frames is read"] if frames > 1 else []
        if image.format == "PNG" and raw in DEEP:
            values = _deep(path, image, raw)
        else:
            image.load()
            values = None
            if ";16" in raw and not image.mode.startswith("I"):
                notes.append("its 16 bits are read as 8: only grey pictures, and colour in PNG, keep them")
        upright = UPRIGHT.get(image.getexif().get(ORIENTATION, 1), UPRIGHT[1])
        options = _metadata(image)
        mode = image.mode
        if values is not None:
            values, alpha = values[..., :3], values[..., 3] if mode == "RGBA" else None
            return Photograph(_upright(upright, values, 65535), mode, 65535, _turned(upright, alpha), None, options)
        if mode.startswith("I"):
            values = np.asarray(image)[..., None]
            if values.min() < 0 or values.max() > 65535:
                raise InputError(f"{path}: whole numbers from {values.min()} to {values.max()}, whose scale is unknown"
                                 "; save it with 8 or 16 bits")
            mode = "I" if mode == "I" else "I;16"
            return Photograph(_upright(upright, values, 65535), mode, 65535, None, None, options, tuple(notes))
        clear = mode in ("RGBA", "LA", "PA", "RGBa", "La") or "transparency" in image.info
        full = np.asarray(image.convert("RGBA" if clear else "RGB"))
    values, alpha = full[..., :3], full[..., 3] if clear and (mode != "P" or (full[..., 3] < 255).any()) else None
    kept = mode
    if mode not in ("1", "L", "LA", "P", "RGB", "RGBA"):
        kept = "RGBA" if clear else "RGB"
        options.pop("icc_profile", None)   # that of another colour space
    elif mode == "P" and alpha is not None and not np.isin(alpha, (0, 255)).all():
        kept = "RGBA"
    elif clear and mode in ("1", "L", "RGB"):
        kept = "RGBA" if mode == "RGB" else "LA"
    if kept != mode:
        notes.append(f"its mode {mode}{' with transparency' if clear else ''} comes back as {kept}")
    shown = values if alpha is None else values[alpha > 0]
    palette = _colours(shown)[0] if kept == "P" else None
    if kept in ("1", "L", "LA") or (kept == "P" and is_grey(values)):
        values = values[..., :1]
    return Photograph(_upright(upright, values, 255), kept, 255, _turned(upright, alpha), palette, options,
                      tuple(notes))


def write_photograph(path: str | os.PathLike, pixels: np.ndarray, like: Photograph, *, known: np.ndarray | None = None,
                     ) -> tuple[str, ...]:
    """Writes pixels, floats (H, W, C) on the [0, 1] scale, by the suffix of `path` and as `like` came; returns notes.

    Values outside [0, 1] are cut. Transparency stays as it was, and is resized where the size changed. A palette
    picture gets the best 256 colours of its own, or, where `known` (H, W) says which pixels are untouched, keeps its
    colours, so that these stay what they were. JPEG is written at quality 95, WebP without loss.

    Raises:
      InputError: `path` cannot be written, or its format does not hold the mode.
    """
    from PIL import Image
    path, size, notes, options = Path(path), pixels.shape[:2], (), dict(like.options)
    values = np.rint(np.clip(pixels, 0, 1) * like.top).astype(np.uint8 if like.top == 255 else np.uint16)
    alpha = None if like.alpha is None else _resized(like.alpha, size, like.top)
    if "exif" in options and size != like.pixels.shape[:2]:
        options["exif"] = _of_size(options["exif"], size)
    suffix = path.suffix.lower()
    if like.top > 255 and not like.mode.startswith("I"):
        if suffix == ".png":
            with atomic(path) as temporary:
                temporary.write_bytes(_deep_png(values, alpha, options))
            return notes
        values, alpha = (None if a is None else np.rint(a / 257).astype(np.uint8) for a in (values, alpha))
        notes = (f"16-bit colour is written with 8 bits to {suffix}",)
    if like.mode == "P":
        image, more = _paletted(values, like, alpha, known)
        options |= {} if alpha is None else {"transparency": len(image.getpalette()) // 3 - 1}
        notes = (*notes, *more)
    elif like.mode == "1":
        image = Image.fromarray(values[..., 0] >= 128)
    elif like.mode.startswith("I"):
        image = Image.fromarray(values[..., 0].astype(np.int32 if like.mode == "I" else np.uint16))
    else:
        channels = values if alpha is None else np.concatenate([values, alpha[..., None]], axis=-1)
        image = Image.fromarray(channels[..., 0] if channels.shape[-1] == 1 else channels)
    if suffix in (".jpg", ".jpeg"):
        options |= {"quality": 95, "subsampling": 0}
    elif suffix == ".webp":
        options["lossless"] = True
    with atomic(path) as temporary:
        try:
            image.save(temporary, **options)
        except (OSError, KeyError, ValueError) as error:
            if isinstance(error, OSError) and error.errno is not None:   # the disk's fault, not the format's
                raise
            raise InputError(f"{path}: a picture of mode {like.mode} cannot be kept in this format ({error}); give the "
                             "picture the suffix .png") from error
    return notes


def _upright(upright: Any, values: np.ndarray, top: int) -> np.ndarray:
    return np.ascontiguousarray(upright(values), np.float32) / np.float32(top)


def _turned(upright: Any, alpha: np.ndarray | None) -> np.ndarray | None:
    return None if alpha is None else np.ascontiguousarray(upright(alpha))


def _deep(path: str | os.PathLike, image: Any, raw: str) -> np.ndarray:
    """uint16 (H, W, 3 or 4) of a 16-bit PNG: read twice, as what it is and as if its bytes were the other way round."""
    with opened(path) as other:
        other.tile = [other.tile[0]._replace(args=raw[:-1] + "L")]
        low = np.asarray(other)
    return (np.asarray(image).astype(np.uint16) << 8) | low


def _deep_png(values: np.ndarray, alpha: np.ndarray | None, options: dict[str, Any]) -> bytes:
    """A PNG file of 16-bit colour, which PIL does not write; rows are stored as differences from the row above."""
    channels = values if alpha is None else np.concatenate([values, alpha[..., None]], axis=-1)
    rows = channels.astype(">u2").reshape(len(channels), -1).view(np.uint8)
    above = np.concatenate([np.zeros_like(rows[:1]), rows[:-1]])
    lines = np.concatenate([np.full((len(rows), 1), 2, np.uint8), rows - above], axis=1)

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
    colour = 2 if alpha is None else 6
    parts = [chunk(b"IHDR", struct.pack(">IIBBBBB", channels.shape[1], channels.shape[0], 16, colour, 0, 0, 0))]
    if "icc_profile" in options:
        parts.append(chunk(b"iCCP", b"ICC\0\0" + zlib.compress(options["icc_profile"])))
    if "exif" in options:
        parts.append(chunk(b"eXIf", options["exif"].removeprefix(b"Exif\0\0")))
    parts += [chunk(b"IDAT", zlib.compress(lines.tobytes())), chunk(b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def _metadata(image: Any) -> dict[str, Any]:
    """What `save` takes of the file's metadata; the orientation, which has been applied, is left out."""
    from PIL import Image
    options = {name: image.info[name] for name in ("icc_profile", "dpi") if image.info.get(name) not in (None, (1, 1))}
    exif = image.getexif()
    if image.format == "TIFF":
        exif, found = Image.Exif(), exif
        exif.update({tag: found[tag] for tag in DESCRIPTIVE if tag in found})
    else:
        if EXIF_IFD in exif:
            exif.get_ifd(EXIF_IFD)
        exif.pop(ORIENTATION, None)
    return options | ({"exif": exif.tobytes()} if len(exif) else {})


def _of_size(exif: bytes, size: tuple[int, int]) -> bytes:
    """The same where the picture is now of another size, (H, W)."""
    from PIL import Image
    changed = Image.Exif()
    changed.load(exif)
    inside = changed.get_ifd(EXIF_IFD)
    inside.update({tag: n for tag, n in zip(EXIF_SIZE, size, strict=True) if tag in inside})
    return changed.tobytes()


def _resized(alpha: np.ndarray, size: tuple[int, int], top: int) -> np.ndarray:
    from PIL import Image
    if alpha.shape == tuple(size):
        return alpha
    plane = Image.fromarray(alpha.astype(np.float32)).resize((size[1], size[0]), Image.Resampling.BICUBIC)
    return np.rint(np.clip(np.asarray(plane), 0, top)).astype(alpha.dtype)


def _colours(rgb: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The different colours of uint8 (…, 3), (K, 3), and which one each pixel has, (N,)."""
    packed = rgb.reshape(-1, 3).astype(np.uint32) @ np.array([1 << 16, 1 << 8, 1], np.uint32)
    found, places = np.unique(packed, return_inverse=True)
    return np.stack([found >> 16, found >> 8 & 255, found & 255], axis=-1).astype(np.uint8), places.reshape(-1)


def _paletted(values: np.ndarray, like: Photograph, alpha: np.ndarray | None, known: np.ndarray | None,
              ) -> tuple[Any, tuple[str, ...]]:
    """A palette picture of uint8 (H, W, C): each pixel the nearest colour; the last one is clear where `alpha` is."""
    from PIL import Image
    height, width = values.shape[:2]
    rgb = np.broadcast_to(values, (height, width, 3))
    room = 256 if alpha is None else 255
    colours, places = _colours(rgb)
    notes = ()
    if known is not None and len(like.palette):
        palette = like.palette[:room]
    elif len(colours) <= room:
        palette = colours
    else:
        cut = Image.fromarray(np.ascontiguousarray(rgb)).quantize(room, dither=Image.Dither.NONE)
        palette = np.asarray(cut.getpalette("RGB"), np.uint8).reshape(-1, 3)[:room]
        notes = (f"{len(colours):,} colours brought to the {room} of a palette",)
    table = palette.astype(np.float32)   # ‖c − p‖² without ‖c‖²: whole numbers, exact in float32
    nearest = np.concatenate([np.argmin((table**2).sum(axis=1) - 2 * part.astype(np.float32) @ table.T, axis=1)
                              for part in np.array_split(colours, -(-len(colours) // 2**16))])
    index = nearest.astype(np.uint8)[places].reshape(height, width)
    if alpha is not None:
        index = np.where(alpha < 128, len(palette), index).astype(np.uint8)
        palette = np.concatenate([palette, np.zeros((1, 3), np.uint8)])
    image = Image.frombytes("P", (width, height), index.tobytes())
    image.putpalette(palette.tobytes())
    return image, notes
