import sys

import jax
import numpy as np
import pytest
from sklearn.mixture import GaussianMixture

from aejax.applications import priors
from aejax.applications.priors import Mixture, full_gaussian, gaussian_mixture, standard_normal
from aejax.types import InputError

RNG = np.random.default_rng(0)
CODES = np.concatenate([RNG.normal(-4, 0.5, (200, 3)), RNG.normal(4, 1, (200, 3)) @ np.diag([1, 2, 0.5])])
KEY = jax.random.key(0)


def test_a_density_is_that_of_scikit_learn():
    found = gaussian_mixture(CODES, components=2)
    other = GaussianMixture(2, means_init=found.means, random_state=0).fit(CODES)
    np.testing.assert_allclose(found.log_density(CODES[:50]), other.score_samples(CODES[:50]), atol=0.05)


def test_one_gaussian_is_the_mean_and_the_covariance():
    found = full_gaussian(CODES)
    covariance = np.cov(CODES, rowvar=False)
    ridge = priors.RIDGE * np.trace(covariance) / 3 * np.eye(3)
    np.testing.assert_allclose(found.choleskys[0] @ found.choleskys[0].T, covariance + ridge, rtol=1e-4, atol=1e-4)
    assert isinstance(found, priors.Prior)
    deviation = CODES[0] - CODES.mean(axis=0)
    expected = -0.5 * (deviation @ np.linalg.solve(covariance, deviation) + np.linalg.slogdet(covariance)[1]
                       + 3 * np.log(2 * np.pi))
    np.testing.assert_allclose(found.log_density(CODES[:1])[0], expected, atol=1e-2)
    one = gaussian_mixture(CODES, components=1)
    np.testing.assert_allclose(one.log_density(CODES[:9]), found.log_density(CODES[:9]), atol=0.02)


def test_samples_have_the_moments_of_the_codes():
    found = np.asarray(gaussian_mixture(CODES, components=2).sample(KEY, 4000))
    np.testing.assert_allclose(found.mean(axis=0), CODES.mean(axis=0), atol=0.3)
    np.testing.assert_allclose(np.cov(found.T), np.cov(CODES.T), rtol=0.1, atol=0.5)


def test_a_density_integrates_to_one():
    prior = gaussian_mixture(CODES[:, :2], components=3)
    side = np.linspace(-20, 20, 201)
    grid = np.stack(np.meshgrid(side, side), axis=-1).reshape(-1, 2)
    assert np.exp(np.asarray(prior.log_density(grid), np.float64)).sum() * 0.2**2 == pytest.approx(1, abs=1e-3)


def test_the_number_of_components_is_chosen_on_held_out_codes():
    assert len(gaussian_mixture(CODES, components=(1, 2)).means) == 2
    assert len(gaussian_mixture(RNG.normal(size=(60, 3)), components=(1, 30)).means) == 1   # more would fit the rest


def test_temperature_scales_within_components():
    prior = Mixture(np.log([0.5, 0.5]).astype(np.float32), np.array([[-9.0], [9.0]], np.float32),
                    np.ones((2, 1, 1), np.float32))
    cold, warm = (np.asarray(prior.sample(KEY, 500, temperature=t)) for t in (0.0, 1.0))
    assert set(cold.ravel()) == {-9.0, 9.0}
    np.testing.assert_array_equal(np.sign(cold), np.sign(warm))
    assert np.std(np.abs(warm)) == pytest.approx(1, abs=0.1)


def test_the_standard_normal():
    found = np.asarray(standard_normal(3).sample(KEY, 2000))
    np.testing.assert_allclose([found.mean(), found.std()], [0, 1], atol=0.05)


@pytest.mark.parametrize("call, words", [
    (lambda: full_gaussian(CODES[:1]), ["at least two codes"]),
    (lambda: full_gaussian(np.ones((5, 2))), ["all codes are equal"]),
    (lambda: gaussian_mixture(np.full((5, 2), np.nan), components=1), ["finite"]),
    (lambda: gaussian_mixture(CODES, components=0), ["at least 1"]),
    (lambda: gaussian_mixture(CODES[:4], components=5), ["too few for 5 components"]),
    (lambda: standard_normal(0), ["code_dim"]),
    (lambda: standard_normal(2).sample(KEY, 0), ["at least 1"]),
    (lambda: standard_normal(2).sample(KEY, 1, temperature=-1.0), ["temperature"]),
    (lambda: standard_normal(2).sample(KEY, 1, temperature=float("nan")), ["temperature"]),
])
def test_what_cannot_be_is_one_line(call, words):
    with pytest.raises(InputError) as error:
        call()
    assert all(word in str(error.value) for word in words) and "\n" not in str(error.value)


def test_without_scikit_learn_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "sklearn.mixture", None)
    with pytest.raises(InputError, match=r"aejax\[sklearn\]"):
        gaussian_mixture(CODES, components=2)
