import numpy as np
import pytest

from aejax.applications.gaussian_model import check_mask, gaussian_model
from aejax.types import InputError

RNG = np.random.default_rng(3)
MIX = RNG.normal(size=(12, 12)) * 0.1
X = 0.5 + (RNG.normal(size=(200, 12)) @ MIX).reshape(200, 3, 4, 1)


def brute_force(mean, covariance, row, known):
    """From the precision matrix of all values: μ_u − P_uu⁻¹ P_uk (x_k − μ_k)."""
    precision = np.linalg.inv(covariance)
    out = row.copy()
    out[~known] = mean[~known] - np.linalg.solve(
        precision[np.ix_(~known, ~known)], precision[np.ix_(~known, known)] @ (row - mean)[known])
    return out


@pytest.mark.parametrize("each", [True, False])
def test_the_conditional_mean_of_each_mask(each):
    model = gaussian_model(X)
    known = RNG.random((20, 3, 4, 1) if each else (3, 4, 1)) > 0.4
    found = model.conditional_mean(X[:20], known)
    masks = np.broadcast_to(known, (20, 3, 4, 1)).reshape(20, -1)
    expected = [brute_force(model.mean, model.covariance, row, mask)
                for row, mask in zip(X[:20].reshape(20, -1), masks, strict=True)]
    np.testing.assert_allclose(found.reshape(20, -1), np.clip(expected, *model.range), atol=1e-9)
    np.testing.assert_array_equal(found.reshape(20, -1)[masks], X[:20].reshape(20, -1)[masks])


def test_it_is_least_squares():
    """On its own training data no linear map of the known values does better."""
    known = np.arange(12).reshape(3, 4, 1) % 3 > 0
    model = gaussian_model(X, ridge=1e-12)._replace(range=(-np.inf, np.inf))
    found = model.conditional_mean(X, known)[:, ~known]
    design = np.column_stack([X[:, known], np.ones(len(X))])
    expected = design @ np.linalg.lstsq(design, X[:, ~known], rcond=None)[0]
    np.testing.assert_allclose(found, expected, atol=1e-6)


def test_unknown_values_do_not_matter_and_results_stay_in_range():
    model, known = gaussian_model(X), np.arange(12).reshape(3, 4, 1) > 4
    spoiled = np.where(known, X, np.nan)
    np.testing.assert_array_equal(model.conditional_mean(spoiled, known), model.conditional_mean(X, known))
    extreme = model.conditional_mean(100 * X[:5], known)[:, ~known]
    assert extreme.min() >= X.min() and extreme.max() <= X.max()
    assert np.array_equal(model.conditional_mean(X, np.array(True)), X)   # nothing is missing


@pytest.mark.parametrize(("known", "message"), [
    (np.ones((3, 4, 1)), "must be bool"), (np.ones((4, 4, 1), bool), r"shape \(4, 4, 1\) does not fit"),
    (np.arange(200).reshape(200, 1, 1, 1) != 7, "image 7 has no known value"),
    (np.ones((199, 3, 4, 1), bool), "does not fit")])
def test_masks_that_are_refused(known, message):
    with pytest.raises(InputError, match=message):
        check_mask(X, known)
    with pytest.raises(InputError, match=message):
        gaussian_model(X).conditional_mean(X, known)


def test_other_bad_input():
    with pytest.raises(InputError, match="at least two different"):
        gaussian_model(np.ones((5, 3)))
    with pytest.raises(InputError, match="values; the model is of 12"):
        gaussian_model(X).conditional_mean(X[:, :2], np.array(True))
    spoiled = X.copy()
    spoiled[9, 1] = np.inf
    with pytest.raises(InputError, match="4 known values are NaN or infinite, the first in image 9"):
        check_mask(spoiled, np.array(True))
    with pytest.raises(InputError, match="no examples"):
        check_mask(X[:0], np.array(True))
