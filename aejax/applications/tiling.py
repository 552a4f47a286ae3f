"""Overlapping tiles: what works on pictures of one size, applied to a picture of any size, without seams."""

from collections.abc import Callable

import numpy as np
from jaxtyping import Float

from aejax.types import InputError


def in_tiles(function: Callable[[np.ndarray], np.ndarray], picture: np.ndarray, *,
             tile: tuple[int, int], overlap: tuple[int, int] | int | None = None, batch_size: int = 16,
             ) -> Float[np.ndarray, "height width out"]:
    """Cuts a picture into overlapping tiles, lets `function` work on each, and adds the weighted results up.

    y(p) = Σ_t w_t(p) · function(tile_t)(p), Σ_t w_t = 1. Where tiles overlap, the weights cross over in the middle half
    of the overlap as sin² and cos²; its outer quarters belong to one tile alone, so that what happens near the border
    of a tile, where a network sees padding, counts for nothing. At the border of the picture the outermost tile does.

    Tiles begin at 0 and every tile − overlap pixels; a picture that they do not cover evenly, or that is smaller than
    a tile, is continued at the right and lower border by reflection, and the result is cropped. A fully convolutional
    network whose own step (the product of its strides) divides tile − overlap gives, up to what its tiles' borders
    reach, the same as on the whole picture.

    Args:
      function: (batch_size, h, w, C) -> (batch_size, h, w, C'); it is always called with this shape.
      picture: (H, W, C) floats, H and W at least 1.
      tile: (h, w), what `function` takes.
      overlap: pixels that neighbours share, from 0 to half of the tile; two numbers for height and width; None: half.
      batch_size: tiles of one call.

    Returns:
      (H, W, C'), float32, or float64 where `function` gives that.

    Raises:
      InputError: a picture that is no (H, W, C) or empty, an overlap out of bounds, a function that changes the size.

    >>> picture = np.random.default_rng(0).random((50, 33, 3))
    >>> bool(np.allclose(in_tiles(lambda tiles: tiles, picture, tile=(16, 16)), picture))
    True
    """
    picture = np.asarray(picture)
    if picture.ndim != 3 or 0 in picture.shape:
        raise InputError(f"a picture of shape (H, W, C) is needed, got {picture.shape}")
    overlaps = tuple(side // 2 for side in tile) if overlap is None else np.broadcast_to(overlap, 2).tolist()
    for side, shared in zip(tile, overlaps, strict=True):
        if side < 1 or not 0 <= shared <= side // 2:
            raise InputError(f"tiles of {tile[0]}x{tile[1]} may share from 0 to half of their sides, got {overlap}")
    if batch_size < 1:
        raise InputError(f"batch_size must be at least 1, got {batch_size}")
    steps = [side - shared for side, shared in zip(tile, overlaps, strict=True)]
    counts = [max(0, -(-(size - side) // step)) + 1
              for size, side, step in zip(picture.shape, tile, steps, strict=False)]
    covered = [(count - 1) * step + side for count, step, side in zip(counts, steps, tile, strict=True)]
    missing = [max(0, whole - size) for whole, size in zip(covered, picture.shape, strict=False)]
    padded = np.pad(picture, ((0, missing[0]), (0, missing[1]), (0, 0)), mode="reflect")
    ramps = [[_window(side, shared, i == 0, i == count - 1) for i in range(count)]
             for side, shared, count in zip(tile, overlaps, counts, strict=True)]
    places = [(i, j) for i in range(counts[0]) for j in range(counts[1])]
    total = None
    for begin in range(0, len(places), batch_size):
        batch = places[begin: begin + batch_size]
        corners = [(i * steps[0], j * steps[1]) for i, j in batch]
        tiles = np.stack([padded[y: y + tile[0], x: x + tile[1]] for y, x in corners])
        tiles = np.concatenate([tiles, np.repeat(tiles[:1], batch_size - len(batch), axis=0)])
        results = np.asarray(function(tiles))
        if results.ndim != 4 or results.shape[:3] != tiles.shape[:3]:
            raise InputError(f"the function made {results.shape} of tiles {tiles.shape}: only channels may change")
        if total is None:
            total = np.zeros((*padded.shape[:2], results.shape[-1]), np.result_type(results.dtype, np.float32))
        for (i, j), (y, x), result in zip(batch, corners, results, strict=False):
            weight = ramps[0][i][:, None, None] * ramps[1][j][None, :, None]
            total[y: y + tile[0], x: x + tile[1]] += (weight * result).astype(total.dtype)
    return total[: picture.shape[0], : picture.shape[1]]


def _window(side: int, overlap: int, first: bool, last: bool) -> np.ndarray:
    """Weights along one axis: 0 to 1 over the overlap with the tile before, back to 0 over that with the next."""
    place = (np.arange(overlap) + 0.5) / max(overlap, 1)                  # 0 to 1 through the overlap
    rise = np.sin(np.pi / 2 * np.clip(2 * place - 0.5, 0, 1)) ** 2        # outer quarters 0 and 1
    window = np.ones(side)
    if not first:
        window[:overlap] = rise
    if not last:
        window[side - overlap:] = rise[::-1]
    return window
