import numpy as np
import pytest
from scipy.stats import beta, norm

from aejax.applications.thresholds import (
    conformal_p_values,
    conformal_threshold,
    false_alarms,
    mad_threshold,
    quantile_threshold,
    threshold_by,
)
from aejax.types import InputError

SCORES = np.random.default_rng(0).normal(size=199)


@pytest.mark.parametrize("alpha", [0.005, 0.01, 0.05, 0.1, 0.5, 0.95])
def test_a_score_is_above_the_threshold_exactly_where_its_p_value_is_at_most_alpha(alpha):
    fresh = np.concatenate([SCORES, SCORES + 1e-6, SCORES - 1e-6])
    threshold = conformal_threshold(SCORES, alpha=alpha)
    assert threshold in SCORES
    rank = 1 + (SCORES < threshold).sum()
    assert rank == int(np.ceil(round((len(SCORES) + 1) * (1 - alpha), 6)))
    np.testing.assert_array_equal(fresh > threshold, conformal_p_values(fresh, SCORES) <= alpha + 1e-12)


def test_ties_and_extremes():
    calibration = np.array([1.0, 1, 1, 2, 2, 3])
    np.testing.assert_allclose(conformal_p_values(np.array([0.0, 1, 2, 3, 4]), calibration) * 7, [7, 7, 4, 2, 1])
    assert conformal_threshold(calibration, alpha=1 / 7) == 3
    assert conformal_threshold(np.zeros(9), alpha=0.1) == 0   # nothing is above: ties never flag too much


@pytest.mark.parametrize(("alpha", "need"), [(0.1, 9), (0.01, 99), (0.05, 19), (0.3, 3)])
def test_too_few_calibration_scores(alpha, need):
    with pytest.raises(InputError, match=f"at least {need} are needed"):
        conformal_threshold(np.arange(need - 1.0), alpha=alpha) if need > 1 else None
    assert conformal_threshold(np.arange(float(need)), alpha=alpha) == need - 1


def test_fresh_normals_are_flagged_at_the_rate_on_average():
    """Oracle: of uniform scores the rate is 1 − threshold; its mean over calibration sets is (j + 1)/(n + 1)."""
    rng = np.random.default_rng(1)
    rates = [1 - conformal_threshold(rng.uniform(size=59), alpha=0.05) for _ in range(4000)]
    assert np.mean(rates) == pytest.approx(3 / 60, abs=0.0015)
    np.testing.assert_allclose(np.quantile(rates, [0.1, 0.9]), beta(3, 57).ppf([0.1, 0.9]), atol=0.003)


@pytest.mark.parametrize("alpha", [0.003, 0.1, 0.5])
def test_quantile_leaves_at_most_that_share_above(alpha):
    threshold = quantile_threshold(SCORES, alpha=alpha)
    below = SCORES[SCORES < threshold].max()
    assert (SCORES > threshold).mean() <= alpha < (SCORES > below).mean()


def test_mad_of_a_gaussian_and_of_outliers():
    scores = norm(5, 2).ppf((np.arange(10_001) + 0.5) / 10_001)
    assert mad_threshold(scores, factor=3.0) == pytest.approx(11, abs=0.01)
    scores[:1000] = 1e6
    assert mad_threshold(scores, factor=3.0) == pytest.approx(11, abs=1.2)


def test_false_alarms_count_the_chance_of_the_calibration_set():
    """Oracle: the experiment itself, many times: calibrate on uniform scores, count fresh ones above."""
    rng = np.random.default_rng(2)
    counts = np.array([(rng.uniform(size=200) > np.sort(rng.uniform(size=99))[89]).sum() for _ in range(6000)])
    found = false_alarms(np.arange(99.0), 89.0, count=200, level=0.9)
    assert found.expected == pytest.approx(20.0) == pytest.approx(counts.mean(), abs=0.4)
    assert (counts >= found.low).mean() >= 0.94 and (counts > found.low).mean() <= 0.96
    assert (counts <= found.high).mean() >= 0.94 and (counts < found.high).mean() <= 0.96
    assert found.high - found.low > 1.5 * 2 * 1.64 * np.sqrt(200 * 0.1 * 0.9) * 0.9   # wider than a binomial's


@pytest.mark.parametrize(("call", "message"), [
    (lambda: conformal_threshold(SCORES, alpha=0.0), "alpha must lie between 0 and 1, got 0"),
    (lambda: quantile_threshold(SCORES, alpha=1.0), "alpha must lie"),
    (lambda: conformal_threshold(np.zeros(0), alpha=0.1), r"at least one, all of them finite"),
    (lambda: conformal_threshold(np.array([1.0, np.nan]), alpha=0.5), "finite"),
    (lambda: conformal_p_values(np.array([np.inf]), SCORES), "1 scores are NaN or infinite"),
    (lambda: mad_threshold(SCORES, factor=0.0), "factor must be a positive number"),
    (lambda: mad_threshold(np.array([1.0, 1, 1, 2])), "more than half of the scores are equal"),
    (lambda: false_alarms(SCORES, -100.0), "flags everything"),
    (lambda: false_alarms(SCORES, 0.0, count=0), "count must be at least 1"),
])
def test_bad_input_is_one_line(call, message):
    with pytest.raises(InputError, match=message):
        call()


@pytest.mark.parametrize(("method", "expected"), [("conformal", 18.0), ("quantile", 17.0)])
def test_thresholds_by_name(method, expected):
    assert threshold_by(method, np.arange(20.0), alpha=0.1) == expected
    assert threshold_by("mad", np.arange(20.0)) > 19
    with pytest.raises(InputError, match="unknown threshold 'auto'"):
        threshold_by("auto", np.arange(20.0), alpha=0.1)
