import jax
import numpy as np
import pytest

from aejax.applications import compression, lossless
from aejax.applications.pixel_model import Geometry, row_weights
from aejax.types import InputError

WEIGHTS = jax.jit(row_weights, static_argnames="geometry")


@pytest.mark.parametrize("count", [0, 1, 3, 64])
def test_every_value_comes_back(codec, pixels, images, count):
    data = lossless.compress(codec, pixels, images[:count])
    found = lossless.decompress(codec, pixels, data, count)
    assert found.dtype == np.uint8
    np.testing.assert_array_equal(found, images[:count])


def test_values_that_no_training_example_had(codec, pixels):
    noise = np.random.default_rng(1).integers(0, 256, (5, 6, 5, 1), np.uint8)
    np.testing.assert_array_equal(lossless.decompress(codec, pixels, lossless.compress(codec, pixels, noise), 5), noise)


def test_several_chunks(codec, pixels, images, monkeypatch):
    monkeypatch.setattr(lossless, "CHUNK", 4)
    data = lossless.compress(codec, pixels, images[:11])
    np.testing.assert_array_equal(lossless.decompress(codec, pixels, data, 11), images[:11])


def test_colour(colour):
    pictures, model = colour
    guides = np.zeros_like(pictures)
    found = lossless.decompress_pixels(model, lossless.compress_pixels(model, pictures, guides), guides)
    np.testing.assert_array_equal(found, pictures)


def test_length_is_the_ideal_one(pixels, images):
    guides, geometry = np.full_like(images, 3), Geometry(*map(int, pixels.geometry))
    padded, around = geometry.pad(images), geometry.pad(guides, guide=True)
    ideal = 0.0
    for row, column, channel in np.ndindex(6, 5, 1):
        weights = np.asarray(WEIGHTS(pixels, geometry, padded[:, row: row + 3, column: column + 5],
                                     around[:, row: row + 3, column: column + 3], row, column, channel))
        shares = weights[np.arange(64), images[:, row, column, channel]] / weights.sum(axis=1)
        ideal -= np.log2(np.maximum(shares, 2.0**-24)).sum()
    bits = 8 * len(lossless.compress_pixels(pixels, images, guides))
    assert abs(bits - ideal) < 0.01 * ideal + 64
    assert bits < 6 * images.size   # and the model has learnt something of its 8


def elsewhere(monkeypatch, error):
    """The decoder of another machine, whose results differ by up to `error` from those of this one."""
    own, rng = compression.decoded, np.random.default_rng(2)

    def other(*arguments):
        unit = own(*arguments)
        return np.clip(unit + rng.uniform(-error, error, unit.shape), 0, 1).astype(np.float32)
    monkeypatch.setattr(compression, "decoded", other)


def test_rounding_errors_of_another_machine_change_nothing(codec, pixels, images, monkeypatch):
    """Values near a border are listed in the file: with a wide margin many are."""
    monkeypatch.setattr(lossless, "MARGIN", 0.01)
    codes = codec.tables.clip(compression.integer_codes(codec.ae, codec.params, images))
    guides, near = lossless.guides_of(compression.decoded(codec.ae, codec.params, codes))
    assert near.sum() > 50
    data = lossless.compress(codec, pixels, images)
    elsewhere(monkeypatch, 0.009)
    assert not np.array_equal(lossless.guides_of(compression.decoded(codec.ae, codec.params, codes))[0], guides)
    np.testing.assert_array_equal(lossless.decompress(codec, pixels, data, 64), images)


def test_larger_differences_are_refused(codec, pixels, images, monkeypatch):
    data = lossless.compress(codec, pixels, images)
    elsewhere(monkeypatch, 0.05)
    with pytest.raises(InputError, match="arithmetic differs"):
        lossless.decompress(codec, pixels, data, 64)


@pytest.mark.parametrize("damage", [lambda d: d[:5], lambda d: b"\xff" * 12 + d[12:], lambda d: d[:14] + d[16:]])
def test_damaged_data_are_refused(codec, pixels, images, damage):
    with pytest.raises(InputError, match="damaged|differs"):
        lossless.decompress(codec, pixels, damage(lossless.compress(codec, pixels, images)), 64)
