import jax
import numpy as np
import pytest
from sklearn.linear_model import Ridge

from aejax import variants
from aejax.applications.denoising import denoise, linear_denoiser
from aejax.applications.reconstruction import reconstruct

RNG = np.random.default_rng(2)
CLEAN = RNG.random((60, 3, 2, 1))
NOISY = CLEAN + RNG.normal(0, 0.4, CLEAN.shape)
FLAT = CLEAN.reshape(60, -1), NOISY.reshape(60, -1)


def unclipped(model, x):
    return model._replace(range=(-np.inf, np.inf))(x)


def test_without_ridge_it_is_least_squares():
    clean, noisy = FLAT
    design = np.column_stack([noisy, np.ones(60)])
    expected = design @ np.linalg.lstsq(design, clean, rcond=None)[0]
    found = unclipped(linear_denoiser(CLEAN, NOISY, ridge=1e-12), NOISY)
    np.testing.assert_allclose(found.reshape(60, -1), expected, atol=1e-8)


@pytest.mark.parametrize("ridge", [1e-3, 0.5])
def test_it_is_ridge_regression(ridge):
    """ρ is relative to the mean diagonal of the (summed) covariance of the corrupted data."""
    clean, noisy = FLAT
    alpha = ridge * np.mean(np.sum((noisy - noisy.mean(0)) ** 2, axis=0))
    expected = Ridge(alpha=alpha).fit(noisy, clean).predict(noisy)
    found = unclipped(linear_denoiser(CLEAN, NOISY, ridge=ridge), NOISY)
    np.testing.assert_allclose(found.reshape(60, -1), expected, atol=1e-8)


def test_it_restores_better_than_doing_nothing():
    model = linear_denoiser(CLEAN, NOISY)
    assert np.mean((model(NOISY) - CLEAN) ** 2) < 0.8 * np.mean((NOISY - CLEAN) ** 2)


def test_it_stays_inside_the_range_of_the_training_data():
    model = linear_denoiser(CLEAN, NOISY)
    restored = model(100 * NOISY)
    assert restored.shape == NOISY.shape
    assert restored.min() == CLEAN.min() and restored.max() == CLEAN.max()


def test_constant_pixels_and_float32():
    """A border that is always black, with and without noise on it, is no division by zero."""
    clean, noisy = CLEAN.astype(np.float32), NOISY.astype(np.float32)
    clean[:, 0] = noisy[:, 0] = 0
    restored = linear_denoiser(clean, noisy)(noisy)
    assert restored.dtype == np.float32 and np.isfinite(restored).all()
    np.testing.assert_allclose(restored[:, 0], 0, atol=1e-6)


def test_denoise_is_one_pass(dense, images):
    ae = variants.denoising(dense)
    params = ae.init(jax.random.key(0), images)
    noisy = images / np.float32(255) + RNG.normal(0, 0.5, images.shape).astype(np.float32)
    found, expected = (function(ae, params, noisy, batch_size=16) for function in (denoise, reconstruct))
    np.testing.assert_array_equal(found, expected)
    np.testing.assert_allclose(denoise(ae, params, noisy), ae.decode(params, ae.encode(params, noisy)), atol=1e-6)
