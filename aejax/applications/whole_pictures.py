"""Restoration of pictures of any size, grey or colour, by an autoencoder of one size: channels, scale and tiles.

Pictures are floats (H, W, C) on the [0, 1] scale, C 1 or 3, and so is what comes back, cut to it. A grey autoencoder
works on each channel by itself, one for colour on a grey picture sees it three times. What the picture's size leaves
over is continued by reflection (`tiling.in_tiles`).
"""

import functools
from collections.abc import Callable
from typing import Any

import numpy as np
from jaxtyping import Bool, Float

from aejax.applications.denoising import denoise
from aejax.applications.inpainting import inpaint
from aejax.applications.super_resolution import upscale
from aejax.applications.tiling import in_tiles
from aejax.types import Autoencoder, InputError, Params, Range

Picture = Float[np.ndarray, "height width channels"]
Images = np.ndarray   # (N, h, w, c) in the autoencoder's range
TILES = 16            # of one call


def denoise_picture(ae: Autoencoder, params: Params, picture: Picture, *, shape: tuple[int, ...]) -> Picture:
    """One pass over each tile of a noisy picture, whose values may lie outside [0, 1].

    Args:
      ae, params: trained to denoise images of `shape`.
      picture: (H, W, C).
      shape: (h, w, c) of the images that the autoencoder takes.

    Raises:
      InputError: `shape` is not that of grey or RGB images, or `ae` has no range.
    """
    _check(ae, shape)
    return _restored(functools.partial(denoise, ae, params), ae.range, picture, shape)


def inpaint_picture(ae: Autoencoder, params: Params, picture: Picture, known_mask: Bool[np.ndarray, "rows columns"], *,
                    shape: tuple[int, ...], **options: Any) -> Picture:
    """Fills in the unknown pixels; known ones are returned untouched.

    Args:
      ae, params, shape: as for `denoise_picture`.
      picture: (H, W, C); what stands in unknown pixels does not matter.
      known_mask: True where a pixel is observed.
      options: of `inpainting.inpaint`; `fill` in the autoencoder's range.

    Raises:
      InputError: a mask of another size, or no known pixel at all.
    """
    _check(ae, shape)
    if known_mask.shape != picture.shape[:2]:
        raise InputError(f"a mask of {by(known_mask.shape)} for a picture of {by(picture.shape)} (height x width): "
                         "give a mask of the picture's size")
    if not known_mask.any():
        raise InputError("no pixel of the picture is known: there is nothing to go by")
    if known_mask.all():
        return picture.copy()

    channels, near = picture.shape[-1], _around(~known_mask, shape)
    whole, picture, known_mask = picture, picture[near], known_mask[near]

    def on_tiles(tiles: np.ndarray) -> np.ndarray:
        """Filled tiles, and in one more channel 1 for those with something to go by, 0 for those without."""
        images, known = tiles[..., :channels], tiles[..., channels:] > 0.5
        some = known.any(axis=(1, 2, 3), keepdims=True)

        def fill(images: Images, known: np.ndarray) -> Images:
            return inpaint(ae, params, images, known, **options)
        filled = _on_scale(fill, ae.range, images, shape[2], known | ~some)
        return np.concatenate([np.where(some, filled, 0), np.broadcast_to(some, known.shape)], axis=-1)
    known, filled = known_mask[..., None], np.where(known_mask[..., None], picture, 0).astype(np.float32)
    while not known.all():
        layers = np.concatenate([filled, known], axis=-1)
        found = in_tiles(on_tiles, layers, tile=shape[:2], batch_size=_tiles(picture, shape))
        share = found[..., channels:]   # of tiles that had something to go by
        filled = np.where(known, filled, np.clip(found[..., :channels] / np.maximum(share, 1e-6), 0, 1))
        known = known | (share > 1e-3)
    result = whole.copy()
    result[near] = np.where(known_mask[..., None], picture, filled)
    return result


