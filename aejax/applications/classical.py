"""What one would use without a trained model: filters of scikit-image, inpainting of OpenCV, interpolation of Pillow.

Images are floats (N, H, W, C) on the [0, 1] scale; noisy ones may leave it, results are cut to it. Strengths are
explicit: choose them on validation images, as an honest baseline must. BM3D is missing on purpose: its authors'
implementation, the `bm3d` package, is licensed for non-commercial use only.
"""

import importlib
from collections.abc import Callable
from types import ModuleType

import numpy as np
from PIL import Image

from aejax.applications.gaussian_model import check_mask
from aejax.types import InputError


def median(x: np.ndarray, *, size: int = 3) -> np.ndarray:
    """The median of a size×size square around each pixel, by channel."""
    if size < 1:
        raise InputError(f"median: size must be at least 1 pixel, got {size}")
    return _cut(_needs("skimage.filters").median(_checked(x), np.ones((1, size, size, 1), bool), mode="reflect"), x)


def gaussian(x: np.ndarray, *, std: float = 1.0) -> np.ndarray:
    """A Gaussian blur of standard deviation `std`, in pixels."""
    if not 0 <= std < np.inf:
        raise InputError(f"gaussian: std must be at least 0 pixels, got {std}")
    return _cut(_needs("skimage.filters").gaussian(_checked(x), sigma=(0, std, std, 0), mode="reflect"), x)


def total_variation(x: np.ndarray, *, weight: float = 0.1) -> np.ndarray:
    """argmin_y weight · TV(y) + ½‖y − x‖² (Chambolle 2004); a larger weight smooths more."""
    if not 0 < weight < np.inf:
        raise InputError(f"total_variation: weight must be above 0, got {weight}")
    denoise = _needs("skimage.restoration").denoise_tv_chambolle
    return _each(lambda image: denoise(image, weight=weight, channel_axis=-1).reshape(image.shape), x)


def non_local_means(x: np.ndarray, *, std: float, strength: float = 0.8, patch_size: int = 5, distance: int = 6,
                    ) -> np.ndarray:
    """Means over pixels whose surroundings look alike (Buades et al. 2005).

    Args:
      std: of the noise, on the [0, 1] scale; h = strength · std is the cut-off of distances between patches.
      strength: a larger one smooths more.
      patch_size: side of the patches that are compared, in pixels.
      distance: how far a patch is searched for, in pixels.
    """
    if not (std > 0 and strength > 0 and patch_size >= 1 and distance >= 1):
        raise InputError("non_local_means: std and strength must be above 0, patch_size and distance at least 1; got "
                         f"{std}, {strength}, {patch_size}, {distance}")
    denoise = _needs("skimage.restoration").denoise_nl_means
    return _each(lambda image: denoise(image, patch_size=patch_size, patch_distance=distance, h=strength * std,
                                       sigma=std, fast_mode=True, channel_axis=-1).reshape(image.shape), x)


def telea(x: np.ndarray, known_mask: np.ndarray, *, radius: float = 3.0) -> np.ndarray:
    """Inpaints by fast marching from the border of the hole inwards (Telea 2004); known values stay.

    Args:
      x: floats (N, H, W, C); unknown values do not matter.
      known_mask: bool, of x's shape or broadcastable to it.
      radius: of the neighbourhood that is averaged, in pixels.
    """
    return _opencv(x, known_mask, radius, "INPAINT_TELEA")


def navier_stokes(x: np.ndarray, known_mask: np.ndarray, *, radius: float = 3.0) -> np.ndarray:
    """Inpaints by continuing isophotes as a fluid flows (Bertalmio et al. 2001); arguments as for `telea`."""
    return _opencv(x, known_mask, radius, "INPAINT_NS")


def bicubic(low: np.ndarray, factor: int) -> np.ndarray:
    """Bicubic interpolation to `factor` times the size."""
    return _resize(low, factor, Image.Resampling.BICUBIC)


def lanczos(low: np.ndarray, factor: int) -> np.ndarray:
    """Lanczos interpolation (three lobes) to `factor` times the size."""
    return _resize(low, factor, Image.Resampling.LANCZOS)


def _resize(low: np.ndarray, factor: int, how: Image.Resampling) -> np.ndarray:
    if factor < 1:
        raise InputError(f"factor must be at least 1, got {factor}")
    _, height, width, channels = _checked(low).shape

    def enlarged(image: np.ndarray) -> np.ndarray:
        layers = [Image.fromarray(np.ascontiguousarray(image[..., c], np.float32)).resize(
            (width * factor, height * factor), how) for c in range(channels)]
        return np.stack([np.asarray(layer) for layer in layers], axis=-1)
    return _each(enlarged, low)


def _opencv(x: np.ndarray, known_mask: np.ndarray, radius: float, how: str) -> np.ndarray:
    cv2 = _needs("cv2")
    known = check_mask(_checked(x, finite=False), known_mask)
    if not radius > 0:
        raise InputError(f"radius must be above 0 pixels, got {radius}")
    # 16 bits: Telea's method of OpenCV 5 adds a half, for rounding, to floats too
    whole = np.rint(65535 * np.clip(np.where(known, x, 0), 0, 1)).astype(np.uint16)
    for image, seen in zip(whole, known, strict=True):
        for c in range(x.shape[-1]):
            hole = np.ascontiguousarray(~seen[..., c], np.uint8)
            image[..., c] = cv2.inpaint(np.ascontiguousarray(image[..., c]), hole, radius, getattr(cv2, how))
    return np.where(known, x, (whole / 65535).astype(x.dtype))


def _each(function: Callable[[np.ndarray], np.ndarray], x: np.ndarray) -> np.ndarray:
    return _cut(np.stack([function(image) for image in _checked(x)]), x)


def _cut(out: np.ndarray, x: np.ndarray) -> np.ndarray:
    return np.clip(out, 0, 1).astype(x.dtype)


def _checked(x: np.ndarray, *, finite: bool = True) -> np.ndarray:
    if x.ndim != 4 or 0 in x.shape or not np.issubdtype(x.dtype, np.floating):
        raise InputError(f"floats of shape (N, H, W, C) on the [0, 1] scale are needed, got {x.dtype} {x.shape}")
    if finite and not np.isfinite(x).all():
        raise InputError(f"{(~np.isfinite(x)).sum()} values are NaN or infinite: remove or fill them")
    return x


def _needs(module: str) -> ModuleType:
    try:
        return importlib.import_module(module)
    except ImportError:
        raise InputError(f"{module.split('.')[0]} is not installed: pip install 'aejax[restore]'") from None
