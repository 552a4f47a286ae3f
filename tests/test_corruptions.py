import jax
import jax.numpy as jnp
import numpy as np
import pytest

from aejax import corruptions
from aejax.autoencoder import corrupt
from aejax.types import InputError

KEY = jax.random.key(0)
GREY = jnp.full((50, 8, 8, 1), 0.25)


def test_masking_rate_and_fill():
    noisy = corruptions.masking_noise(0.3, fill=0.5)(KEY, GREY)
    assert set(np.unique(noisy)) == {0.25, 0.5}
    assert abs(float((noisy == 0.5).mean()) - 0.3) < 0.03


@pytest.mark.parametrize("rate", [0.0, 0.001, 0.3, 0.5, 0.9999, 1.0])
@pytest.mark.parametrize("shape", [(4000, 203), (4000, 7, 29, 1)])
def test_masks_are_independent_with_the_exact_rate(rate, shape):
    """Binomial counts: their mean, their variance, and no correlation between neighbours or examples."""
    mask = np.asarray(corruptions.masking_noise(rate, fill=1.0)(KEY, jnp.zeros(shape))).reshape(4000, 203)
    variance = rate * (1 - rate)
    assert abs(mask.mean() - rate) <= 4.5 * (variance / mask.size) ** 0.5
    if variance > 0.01:
        np.testing.assert_allclose(mask.sum(axis=1).var(), 203 * variance, rtol=0.1)
        centred = mask - rate
        for lag in (1, 2, 3, 4, 7):
            assert abs((centred[:, lag:] * centred[:, :-lag]).mean()) < 5 * variance / mask.size**0.5
        assert abs((centred[1:] * centred[:-1]).mean()) < 5 * variance / mask.size**0.5


def test_notebook_mask_doubles_and_greys():
    """Dropout(½) of a mask of ones times data in [-1, 1]: kept pixels double, dropped ones become 0."""
    x = jnp.linspace(-1, 1, 4000).reshape(1, -1)
    noisy = corrupt(corruptions.masking_noise(0.5, fill=0.5, rescale=True), KEY, x, (-1.0, 1.0))
    kept = np.asarray(noisy != 0)
    np.testing.assert_allclose(np.asarray(noisy)[kept], 2 * np.asarray(x)[kept], atol=1e-6)
    assert 0.45 < kept.mean() < 0.55


def test_rescaled_mask_keeps_the_mean():
    noisy = corruptions.masking_noise(0.25, fill=0.5, rescale=True)(KEY, GREY)
    assert abs(float(noisy.mean()) - 0.25) < 0.01


def test_gaussian_std_is_in_units_of_the_unit_scale():
    noise = corruptions.gaussian_noise(0.1)(KEY, GREY) - GREY
    assert abs(float(noise.std()) - 0.1) < 0.005
    signed = corrupt(corruptions.gaussian_noise(0.1), KEY, GREY, (-1.0, 1.0)) - GREY
    assert abs(float(signed.std()) - 0.2) < 0.01


def test_clip_keeps_the_range():
    noisy = corruptions.gaussian_noise(2.0, clip=True)(KEY, GREY)
    assert float(noisy.min()) == 0 and float(noisy.max()) == 1


def test_salt_and_pepper_in_equal_parts():
    noisy = np.asarray(corruptions.salt_and_pepper_noise(0.4)(KEY, GREY))
    assert abs((noisy == 0).mean() - 0.2) < 0.03 and abs((noisy == 1).mean() - 0.2) < 0.03
    assert (noisy[(noisy > 0) & (noisy < 1)] == 0.25).all()


def test_one_block_of_the_size():
    noisy = np.asarray(corruptions.block_mask(3, fill=0.75)(KEY, GREY))
    hit = (noisy == 0.75)[..., 0]
    assert (hit.sum(axis=(1, 2)) == 9).all()
    assert (hit.any(axis=1).sum(axis=1) == 3).all() and (hit.any(axis=2).sum(axis=1) == 3).all()
    assert len({tuple(np.argwhere(h)[0]) for h in hit}) > 10   # at different places


@pytest.mark.parametrize("size", [(6, 6), (5, 7)])
def test_downsample_averages_boxes(size):
    x = jnp.asarray(np.random.default_rng(0).uniform(size=(2, *size, 3)), jnp.float32)
    low = corruptions.downsample(2)(KEY, x)
    assert low.shape == x.shape
    np.testing.assert_allclose(low[:, 1, 1], np.asarray(x)[:, :2, :2].mean(axis=(1, 2)), rtol=1e-5)
    np.testing.assert_allclose(low[:, -1, -1], np.asarray(x)[:, (size[0] - 1) // 2 * 2:, (size[1] - 1) // 2 * 2:]
                               .mean(axis=(1, 2)), rtol=1e-5)


@pytest.mark.parametrize("make", [corruptions.masking_noise, corruptions.salt_and_pepper_noise,
                                  corruptions.gaussian_noise])
def test_rates_may_be_traced(make):
    noisy = jax.vmap(lambda rate: make(rate)(KEY, GREY))(jnp.array([0.0, 0.5]))
    assert (noisy[0] == GREY).all() and not (noisy[1] == GREY).all()


@pytest.mark.parametrize("call", [lambda: corruptions.masking_noise(1.5), lambda: corruptions.masking_noise(-0.1),
                                  lambda: corruptions.masking_noise(1.0, rescale=True),
                                  lambda: corruptions.gaussian_noise(-1), lambda: corruptions.block_mask(0),
                                  lambda: corruptions.block_mask(9)(KEY, GREY), lambda: corruptions.downsample(0)])
def test_bad_options(call):
    with pytest.raises(InputError):
        call()


def test_black_masks_are_exactly_the_lowest_value():
    x = jax.random.uniform(KEY, (1, 500), minval=-1.0, maxval=1.0)
    noisy = corrupt(corruptions.masking_noise(0.5), KEY, x, (-1.0, 1.0))
    assert bool(((noisy == -1) | (noisy == x)).all())
