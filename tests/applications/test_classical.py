import sys

import numpy as np
import pytest
from PIL import Image
from skimage import restoration

from aejax.applications import classical
from aejax.types import InputError

RNG = np.random.default_rng(17)
CLEAN = np.kron(RNG.random((3, 4, 3, 2)), np.ones((1, 4, 4, 1))).astype(np.float32)   # squares, 16×12, two channels
NOISY = (CLEAN + RNG.normal(0, 0.15, CLEAN.shape)).astype(np.float32)
KNOWN = RNG.random((3, 16, 12, 1)) > 0.3
FILTERS = {"median": {}, "gaussian": {"std": 0.7}, "total_variation": {"weight": 0.1}, "non_local_means": {"std": 0.15}}
HOLES = ("telea", "navier_stokes")


@pytest.mark.parametrize("name", FILTERS)
def test_filters_take_noise_away(name):
    found = getattr(classical, name)(NOISY, **FILTERS[name])
    assert found.shape == NOISY.shape and found.dtype == np.float32 and found.min() >= 0 and found.max() <= 1
    assert np.mean((found - CLEAN) ** 2) < 0.8 * np.mean((NOISY - CLEAN) ** 2)


@pytest.mark.parametrize("name", FILTERS)
def test_images_are_filtered_one_by_one(name):
    """Neither other images nor, but for the two that look at colours as vectors, other channels are seen."""
    function, options = getattr(classical, name), FILTERS[name]
    whole = function(NOISY, **options)
    assert function(NOISY[..., :1], **options).shape == (3, 16, 12, 1)   # grey keeps its axis
    np.testing.assert_allclose(function(NOISY[1:2], **options), whole[1:2], atol=1e-6)
    if name in ("median", "gaussian"):
        np.testing.assert_allclose(function(NOISY[..., 1:], **options), whole[..., 1:], atol=1e-6)


def test_the_median_is_the_middle_of_nine():
    expected = np.median(NOISY[1, 4:7, 5:8, 1])
    assert classical.median(NOISY)[1, 5, 6, 1] == np.clip(expected, 0, 1)


@pytest.mark.parametrize("strength", [0.5, 1.5])
def test_non_local_means_is_scikit_images(strength):
    expected = restoration.denoise_nl_means(NOISY[2], patch_size=3, patch_distance=4, h=strength * 0.15, sigma=0.15,
                                            fast_mode=True, channel_axis=-1)
    found = classical.non_local_means(NOISY, std=0.15, strength=strength, patch_size=3, distance=4)
    np.testing.assert_allclose(found[2], np.clip(expected, 0, 1), atol=1e-6)


@pytest.mark.parametrize("name", HOLES)
def test_holes_are_filled_and_the_rest_untouched(name):
    pytest.importorskip("cv2", reason="needs the restore extra (OpenCV)")
    spoiled = np.where(KNOWN, CLEAN, np.nan)
    found = getattr(classical, name)(spoiled, KNOWN)
    known = np.broadcast_to(KNOWN, CLEAN.shape)
    assert np.array_equal(found[known], CLEAN[known]) and np.isfinite(found).all()
    mean = np.mean((CLEAN.mean() - CLEAN)[~known] ** 2)
    assert np.mean((found - CLEAN)[~known] ** 2) < 0.5 * mean
    flat = np.full((1, 9, 9, 1), 0.25, np.float32)
    np.testing.assert_allclose(getattr(classical, name)(flat, KNOWN[:1, :9, :9]), 0.25, atol=1e-4)


def test_the_two_fill_differently():
    pytest.importorskip("cv2", reason="needs the restore extra (OpenCV)")
    assert np.abs(classical.telea(CLEAN, KNOWN) - classical.navier_stokes(CLEAN, KNOWN)).max() > 0.01


@pytest.mark.parametrize(("name", "how"), [("bicubic", Image.Resampling.BICUBIC),
                                           ("lanczos", Image.Resampling.LANCZOS)])
def test_interpolation_is_pillows(name, how):
    found = getattr(classical, name)(CLEAN, 3)
    assert found.shape == (3, 48, 36, 2) and found.dtype == np.float32
    pale = 0.3 + 0.4 * CLEAN   # far from both ends, where eight bits would cut off what floats keep
    eight = np.asarray(Image.fromarray(np.rint(pale[0, ..., 1] * 255).astype(np.uint8)).resize((36, 48), how))
    np.testing.assert_allclose(getattr(classical, name)(pale, 3)[0, ..., 1] * 255, eight, atol=1.6)
    np.testing.assert_allclose(getattr(classical, name)(np.full((1, 4, 5, 1), 0.25), 2), 0.25, atol=1e-6)


@pytest.mark.parametrize(("call", "message"), [
    (lambda: classical.median(NOISY, size=0), "size must be at least 1"),
    (lambda: classical.gaussian(NOISY, std=-1.0), "std must be at least 0"),
    (lambda: classical.total_variation(NOISY, weight=0.0), "weight must be above 0"),
    (lambda: classical.non_local_means(NOISY, std=0.0), "std and strength must be above 0"),
    (lambda: classical.median((NOISY * 255).astype(np.uint8)), "floats of shape .* are needed, got uint8"),
    (lambda: classical.gaussian(NOISY[0]), r"got float32 \(16, 12, 2\)"),
    (lambda: classical.total_variation(np.full_like(NOISY, np.inf)), "1152 values are NaN or infinite"),
    (lambda: classical.bicubic(NOISY, 0), "factor must be at least 1"),
    (lambda: classical.lanczos(NOISY[:0], 2), "are needed"),
])
def test_bad_input(call, message):
    with pytest.raises(InputError, match=message):
        call()


@pytest.mark.parametrize("name", HOLES)
@pytest.mark.parametrize(("known", "message"), [
    (np.ones((3, 12, 16, 1), bool), "does not fit"), (np.zeros((3, 16, 12, 1), bool), "image 0 has no known value"),
    (KNOWN.astype(float), "must be bool")])
def test_bad_masks(name, known, message):
    pytest.importorskip("cv2", reason="needs the restore extra (OpenCV)")
    with pytest.raises(InputError, match=message):
        getattr(classical, name)(CLEAN, known)


@pytest.mark.parametrize(("module", "call"), [("skimage.filters", lambda: classical.median(NOISY)),
                                              ("cv2", lambda: classical.telea(CLEAN, KNOWN))])
def test_a_missing_extra_says_how_to_get_it(monkeypatch, module, call):
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(InputError, match=r"pip install 'aejax\[restore\]'"):
        call()
