"""Edits of images by a number α, 0 for none, and the attribute of an image that each edit changes.

Pure functions of arrays on the [0, 1] scale, differentiable in images and α; what comes in from outside is black (0).
"""

import functools
from collections.abc import Callable, Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from aejax.metrics import to_unit
from aejax.types import ArrayLike, InputError, Scalar

Images = Float[Array, "batch h w c"]
Alpha = Float[Array, " batch"]


class Edit(NamedTuple):
    """What `steering` learns to do in the code.

    Attributes:
      apply: (images, α), (B, H, W, C) and (B,) -> images.
      limit: |α| up to which a walk is trained unless told otherwise.
      unit: of α.
      attribute: (images, reference) -> (B,), what α should change, in `attribute_unit`: of the images, compared with
        the unedited `reference` where it can only be told so.
      attribute_unit: its unit; for all edits it grows with α.
    """

    apply: Callable[[Images, Alpha], Images]
    limit: float
    unit: str
    attribute: Callable[[Images, Images], Alpha]
    attribute_unit: str


def rotate(images: Images, alpha: Alpha) -> Images:
    """Turned by α degrees about the middle, counter-clockwise as one sees it.

    >>> rotate(jnp.array([[[0.0, 1.0], [0.0, 0.0]]])[..., None], jnp.array([90.0]))[0, ..., 0].round().tolist()
    [[1.0, 0.0], [0.0, 0.0]]
    """
    angle = jnp.deg2rad(alpha)
    cosine, sine = jnp.cos(angle), jnp.sin(angle)
    return _warp(images, jnp.stack([cosine, sine, -sine, cosine], axis=1).reshape(-1, 2, 2), jnp.zeros((len(alpha), 2)))


def shift_x(images: Images, alpha: Alpha) -> Images:
    """Moved to the right by α pixels."""
    return _translate(images, jnp.stack([jnp.zeros_like(alpha), alpha], axis=1))


def shift_y(images: Images, alpha: Alpha) -> Images:
    """Moved down by α pixels."""
    return _translate(images, jnp.stack([alpha, jnp.zeros_like(alpha)], axis=1))


def zoom(images: Images, alpha: Alpha) -> Images:
    """Enlarged 2^α times about the middle."""
    scale = jnp.exp2(-alpha)[:, None, None] * jnp.eye(2)[None]
    return _warp(images, scale, jnp.zeros((len(alpha), 2)))


def brightness(images: Images, alpha: Alpha) -> Images:
    """2^α times as bright, cut at white: α counts what photographers call stops; black stays black."""
    return jnp.minimum(images * jnp.exp2(alpha)[:, None, None, None], 1)


def luminance(images: Images, reference: Images | None = None) -> Alpha:
    """Mean of all values.

    >>> print(luminance(jnp.full((1, 2, 2, 1), 0.5)))
    [0.5]
    """
    return jnp.mean(images, axis=(1, 2, 3))


def centre(images: Images) -> Float[Array, "batch 2"]:
    """Row and column of the centre of what is bright, in pixels from the middle; the middle of a black image."""
    grid, weights = _grid(images), _weights(images)
    return jnp.einsum("bhw,hwk->bk", weights, grid)


def radius(images: Images, reference: Images | None = None) -> Alpha:
    """Root mean square distance of what is bright from its centre, in pixels; its square goes with the area."""
    away = _grid(images)[None] - centre(images)[:, None, None]
    return jnp.sqrt(jnp.sum(_weights(images)[..., None] * jnp.square(away), axis=(1, 2, 3)))


def angle(images: Images, reference: Images) -> Alpha:
    """By how many degrees the images are turned against the reference: the best of −60, −58 … 60, by squared error."""
    def error(degrees: Array) -> Array:
        turned = rotate(reference, jnp.full(reference.shape[0], degrees))
        return jnp.sum(jnp.square(turned - images), axis=(1, 2, 3))
    angles = jnp.arange(-60.0, 61.0, 2.0)
    return angles[jnp.argmin(jax.lax.map(error, angles), axis=0)]


