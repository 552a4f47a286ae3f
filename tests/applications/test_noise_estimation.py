import jax
import jax.numpy as jnp
import numpy as np
import pytest

from aejax import corruptions
from aejax.applications.noise_estimation import NoiseLevel, from_flat_regions, from_pairs
from aejax.types import InputError

RNG = np.random.default_rng(13)


def scene(size=(240, 320), detail=0.0):
    """Flat and sloping surfaces of many intensities, some of them covered with stripes."""
    height, width = size
    x = np.kron(RNG.uniform(0.15, 0.85, (height // 40, width // 40)), np.ones((40, 40)))
    x = x + np.linspace(-0.05, 0.05, width)[None]
    stripes = 0.15 * np.sin(np.arange(width) * 0.9)[None]
    return x + np.where(np.kron(RNG.random((height // 40, width // 40)), np.ones((40, 40))) < detail, stripes, 0)


def with_noise(x, slope, floor, seed=0):
    return np.asarray(corruptions.signal_dependent_noise(slope, floor)(jax.random.key(seed), jnp.asarray(x[None])))[0]


LEVELS = [(0.01, 0.0004), (0.0, 0.0025), (0.02, 0.0), (0.002, 0.0001)]


def check(found, slope, floor, tolerance):
    """The variance at dark, middle and bright within a share of the truth."""
    for intensity in (0.2, 0.5, 0.8):
        truth = slope * intensity + floor
        assert abs(found.slope * intensity + found.floor - truth) < tolerance * truth, (found, intensity)
    assert found.slope >= 0 and found.floor >= 0


@pytest.mark.parametrize(("slope", "floor"), LEVELS)
def test_pairs_give_slope_and_floor_back(slope, floor):
    x = scene()
    found = from_pairs(with_noise(x, slope, floor)[None], x[None])
    check(found, slope, floor, 0.03)
    assert abs(found.slope - slope) < 0.0008 and abs(found.floor - floor) < 0.0003


@pytest.mark.parametrize(("slope", "floor"), LEVELS)
@pytest.mark.parametrize("detail", [0.0, 0.4])
def test_flat_regions_give_slope_and_floor_back(slope, floor, detail):
    found = from_flat_regions([with_noise(scene(detail=detail), slope, floor, seed) for seed in range(2)])
    check(found, slope, floor, 0.1)


def test_detail_is_no_noise():
    """Without the choice of blocks the stripes would count as noise of seven times the variance."""
    noisy = with_noise(scene(detail=0.4), 0.0, 0.0004)
    blocks = noisy.reshape(30, 8, 40, 8).swapaxes(1, 2).reshape(-1, 8, 8)
    assert blocks.var(axis=(1, 2)).mean() > 7 * 0.0004
    assert abs(from_flat_regions([noisy]).std - 0.02) < 0.002


def test_std_where_the_level_is_the_same_everywhere():
    noisy = 0.5 + RNG.normal(0, 0.1, (400, 400))   # the plane that is taken off each block must not count
    for found in (from_flat_regions([noisy]), from_pairs([noisy], [np.full((400, 400), 0.5)])):
        assert found.slope == 0 and abs(found.std - 0.1) < 0.001


def test_no_noise_is_none():
    flat = np.full((40, 40), 0.5)
    assert from_pairs([flat], [flat]) == NoiseLevel(0.0, 0.0) and from_flat_regions([flat]).std < 1e-6


def test_uint8_colours_and_unequal_sizes():
    noisy = [with_noise(scene(size)[..., None].repeat(3, 2), 0.0, 0.0025) for size in ((120, 160), (200, 80))]
    pictures = [np.rint(255 * np.clip(picture, 0, 1)).astype(np.uint8) for picture in noisy]
    check(from_flat_regions(pictures), 0.0, 0.0025, 0.1)
    clean = [np.full(p.shape, 128, np.uint8) for p in pictures]
    assert from_pairs(clean, clean) == NoiseLevel(0.0, 0.0)


def test_pixels_cut_off_do_not_count():
    """Half of the picture is overexposed: what is left of its noise there says nothing."""
    x = scene() + np.where(np.arange(320) < 160, 1.0, 0)[None]
    check(from_flat_regions([np.clip(with_noise(x, 0.0, 0.0025), 0, 1)]), 0.0, 0.0025, 0.1)


@pytest.mark.parametrize("level", [NoiseLevel(0.01, 0.0004), NoiseLevel(0.0, 0.0025)])
def test_its_corruption_is_of_that_level(level):
    x = scene()
    noisy = np.asarray(level.corruption()(jax.random.key(1), jnp.asarray(x[None])))
    check(from_pairs(noisy, x[None]), *level, 0.03)


@pytest.mark.parametrize(("call", "message"), [
    (lambda: from_pairs([np.zeros((4, 4))], [np.zeros((4, 5))]), r"one size are needed; .*\(4, 4\) and \(4, 5\)"),
    (lambda: from_pairs([np.zeros((4, 4))] * 2, [np.zeros((4, 4))]), "2 noisy and 1 clean"),
    (lambda: from_pairs([], []), "no pictures given"),
    (lambda: from_flat_regions([np.full((9, 9), np.nan)]), "picture 0 holds 81 values that are NaN"),
    (lambda: from_flat_regions([np.full((9, 9), 200.0)]), "scale"),
    (lambda: from_flat_regions([np.zeros((7, 9))]), "no picture holds a block of 8x8"),
    (lambda: from_flat_regions([np.ones((80, 80))]), "no flat region"),
    (lambda: from_flat_regions([scene()], block=3), "block must be at least 4"),
    (lambda: from_flat_regions([0.5 + 0.4 * np.sin(np.arange(80)[None] * 0.5 + np.zeros((80, 1)))]), "no flat region"),
])
def test_bad_input(call, message):
    with pytest.raises(InputError, match=message):
        call()
