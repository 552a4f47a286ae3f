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




@pytest.mark.parametrize("make", [corruptions.masking_noise, corruptions.salt_and_pepper_noise,
                                  corruptions.gaussian_noise])
def test_rates_may_be_traced(make):
    noisy = jax.vmap(lambda rate: make(rate)(KEY, GREY))(jnp.array([0.0, 0.5]))
    assert (noisy[0] == GREY).all() and not (noisy[1] == GREY).all()


@pytest.mark.parametrize("call", [lambda: corruptions.masking_noise(1.5), lambda: corruptions.masking_noise(-0.1),
                                  lambda: corruptions.masking_noise(1.0, rescale=True),
                                  lambda: corruptions.gaussian_noise(-1),
                                  lambda: corruptions.gaussian_noise(float("nan")),
                                  lambda: corruptions.gaussian_noise((0.5, 0.1)),
                                  lambda: corruptions.masking_noise((0.5, 1.5)),
                                  lambda: corruptions.masking_noise((0.5, 1.0), rescale=True),
                                  lambda: corruptions.poisson_noise(0.0), lambda: corruptions.poisson_noise(-3.0),
                                  lambda: corruptions.signal_dependent_noise(-0.1),
                                  lambda: corruptions.signal_dependent_noise(0.1, -0.1)])
def test_bad_options(call):
    with pytest.raises(InputError):
        call()


def test_black_masks_are_exactly_the_lowest_value():
    x = jax.random.uniform(KEY, (1, 500), minval=-1.0, maxval=1.0)
    noisy = corrupt(corruptions.masking_noise(0.5), KEY, x, (-1.0, 1.0))
    assert bool(((noisy == -1) | (noisy == x)).all())


def test_a_pair_gives_each_example_its_own_level():
    x = jnp.full((4000, 64), 0.25)
    noise = np.asarray(corruptions.gaussian_noise((0.1, 0.5))(KEY, x) - x)
    levels = noise.std(axis=1)
    np.testing.assert_allclose(levels.mean(), 0.3, atol=0.01)
    np.testing.assert_allclose(levels.std(), 0.4 / 12**0.5, atol=0.02)   # uniform
    rates = np.asarray(corruptions.masking_noise((0.2, 0.6))(KEY, x) == 0).mean(axis=1)
    assert abs(rates.mean() - 0.4) < 0.01 and rates.min() < 0.2 and rates.max() > 0.6
    same = corruptions.gaussian_noise((0.3, 0.3))(KEY, x)
    np.testing.assert_allclose(same, corruptions.gaussian_noise(0.3)(KEY, x), rtol=1e-6)


def test_poisson_noise_counts():
    """Mean x, variance x / peak, and whole counts."""
    x = jnp.full((200, 500), 0.25)
    noisy = np.asarray(corruptions.poisson_noise(20.0)(KEY, x))
    np.testing.assert_allclose(noisy * 20, np.rint(noisy * 20), atol=1e-4)
    np.testing.assert_allclose(noisy.mean(), 0.25, rtol=0.01)
    np.testing.assert_allclose(noisy.var(), 0.25 / 20, rtol=0.02)


def test_signal_dependent_noise_grows_with_the_signal():
    for value in (0.0, 0.8):
        x = jnp.full((200, 500), value)
        noisy = np.asarray(corruptions.signal_dependent_noise(0.02, 0.001)(KEY, x))
        np.testing.assert_allclose(noisy.mean(), value, atol=0.002)
        np.testing.assert_allclose(noisy.var(), 0.02 * value + 0.001, rtol=0.02)