def _around(hidden: np.ndarray, margin: tuple[int, ...]) -> tuple[slice, slice]:
    """The part of a picture that holds what is hidden and, where there is so much, `margin` pixels around it."""
    places = [np.flatnonzero(hidden.any(axis=1 - axis)) for axis in (0, 1)]
    return tuple(slice(max(0, place[0] - side), place[-1] + 1 + side)
                 for place, side in zip(places, margin, strict=False))


def upscale_picture(ae: Autoencoder, params: Params, picture: Picture, factor: int, *, shape: tuple[int, ...],
                    consistent: bool = False) -> Float[np.ndarray, "large_height large_width channels"]:
    """(H, W, C) -> (H·factor, W·factor, C); tiles are cut, and cross over, between pixels of the small picture.

    Args:
      ae, params: trained on images of `shape` that `corruptions.downsample(factor)` made coarse.
      picture: the small picture.
      factor: at least 2; height and width of `shape` are multiples of it.
      shape: as for `denoise_picture`.
      consistent: whether box averages of the result are the small picture; tiles keep this, since each box lies in
        one piece in each of them.

    Raises:
      InputError: the factor does not fit the autoencoder.
    """
    _check(ae, shape)
    if factor < 2 or shape[0] % factor or shape[1] % factor:
        raise InputError(f"factor {factor}: must be at least 2 and divide the {by(shape)} pixels that the autoencoder "
                         "works on")
    low = (shape[0] // factor, shape[1] // factor, shape[2])

    def larger(images: Images) -> Images:
        return upscale(ae, params, images, factor, consistent=consistent)
    height, width, channels = picture.shape
    packed = _restored(larger, ae.range, picture, low, factor=factor)
    boxes = packed.reshape(height, width, factor, factor, channels).swapaxes(1, 2)
    return boxes.reshape(height * factor, width * factor, channels)


def by(shape: tuple[int, ...]) -> str:
    """Height x width, for people."""
    return f"{shape[0]}x{shape[1]}"


def _check(ae: Autoencoder, shape: tuple[int, ...]) -> None:
    if ae.range is None or len(shape) != 3 or shape[2] not in (1, 3):
        raise InputError(f"pictures need an autoencoder of grey or RGB images, this one takes data of shape {shape}")


def _restored(function: Callable[[Images], Images], range: Range, picture: Picture, shape: tuple[int, ...],
              factor: int = 1) -> np.ndarray:
    """`function` over the tiles of a picture; what it enlarges by `factor` is packed into channels."""
    def on_tiles(tiles: np.ndarray) -> np.ndarray:
        count, height, width, channels = tiles.shape
        outputs = _on_scale(function, range, tiles, shape[2])
        boxes = outputs.reshape(count, height, factor, width, factor, channels).swapaxes(2, 3)
        return boxes.reshape(count, height, width, factor * factor * channels)
    return np.clip(in_tiles(on_tiles, picture, tile=shape[:2], batch_size=_tiles(picture, shape)), 0, 1)


def _tiles(picture: Picture, shape: tuple[int, ...]) -> int:
    """Tiles of one call."""
    return 1 if picture.shape[0] <= shape[0] and picture.shape[1] <= shape[1] else TILES


def _on_scale(function: Callable[..., Images], range: Range, images: np.ndarray, wanted: int, *known: np.ndarray,
              ) -> np.ndarray:
    """`function`, which takes images in `range` of `wanted` channels, on others of the [0, 1] scale."""
    low, high = range
    count, *size, channels = images.shape
    images = (low + (high - low) * images).astype(np.float32)
    if channels == wanted:
        outputs = np.asarray(function(images, *known))
    elif channels == 1:
        outputs = np.asarray(function(np.repeat(images, wanted, axis=-1), *known)).mean(axis=-1, keepdims=True)
    elif wanted == 1:
        planes = np.moveaxis(images, -1, 0).reshape(channels * count, *size, 1)
        outputs = np.asarray(function(planes, *(np.tile(mask, (channels, 1, 1, 1)) for mask in known)))
        outputs = np.moveaxis(outputs.reshape(channels, count, *outputs.shape[1:3]), 0, -1)
    else:
        raise InputError(f"a picture of {channels} channels for an autoencoder of {wanted}")
    return (outputs - low) / (high - low)
