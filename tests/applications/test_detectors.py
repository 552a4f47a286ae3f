import jax
import numpy as np
import optax
import pytest

from aejax import corruptions, variants
from aejax.applications.anomaly_detection import features, reconstruction_score
from aejax.applications.detectors import SCORES, ScoreMap, fit_detector, fit_score_map
from aejax.applications.whitening import fit_whitening
from aejax.train import fit
from aejax.types import InputError


@pytest.fixture(scope="module")
def ae(dense):
    return variants.denoising(dense, corruption=corruptions.gaussian_noise(0.1))


@pytest.fixture(scope="module")
def params(ae, images):
    return fit(ae, images, optimizer=optax.adam(0.01), key=jax.random.key(0), epochs=60, batch_size=32)[0].params


@pytest.fixture(scope="module")
def noise():
    return corruptions.gaussian_noise(0.1)


@pytest.mark.parametrize("name", SCORES)
def test_every_score_is_high_for_what_is_odd(ae, params, images, noise, name):
    detector = fit_detector(name, ae, params, images, corruption=noise)
    odd = np.random.default_rng(0).integers(0, 256, (16, 6, 5, 1), np.uint8)
    normal, found = (detector.score(ae, params, x) for x in (images, odd))
    assert found.shape == (16,) and np.isfinite(found).all()
    if name != "code":   # tanh codes of what was never seen need not lie far out
        assert np.median(found) > np.median(normal)
    np.testing.assert_allclose(detector.score(ae, params, odd), found, rtol=1e-6)   # no noise of its own
    parts = detector.contributions(ae, params, odd)
    assert (parts is None) == (name in ("code", "neighbours", "combined", "energy", "denoising", "likelihood"))
    if parts is not None:
        assert parts.shape == (16, 34 if name == "joint" else 30)
        np.testing.assert_allclose(parts.sum(axis=1), found, rtol=1e-5)


def test_what_was_fitted_is_all_that_a_score_needs(ae, params, images):
    from aejax.applications.detectors import Detector
    detector = fit_detector("joint", ae, params, images)
    again = Detector("joint", {name: np.array(value) for name, value in detector.fitted.items()})
    np.testing.assert_array_equal(again.score(ae, params, images), detector.score(ae, params, images))
    plain = fit_detector("reconstruction", ae, params, images)
    np.testing.assert_array_equal(plain.score(ae, params, images), reconstruction_score(ae, params, images))


def test_codes_and_residuals_have_a_ridge_each(ae, params, images):
    found = features(ae, params, images, of="joint")
    np.testing.assert_array_equal(fit_detector("joint", ae, params, images).fitted["matrix"],
                                  fit_whitening(found, blocks=(30, 4)).matrix)


def test_bad_input(ae, params, images):
    with pytest.raises(InputError, match="unknown score 'mse'"):
        fit_detector("mse", ae, params, images)
    with pytest.raises(InputError, match="needs the corruption"):
        fit_detector("denoising", ae, params, images)


def test_a_map_keeps_its_scale():
    rng = np.random.default_rng(0)
    normal = rng.exponential(size=(200, 6, 5, 2))
    scale = fit_score_map(normal, quantile=0.99)
    maps = scale(normal)
    assert maps.shape == (200, 6, 5) and maps.min() == 0 and maps.max() == 1
    assert (maps == 1).mean() == pytest.approx(0.01, abs=0.002) and (maps == 0).mean() == pytest.approx(0.5, abs=0.01)
    one = normal[:1] * 0.1   # hardly any error: dark, where a scale of its own would make it glow
    assert scale(one).max() == 0
    assert scale(normal[:1] + 100).min() == 1
    assert ScoreMap(0.0, 2.0)(np.full((1, 1, 1, 1), 1.0)) == 0.5


@pytest.mark.parametrize(("contributions", "quantile", "message"), [
    (np.ones((1, 2, 2, 1)), 0.99, "no scale"), (np.ones((1, 2, 2, 1)), 0.5, "between 0.5 and 1")])
def test_maps_without_a_scale(contributions, quantile, message):
    with pytest.raises(InputError, match=message):
        fit_score_map(contributions, quantile=quantile)
