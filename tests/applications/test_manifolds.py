import numpy as np
import pytest
from scipy.special import logsumexp
from scipy.stats import multivariate_normal

from aejax import data
from aejax.applications.manifolds import curve_mixture, distance_to_curve
from aejax.types import InputError

CURVE = data.spiral_curve(401)[0].astype(np.float64)
MIXTURE = curve_mixture(CURVE, 0.1)
X = np.random.default_rng(3).uniform(-1, 1, (50, 2))


def test_density_is_the_mean_of_scipys_normals():
    each = np.stack([multivariate_normal(c, 0.01 * np.eye(2)).logpdf(X) for c in CURVE])
    np.testing.assert_allclose(MIXTURE.log_density(X), logsumexp(each, axis=0) - np.log(len(CURVE)), rtol=1e-9)


def test_score_is_the_gradient_of_the_density():
    step = 1e-5
    for axis in (0, 1):
        to = np.eye(2)[axis] * step
        slope = (MIXTURE.log_density(X + to) - MIXTURE.log_density(X - to)) / (2 * step)
        np.testing.assert_allclose(MIXTURE.score(X)[:, axis], slope, rtol=1e-4, atol=1e-4)


def test_conditional_mean_is_the_mean_of_what_was_corrupted():
    """Simulated: among many corrupted points, those that fell near a place have that mean (to 5 standard errors)."""
    random = np.random.default_rng(0)
    clean = CURVE[random.integers(0, len(CURVE), 400_000)]
    noisy = clean + 0.1 * random.standard_normal(clean.shape)
    for place in ([0.4, 0.3], [-0.3, 0.05]):
        near = np.linalg.norm(noisy - place, axis=1) < 0.02
        expected, error = clean[near].mean(axis=0), clean[near].std(axis=0) / np.sqrt(near.sum())
        found = MIXTURE.conditional_mean(noisy[near]).mean(axis=0)
        assert near.sum() > 100 and (np.abs(found - expected) < 5 * error).all()


def test_far_away_nothing_underflows():
    far = np.array([[1e3, 0.0], [0.0, -1e3]])
    assert np.isfinite(MIXTURE.log_density(far)).all()
    np.testing.assert_allclose(MIXTURE.conditional_mean(far), CURVE[[np.argmax(CURVE[:, 0]), np.argmin(CURVE[:, 1])]],
                               atol=1e-3)


def test_distance_is_brute_force(monkeypatch):
    monkeypatch.setattr("aejax.applications.manifolds.CHUNK", 7)   # 50 points: eight chunks, the last one of one
    distance, index = distance_to_curve(X, CURVE)
    every = np.linalg.norm(X[:, None] - CURVE[None], axis=-1)
    np.testing.assert_array_equal(index, every.argmin(axis=1))
    np.testing.assert_allclose(distance, every.min(axis=1))


@pytest.mark.parametrize("std", [0.0, -1.0, float("nan")])
def test_noise_must_be_positive(std):
    with pytest.raises(InputError, match="std must be positive"):
        curve_mixture(CURVE, std)


def test_a_coarse_curve_is_refused_and_the_needed_size_suffices():
    with pytest.raises(InputError, match=r"at least (\d+) points") as error:
        curve_mixture(data.spiral_curve(50)[0], 0.05)
    needed = int(str(error.value).split("at least ")[1].split()[0])
    curve_mixture(data.spiral_curve(needed)[0], 0.05)


def test_shapes_that_do_not_fit():
    for x in (np.zeros((3, 3)), np.zeros((0, 2))):
        with pytest.raises(InputError, match="both \\(n, d\\)"):
            MIXTURE.conditional_mean(x)
