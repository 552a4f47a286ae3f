import numpy as np
import pytest
from sklearn.covariance import EmpiricalCovariance

from aejax.applications import whitening as module
from aejax.applications.whitening import fit_whitening
from aejax.types import InputError

RNG = np.random.default_rng(0)
FEATURES = RNG.normal(size=(300, 6)) @ RNG.normal(size=(6, 6)) * [1, 10, 0.1, 1, 1, 3] + 5


def test_contributions_add_up_to_half_the_mahalanobis_distance():
    """Oracle: scikit-learn's."""
    model = EmpiricalCovariance().fit(FEATURES)
    parts = fit_whitening(FEATURES, ridge=1e-12).contributions(FEATURES[:20])
    n = len(FEATURES)   # scikit-learn divides by n, not n − 1
    np.testing.assert_allclose(2 * parts.sum(axis=1), model.mahalanobis(FEATURES[:20]) * (n - 1) / n, rtol=1e-3)


def test_whitened_features_are_uncorrelated_and_go_with_their_own():
    whitened = np.asarray(fit_whitening(FEATURES, ridge=1e-12)(FEATURES))
    np.testing.assert_allclose(np.cov(whitened, rowvar=False), np.eye(6), atol=1e-3)
    between = np.corrcoef(FEATURES, whitened, rowvar=False)[:6, 6:]
    np.testing.assert_allclose(between, between.T, atol=1e-3)   # as of a symmetric root: each feature has its own
    assert (np.diag(between) > 0.3).all()


def test_units_of_features_do_not_matter_to_contributions():
    scale = np.array([1, 1000, 0.01, 1, 5, 1])
    parts = [fit_whitening(x, ridge=1e-22).contributions(x[:5]) for x in (FEATURES, FEATURES * scale)]
    np.testing.assert_allclose(*parts, rtol=0.02, atol=1e-3)


def test_diagonal_is_full_where_nothing_is_correlated():
    x = np.linalg.qr(np.c_[np.ones(200), RNG.normal(size=(200, 3))])[0][:, 1:] * [1, 2, 3]
    full, diagonal = (fit_whitening(x, full=full, ridge=0.2)(x) for full in (True, False))
    np.testing.assert_allclose(full, diagonal, atol=1e-4)
    variance = x.var(axis=0, ddof=1)
    np.testing.assert_allclose(diagonal, (x - x.mean(0)) / np.sqrt(variance + 0.2 * variance.mean()), atol=1e-4)


def test_each_block_has_a_ridge_of_its_own():
    joint = fit_whitening(FEATURES * [1, 1, 1, 1e4, 1e4, 1e4], full=False, blocks=(3, 3))
    alone = fit_whitening(FEATURES[:, :3], full=False)
    np.testing.assert_allclose(joint.matrix[:3], alone.matrix, rtol=1e-5)
    assert fit_whitening(FEATURES * [1, 1, 1, 1e4, 1e4, 1e4], full=False).matrix[0] < 0.1 * alone.matrix[0]


@pytest.mark.parametrize(("features", "options", "message"), [
    (FEATURES[:1], {}, "two or more"), (np.full((4, 2), np.nan), {}, "finite"), (FEATURES, {"ridge": 0.0}, "positive"),
    (np.ones((5, 3)), {}, "do not vary"), (FEATURES, {"blocks": (3, 4)}, "but there are 6"),
    (np.c_[FEATURES, np.zeros(300)], {"blocks": (6, 1)}, "do not vary")])
def test_bad_input(features, options, message):
    with pytest.raises(InputError, match=message):
        fit_whitening(features, **options)


def test_too_many_features_for_a_covariance(monkeypatch):
    monkeypatch.setattr(module, "LARGEST", 5)
    with pytest.raises(InputError, match="6 features have too large a covariance"):
        fit_whitening(FEATURES)
    assert fit_whitening(FEATURES, full=False).matrix.shape == (6,)