EDITS: dict[str, Edit] = {
    "rotate": Edit(rotate, 30.0, "degrees", angle, "degrees"),
    "shift_x": Edit(shift_x, 4.0, "pixels", lambda images, reference: centre(images)[:, 1], "pixels"),
    "shift_y": Edit(shift_y, 4.0, "pixels", lambda images, reference: centre(images)[:, 0], "pixels"),
    "zoom": Edit(zoom, 0.5, "log2 of the size", radius, "pixels"),
    "brightness": Edit(brightness, 1.0, "stops", luminance, "of white"),
}


@functools.partial(jax.jit, static_argnames="name")
def _edit(name: str, images: Array, alpha: Array) -> Array:
    return EDITS[name].apply(images, alpha)


def edit(name: str, images: ArrayLike, alpha: ArrayLike | Scalar | Sequence[float]) -> Images:
    """An edit by its name.

    Args:
      name: one of `EDITS`.
      images: on the [0, 1] scale, or uint8.
      alpha: one number for all, or (B,).

    Raises:
      InputError: an unknown name, no images, α that is not finite or not of that length.

    >>> edit("brightness", jnp.full((1, 2, 2, 1), 0.5), -1.0).ravel().tolist()
    [0.25, 0.25, 0.25, 0.25]
    """
    find(name)
    if len(images.shape) != 4:
        raise InputError(f"edits take images (B, H, W, C), got an array of shape {images.shape}")
    alpha = check_alpha(alpha)
    if alpha.shape not in ((), images.shape[:1]):
        raise InputError(f"{len(images)} images, but α of shape {alpha.shape}: give one number, or one for each")
    return _edit(name, to_unit(jnp.asarray(images), (0.0, 1.0)), jnp.broadcast_to(jnp.asarray(alpha), images.shape[:1]))


def find(name: str) -> Edit:
    """The edit of that name."""
    if name not in EDITS:
        raise InputError(f"unknown edit {name!r}: one of {', '.join(EDITS)}")
    return EDITS[name]


def check_alpha(alpha: ArrayLike | Scalar | Sequence[float]) -> np.ndarray:
    """α as float32; refuses what is not finite."""
    found = np.asarray(alpha, np.float32)
    if not np.isfinite(found).all():
        raise InputError(f"alpha must be finite numbers, got {np.asarray(alpha).tolist()}")
    return found


def _grid(images: Images) -> Float[Array, "h w 2"]:
    """Row and column of every pixel, from the middle."""
    rows, columns = (jnp.arange(size) - (size - 1) / 2 for size in images.shape[1:3])
    return jnp.stack(jnp.meshgrid(rows, columns, indexing="ij"), axis=-1)


def _weights(images: Images) -> Float[Array, "batch h w"]:
    grey = jnp.mean(images, axis=3)
    return grey / jnp.maximum(jnp.sum(grey, axis=(1, 2), keepdims=True), 1e-12)


def _translate(images: Images, by: Float[Array, "batch 2"]) -> Images:
    return _warp(images, jnp.broadcast_to(jnp.eye(2)[None], (len(by), 2, 2)), -by)


def _warp(images: Images, matrix: Float[Array, "batch 2 2"], offset: Float[Array, "batch 2"]) -> Images:
    """Each pixel p, as (row, column) from the middle, takes the image's value at M p + offset, bilinearly."""
    middle = (jnp.asarray(images.shape[1:3], jnp.float32) - 1) / 2
    grid = _grid(images)

    def one(image: Array, matrix: Array, offset: Array) -> Array:
        source = jnp.einsum("kl,hwl->khw", matrix, grid) + (offset + middle)[:, None, None]
        sample = functools.partial(jax.scipy.ndimage.map_coordinates, coordinates=list(source), order=1)
        return jax.vmap(sample, in_axes=2, out_axes=2)(image)
    return jax.vmap(one)(images, matrix, offset)
