import jax.numpy as jnp
import numpy as np
import pytest
from skimage.metrics import peak_signal_noise_ratio
from sklearn.metrics import roc_auc_score

from aejax import metrics
from aejax.types import InputError


@pytest.fixture(scope="module")
def pair():
    rng = np.random.default_rng(0)
    x = rng.random((5, 6, 7, 3)).astype(np.float32)
    return x, np.clip(x + rng.normal(0, 0.1, x.shape), 0, 1).astype(np.float32)


@pytest.mark.parametrize("data_range", [1.0, 2.0])
def test_psnr_is_scikit_images_of_each_image(pair, data_range):
    expected = [peak_signal_noise_ratio(a, b, data_range=data_range) for a, b in zip(*pair, strict=True)]
    np.testing.assert_allclose(metrics.psnr(*pair, data_range=data_range), expected, rtol=1e-5)


def test_psnr_of_equal_images_is_infinite(pair):
    assert np.isposinf(metrics.psnr(pair[0], pair[0])).all()


@pytest.mark.parametrize("shape", [(5, 6, 7, 3), (5, 126)])
def test_mse_is_numpys_of_each_example(pair, shape):
    x, y = (a.reshape(shape) for a in pair)
    np.testing.assert_allclose(metrics.mse(x, y), ((x - y) ** 2).reshape(5, -1).mean(axis=1), rtol=1e-6)
    np.testing.assert_allclose(metrics.mse(2 * x - 1, 2 * y - 1), 4 * metrics.mse(x, y), rtol=1e-5)


@pytest.mark.parametrize(("x", "range", "expected"), [
    (np.array([0, 51, 255], np.uint8), (-1.0, 1.0), [0, 0.2, 1]),   # bytes have one meaning, whatever the range
    (np.array([0, 51, 255], np.uint8), None, [0, 0.2, 1]),
    (np.array([-1.0, 0.0, 1.0], np.float32), (-1.0, 1.0), [0, 0.5, 1]),
    (np.array([-0.5, 0.25], np.float32), (0.0, 1.0), [-0.5, 0.25]),   # noise outside the range stays outside
    (np.array([-7.0, 9.0], np.float32), None, [-7, 9])])
def test_to_unit(x, range, expected):
    result = metrics.to_unit(x, range)
    assert result.dtype == jnp.float32
    np.testing.assert_allclose(result, expected, atol=1e-7)


def test_principal_angles_are_scipys_whatever_the_bases():
    from scipy.linalg import subspace_angles
    random = np.random.default_rng(1)
    a, b = random.normal(size=(2, 9, 4))
    found = metrics.principal_angles(a, b)
    np.testing.assert_allclose(found, np.degrees(subspace_angles(a, b))[::-1], atol=1e-6)
    np.testing.assert_allclose(metrics.principal_angles(a @ random.normal(size=(4, 4)), b), found, atol=1e-6)
    np.testing.assert_allclose(metrics.principal_angles(a, a @ random.normal(size=(4, 4))), 0, atol=1e-4)


def test_auroc_is_scikit_learns_also_with_ties():
    rng = np.random.default_rng(0)
    normal, odd = rng.integers(0, 9, 200).astype(float), rng.integers(3, 12, 77).astype(float)
    expected = roc_auc_score(np.repeat([0, 1], [200, 77]), np.concatenate([normal, odd]))
    assert metrics.auroc(normal, odd) == pytest.approx(expected, abs=1e-12)
    with pytest.raises(InputError, match="0 normal and 77 odd"):
        metrics.auroc(normal[:0], odd)
