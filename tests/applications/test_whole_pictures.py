import jax.numpy as jnp
import numpy as np
import pytest

from aejax.applications.super_resolution import downscale
from aejax.applications.whole_pictures import denoise_picture, inpaint_picture, upscale_picture
from aejax.types import Autoencoder, InputError

RNG = np.random.default_rng(0)


def made_of(reconstruct, range=(-1.0, 1.0)):
    """An autoencoder without parameters: `reconstruct` maps images in `range`."""
    return Autoencoder(lambda key, x: {}, lambda params, x: x.reshape(len(x), -1), lambda params, code: code,
                       lambda params, key, x: (0.0, {}), range, lambda params, x: reconstruct(x))


IDENTITY = made_of(lambda x: x)


@pytest.mark.parametrize("size", [(1, 1), (3, 30), (8, 8), (20, 13)])
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("wanted", [1, 3])
def test_the_identity_gives_any_picture_back(size, channels, wanted):
    picture = RNG.random((*size, channels), np.float32)
    found = denoise_picture(IDENTITY, {}, picture, shape=(8, 8, wanted))
    np.testing.assert_allclose(found, picture, atol=1e-6)


def test_channels_and_scale():
    """A grey autoencoder sees each channel by itself, one for colour sees grey three times; both on their own scale."""
    picture = RNG.random((11, 9, 3), np.float32)
    negative = made_of(lambda x: -x)   # of (−1, 1): 1 − x on the [0, 1] scale
    np.testing.assert_allclose(denoise_picture(negative, {}, picture, shape=(4, 4, 1)), 1 - picture, atol=1e-6)
    first = made_of(lambda x: x * jnp.array([1.0, 0.0, 0.0])[None, None, None], (0.0, 1.0))
    grey = denoise_picture(first, {}, picture[..., :1], shape=(4, 4, 3))
    np.testing.assert_allclose(grey, picture[..., :1] / 3, atol=1e-6)
    loud = denoise_picture(made_of(lambda x: 5 * x), {}, picture, shape=(4, 4, 3))
    assert loud.min() == 0 and loud.max() == 1


def test_known_pixels_are_untouched_and_others_are_the_models():
    picture = RNG.random((20, 15, 3), np.float32)
    known = RNG.random((20, 15)) < 0.5
    white = made_of(lambda x: jnp.ones_like(x))
    found = inpaint_picture(white, {}, np.where(known[..., None], picture, np.nan), known, shape=(8, 8, 1))
    np.testing.assert_array_equal(found[known], picture[known])
    np.testing.assert_allclose(found[~known], 1, atol=1e-6)
    np.testing.assert_array_equal(inpaint_picture(white, {}, picture, known | True, shape=(8, 8, 1)), picture)


def test_a_hole_larger_than_a_tile_is_filled_from_its_border():
    """The model paints unknown pixels like the mean of the known ones, and knows nothing in a tile without any."""
    def mean(x):
        known = x != -7.0
        level = jnp.sum(jnp.where(known, x, 0), axis=(1, 2, 3)) / jnp.maximum(known.sum(axis=(1, 2, 3)), 1)
        return jnp.broadcast_to(level[:, None, None, None], x.shape)
    picture = np.full((40, 40, 1), 0.7, np.float32)
    known = np.zeros((40, 40), bool)
    known[:, :3] = True
    found = inpaint_picture(made_of(mean), {}, picture, known, shape=(8, 8, 1), fill=-7.0)
    np.testing.assert_allclose(found, 0.7, atol=1e-5)


@pytest.mark.parametrize("channels", [1, 3])
def test_upscaling_keeps_pixels_in_their_places(channels):
    picture = RNG.random((11, 7, channels), np.float32)
    found = upscale_picture(IDENTITY, {}, picture, 4, shape=(16, 16, 1))
    np.testing.assert_allclose(found, picture.repeat(4, axis=0).repeat(4, axis=1), atol=1e-6)


def test_what_is_painted_into_a_box_stays_upright():
    ramp = jnp.arange(16.0)[None, :, None, None] / 16
    picture = np.zeros((4, 4, 3), np.float32)
    found = upscale_picture(made_of(lambda x: x + ramp, (0.0, 1.0)), {}, picture, 4, shape=(16, 16, 1))
    np.testing.assert_allclose(found, np.broadcast_to(np.asarray(ramp[0]), (16, 16, 3)), atol=1e-6)


def test_a_consistent_result_is_so_across_tiles():
    picture = RNG.random((11, 7, 3), np.float32)
    rough = made_of(lambda x: 0.9 * jnp.sin(20 * x + jnp.arange(8.0)[None, None, :, None]))
    free, bound = (upscale_picture(rough, {}, picture, 2, shape=(8, 8, 3), consistent=c) for c in (False, True))
    assert np.abs(downscale(free[None], 2)[0] - picture).max() > 0.1
    np.testing.assert_allclose(downscale(bound[None], 2)[0], picture, atol=1e-5)
    assert bound.min() >= 0 and bound.max() <= 1


def test_what_is_refused():
    picture = np.zeros((6, 6, 3), np.float32)
    with pytest.raises(InputError, match="data of shape .5,."):
        denoise_picture(IDENTITY, {}, picture, shape=(5,))
    with pytest.raises(InputError, match="grey or RGB"):
        denoise_picture(IDENTITY._replace(range=None), {}, picture, shape=(4, 4, 1))
    with pytest.raises(InputError, match="mask of 6x5 for a picture of 6x6"):
        inpaint_picture(IDENTITY, {}, picture, np.ones((6, 5), bool), shape=(4, 4, 1))
    with pytest.raises(InputError, match="no pixel of the picture is known"):
        inpaint_picture(IDENTITY, {}, picture, np.zeros((6, 6), bool), shape=(4, 4, 1))
    for factor in (1, 3):
        with pytest.raises(InputError, match=f"factor {factor}: must be at least 2 and divide the 4x4"):
            upscale_picture(IDENTITY, {}, picture, factor, shape=(4, 4, 1))
