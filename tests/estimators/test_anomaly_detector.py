import numpy as np
import pytest

from aejax.applications.anomaly_detection import reconstruction_score
from aejax.estimators import AnomalyDetector
from aejax.types import InputError
from tests.estimators.conftest import correlated


@pytest.fixture(scope="module")
def detector(table):
    return AnomalyDetector(code_dim=2, epochs=30, random_state=0).fit(table)


@pytest.fixture(scope="module")
def odd(fresh):
    """Each column normal by itself, but their dependence broken."""
    rng = np.random.default_rng(3)
    return np.stack([rng.permutation(column) for column in fresh.T], axis=1)


def test_signs(detector, fresh, odd):
    scores, decision = detector.score_samples(odd), detector.decision_function(odd)
    np.testing.assert_array_equal(scores, -detector.anomaly_score(odd))
    np.testing.assert_array_equal(decision, scores - detector.offset_)
    np.testing.assert_array_equal(detector.predict(odd), np.where(decision < 0, -1, 1))
    assert detector.offset_ == -detector.threshold_ < 0
    assert detector.anomaly_score(odd).mean() > 2 * detector.anomaly_score(fresh).mean()
    assert (detector.predict(odd) == -1).mean() > 0.3 > 0.15 > (detector.predict(fresh) == -1).mean()


def test_the_score_is_the_one_of_the_applications(detector, fresh):
    x = detector.standardiser_.apply(fresh)
    np.testing.assert_allclose(detector.anomaly_score(fresh),
                               reconstruction_score(detector.autoencoder_, detector.params_, x), rtol=1e-4)


def test_the_threshold_is_on_data_that_were_not_trained_on(table, detector):
    assert len(detector.calibration_scores_) == 51   # a fifth of 256
    marked = table.copy()
    kept_scores = np.sort(detector.anomaly_score(marked))
    assert len(np.intersect1d(kept_scores, detector.calibration_scores_)) >= 45   # these rows are among them
    overfit = AnomalyDetector(code_dim=6, widths=(256,), epochs=200, random_state=0).fit(table[:60])
    held = overfit.calibration_scores_
    assert np.median(held) > 1.5 * np.median(overfit.anomaly_score(table[:60]))


def test_false_alarms_stay_below_alpha_on_average():
    """Over draws of the data: of 51 held-out scores, 5/52 of fresh ones lie above the fifth."""
    many, model = correlated(1000, seed=7), AnomalyDetector(code_dim=2, epochs=2, alpha=0.1, random_state=0)
    rates = [(model.fit(correlated(256, seed=10 + draw)).predict(many) == -1).mean() for draw in range(20)]
    assert abs(np.mean(rates) - 5 / 52) < 3 * np.std(rates) / np.sqrt(20)


@pytest.mark.parametrize(("threshold", "options"), [("quantile", {"alpha": 0.25}), ("mad", {"factor": 2.0})])
def test_other_thresholds(table, threshold, options):
    model = AnomalyDetector(code_dim=2, epochs=3, threshold=threshold, random_state=0, **options).fit(table)
    scores = model.calibration_scores_
    if threshold == "quantile":
        assert (scores > model.threshold_).sum() == 12   # a quarter of 51
    else:
        median = np.median(scores)
        assert model.threshold_ == pytest.approx(median + 2 * 1.4826 * np.median(abs(scores - median)))


def test_p_values_and_expected_alarms(detector, fresh, odd):
    p = detector.p_values(fresh)
    assert ((p <= 0.05) == (detector.predict(fresh) == -1)).all()
    assert detector.p_values(odd).mean() < p.mean()
    alarms = detector.false_alarms(count=1000)
    assert alarms.low < alarms.expected < 2 * 50 and alarms.count == 1000


def test_alpha_decides_how_much_is_held_out_of_few_data(table):
    model = AnomalyDetector(epochs=1, alpha=0.05, random_state=0).fit(table[:40])
    assert len(model.calibration_scores_) == 19
    with pytest.warns(UserWarning, match="alpha=0.05 needs 19 held-out examples, there are 10"):
        model.fit(table[:20])
    assert model.threshold_ == model.calibration_scores_[-1]
    AnomalyDetector(epochs=1, alpha=0.05, threshold="quantile", random_state=0).fit(table[:20])   # promises nothing


@pytest.mark.parametrize(("parameter", "value"), [("threshold", "conform"), ("threshold", 3.0), ("alpha", 0.0),
                                                  ("alpha", 1), ("factor", "big"),
                                                  ("calibration_fraction", 1.0), ("alpha", "small")])
def test_wrong_parameters(table, parameter, value):
    with pytest.raises(InputError, match=str(value)):
        AnomalyDetector(epochs=1, **{parameter: value}).fit(table)


def test_pictures(images):
    model = AnomalyDetector(code_dim=4, epochs=20, alpha=0.1, random_state=0).fit(images)
    upright = np.transpose(images[:, :5], (0, 2, 1, 3)).repeat(2, axis=1)[:, :6]   # bars of the other direction
    assert model.anomaly_score(upright).mean() > model.anomaly_score(images).mean()
    assert set(model.predict(images)) <= {-1, 1}
