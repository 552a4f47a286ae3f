import jax
import numpy as np
import pytest

from aejax import variants
from aejax.applications.anomaly_detection import reconstruction_score
from aejax.applications.ensembles import combination, ensemble_scores, product
from aejax.types import InputError


def test_members_are_scored_as_if_alone(dense, images):
    ae = variants.standard(dense)
    members = [ae.init(jax.random.key(seed), images) for seed in range(3)]
    stacked = jax.tree.map(lambda *leaves: np.stack(leaves), *members)
    found = ensemble_scores(reconstruction_score, ae, stacked, images, batch_size=64)
    np.testing.assert_allclose(found, [reconstruction_score(ae, p, images, batch_size=64) for p in members], rtol=1e-6)


def test_scores_of_any_scale_count_alike():
    rng = np.random.default_rng(0)
    normal = rng.normal(size=(2, 500))
    fresh = np.array([[0.0, 3.0, 0.0], [0.0, 0.0, 3.0]])
    plain, scaled = (combination(a * normal + b)(a * fresh + b)
                     for a, b in ((1.0, 0.0), (np.array([[1.0], [1e6]]), np.array([[3.0], [-7.0]]))))
    np.testing.assert_allclose(plain, scaled, rtol=1e-6)
    np.testing.assert_allclose(plain, [0, 1.5, 1.5], atol=0.2)


def test_a_score_that_never_varies_is_refused():
    with pytest.raises(InputError, match="finite and vary"):
        combination(np.array([[1.0, 2.0], [3.0, 3.0]]))


def test_a_product_has_no_units_and_counts_energy_by_its_exponent():
    rng = np.random.default_rng(0)
    error, distance = rng.exponential(size=(2, 8))
    whole = product([error, distance])
    np.testing.assert_allclose(whole, np.log(error * distance))
    np.testing.assert_allclose(product([1000 * error, distance]) - whole, np.log(1000), rtol=1e-9)   # the order stays
    x = np.zeros((8, 6, 5, 1), np.uint8)
    x[np.arange(8), :, np.arange(8) % 5] = 255
    x[0] = 0
    for exponent in (0.0, 0.25, 1.0):
        energy = np.where(np.arange(8) == 0, 1, 7)   # six white pixels, and the one that keeps it above 0
        np.testing.assert_allclose(product([error, distance], x, (-1.0, 1.0), exponent=exponent),
                                   whole - 2 * exponent * np.log(energy))
    scaled = 2 * x.astype(np.float32) / 255 - 1
    np.testing.assert_allclose(product([error], scaled, (-1.0, 1.0)), product([error], x, (-1.0, 1.0)), rtol=1e-6)
    assert np.isfinite(product([np.zeros(8)])).all()
