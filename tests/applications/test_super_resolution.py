import jax
import jax.numpy as jnp
import numpy as np
import pytest
from sklearn.linear_model import Ridge

from aejax import corruptions, variants
from aejax.applications.denoising import linear_denoiser
from aejax.applications.super_resolution import (
    bicubic,
    consistency_error,
    consistent_with,
    downscale,
    local_regression,
    repeat,
    upscale,
)
from aejax.types import InputError

RNG = np.random.default_rng(11)
LARGE = RNG.random((6, 8, 12, 3))


@pytest.mark.parametrize(("size", "factor"), [((8, 12), 2), ((8, 12), 4), ((7, 9), 3), ((5, 5), 1), ((3, 4), 9)])
def test_downscaling_is_the_corruption(size, factor):
    x = RNG.random((2, *size, 3)).astype(np.float32)
    low = downscale(x, factor)
    assert low.shape == (2, -(-size[0] // factor), -(-size[1] // factor), 3) and low.dtype == np.float32
    expected = corruptions.downsample(factor)(jax.random.key(0), jnp.asarray(x))
    np.testing.assert_allclose(repeat(low, factor)[:, : size[0], : size[1]], expected, atol=1e-6)


@pytest.fixture(scope="module")
def model():
    from aejax import networks
    ae = variants.denoising(networks.Dense(shape=(6, 8, 1), code_dim=5), corruption=corruptions.downsample(2))
    return ae, ae.init(jax.random.key(0), np.zeros((1, 6, 8, 1), np.float32))


def test_upscaling_reconstructs_the_repeated_picture(model):
    low = RNG.random((7, 3, 4, 1)).astype(np.float32)
    found = upscale(*model, low, 2, batch_size=4)
    ae, params = model
    np.testing.assert_allclose(found, ae.decode(params, ae.encode(params, repeat(low, 2))), atol=1e-6)
    assert consistency_error(found, low).min() > 0.01


def test_a_consistent_result_downscales_to_the_input(model):
    low = RNG.random((7, 3, 4, 1)).astype(np.float32)
    low[0, 0, :2, 0] = 0, 1   # the ends of the range: nothing but black, nothing but white
    found = upscale(*model, low, 2, consistent=True)
    np.testing.assert_allclose(downscale(found, 2), low, atol=1e-6)
    assert consistency_error(found, low).max() < 1e-6
    assert found.min() >= 0 and found.max() <= 1 and found[0, :2, :2].max() < 1e-6
    free = upscale(*model, low, 2)
    assert np.abs(found - free).max() > 0.05


def test_it_is_the_nearest_consistent_picture():
    """Against alternating projections (Dykstra's): the least squares of both conditions."""
    low = RNG.random((6, 4, 6, 3))
    found = consistent_with(LARGE, low)
    x, first, second = LARGE.copy(), np.zeros_like(LARGE), np.zeros_like(LARGE)
    for _ in range(3000):
        y = x + first + repeat(low - downscale(x + first, 2), 2)
        first = x + first - y
        x = np.clip(y + second, 0, 1)
        second = y + second - x
    np.testing.assert_allclose(found, x, atol=1e-4)


@pytest.mark.parametrize("limits", [None, (-3.0, 3.0)])
def test_without_limits_each_box_moves(limits):
    low = RNG.random((6, 4, 6, 3))
    expected = LARGE + repeat(low - downscale(LARGE, 2), 2)
    np.testing.assert_allclose(consistent_with(LARGE, low, range=limits), expected, atol=1e-8)


def test_consistency_error_is_a_root_mean_square():
    low = downscale(LARGE, 4)
    np.testing.assert_allclose(consistency_error(LARGE + 0.1, low), 0.1)
    assert consistency_error(LARGE, low).max() < 1e-12


def test_local_regression_is_ridge_regression():
    low = downscale(LARGE, 2)
    model = local_regression(LARGE, low, radius=1, ridge=0.1)
    features, targets = [], []
    padded = np.pad(low, ((0, 0), (1, 1), (1, 1), (0, 0)), mode="edge")
    for n, i, j, c in np.ndindex(low.shape):
        features.append((padded[n, i: i + 3, j: j + 3, c] - low[n, i, j, c]).ravel())
        targets.append((LARGE[n, 2 * i: 2 * i + 2, 2 * j: 2 * j + 2, c] - low[n, i, j, c]).ravel())
    features, targets = np.array(features), np.array(targets)
    alpha = 0.1 * np.mean(np.sum(features**2, axis=0))
    fitted = Ridge(alpha=alpha, fit_intercept=False).fit(features, targets)
    np.testing.assert_allclose(model.matrix, fitted.coef_.T, atol=1e-9)
    predicted = (np.array([low[at] for at in np.ndindex(low.shape)])[:, None] + fitted.predict(features)).reshape(
        *low.shape, 2, 2)
    np.testing.assert_allclose(model(low)[2, 4:6, 6:8, 1], np.clip(predicted[2, 2, 3, 1], 0, 1), atol=1e-9)
    assert model(RNG.random((1, 9, 5, 1))).shape == (1, 18, 10, 1)   # any size


def test_local_regression_learns_an_interpolation():
    """Smooth pictures: better than bicubic on others of their kind."""
    phase = RNG.random((40, 1, 1, 1)) * 6
    x = 0.5 + 0.4 * np.sin(np.arange(16)[None, :, None, None] * 0.5 + np.arange(16)[None, None, :, None] * 0.4 + phase)
    low = downscale(x, 2)
    ours, theirs = local_regression(x[:30], low[:30])(low[30:]), bicubic(low[30:], 2)
    assert np.mean((ours - x[30:]) ** 2) < 0.5 * np.mean((theirs - x[30:]) ** 2)


def test_the_whole_image_regression_takes_smaller_pictures():
    x, low = LARGE.reshape(6, 8, 12, 3), downscale(LARGE, 4)
    found = linear_denoiser(x, low, ridge=0.2)(low)
    flat = low.reshape(6, -1)
    alpha = 0.2 * np.mean(np.sum((flat - flat.mean(0)) ** 2, axis=0))
    expected = Ridge(alpha=alpha).fit(flat, x.reshape(6, -1)).predict(flat)
    np.testing.assert_allclose(found.reshape(6, -1), np.clip(expected, x.min(), x.max()), atol=1e-8)
    assert found.shape == x.shape


@pytest.mark.parametrize(("call", "message"), [
    (lambda: downscale(LARGE, 0), "factor must be at least 1, got 0"),
    (lambda: downscale(LARGE[0], 2), "are needed, got float64"),
    (lambda: downscale((LARGE * 255).astype(np.uint8), 2), "got uint8"),
    (lambda: downscale(np.full_like(LARGE, np.nan), 2), "1728 values are NaN"),
    (lambda: consistency_error(LARGE, LARGE[:, :3]), "no whole multiple"),
    (lambda: consistency_error(LARGE, downscale(LARGE, 2)[:3]), "no whole multiple"),
    (lambda: consistent_with(LARGE, 2 + downscale(LARGE, 2)), "for a range from 0 to 1"),
    (lambda: local_regression(LARGE, downscale(LARGE, 2), radius=-1), "radius must be at least 0"),
    (lambda: local_regression(LARGE[:, :7], downscale(LARGE[:, :7], 2)), "whole multiple"),
])
def test_bad_input(call, message):
    with pytest.raises(InputError, match=message):
        call()


def test_bad_input_of_upscale(model):
    with pytest.raises(InputError, match="factor must be"):
        upscale(*model, np.zeros((1, 3, 4, 1), np.float32), 0)
    with pytest.raises(InputError, match="the network expects"):
        upscale(*model, np.zeros((1, 4, 4, 1), np.float32), 2)
