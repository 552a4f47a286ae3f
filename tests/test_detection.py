import json

import jax
import numpy as np
import pytest

from aejax import detection, runs
from aejax.applications.detectors import ScoreMap, fit_detector
from aejax.applications.thresholds import threshold_by
from aejax.recipes import Recipe, build
from aejax.types import InputError

RECIPE = Recipe("standard", {"name": "dense", "shape": [6, 5, 1], "code_dim": 4})
AE = build(RECIPE)


@pytest.fixture(scope="module")
def params(images):
    return AE.init(jax.random.key(3), images)


@pytest.fixture(scope="module")
def decision(params, images):
    detector = fit_detector("joint", AE, params, images[:40])
    scores = detector.score(AE, params, images[40:])
    return detection.Decision(detector, "conformal", 0.1, threshold_by("conformal", scores, alpha=0.1),
                              np.sort(scores), ScoreMap(0.5, 2.0), ("a", "b"))


@pytest.fixture
def saved(tmp_path, params, decision):
    runs.save(tmp_path, RECIPE, params, {"data": {"shape": (6, 5, 1)}})
    detection.save(tmp_path, decision, {"normal_label": "3"})
    return tmp_path


def test_round_trip(saved, decision, images):
    run, again = detection.load(saved)
    for name in ("threshold", "method", "alpha", "score_map", "columns"):
        assert getattr(again, name) == getattr(decision, name), name
    scores = again.detector.score(run.ae, run.params, images)
    np.testing.assert_array_equal(scores, decision.detector.score(run.ae, run.params, images))
    np.testing.assert_array_equal(again.p_values(scores), decision.p_values(scores))
    np.testing.assert_array_equal(scores > again.threshold, again.p_values(scores) <= 0.1 + 1e-12)
    assert str(again.false_alarms()) == str(decision.false_alarms())


def test_a_single_number_comes_back_as_one(saved, params, images):
    """Of "likelihood", whose variance has the shape ()."""
    detector = fit_detector("likelihood", AE, params, images[:40])
    scores = detector.score(AE, params, images[:3])
    detection.save(saved, detection.Decision(detector, "quantile", 0.1, float(scores.max()), np.sort(scores)),
                   {})
    run, again = detection.load(saved)
    assert again.detector.fitted["variance"].shape == ()
    np.testing.assert_array_equal(again.detector.score(run.ae, run.params, images[:3]), scores)


def test_a_stranger_can_read_it(saved):
    written = json.loads((saved / "threshold.json").read_text())
    assert written["score"] == "joint" and written["flagged"] == "score > threshold" and written["normal_label"] == "3"
    assert written["calibration"]["count"] == 24 and written["false_alarms"]["count"] == 1000
    assert written["calibration"]["least"] <= written["threshold"] <= written["calibration"]["largest"]


def spoil(path, what):
    place, weights = path / "threshold.json", path / "detector.safetensors"
    written = json.loads(place.read_text())
    if what == "no threshold":
        place.unlink()
    elif what == "no detector":
        weights.unlink()
    elif what == "a bit":
        content = bytearray(weights.read_bytes())
        content[-1] ^= 1
        weights.write_bytes(content)
    elif what == "half a file":
        place.write_text(place.read_text()[:50])
    elif what == "a key":
        del written["method"]
        place.write_text(json.dumps(written))
    elif what == "a score":
        place.write_text(json.dumps(written | {"score": "later"}))


@pytest.mark.parametrize(("what", "message"), [
    ("no threshold", r"threshold.json is missing\): make a run"), ("no detector", "detector.safetensors is missing"),
    ("a bit", "sha256 differs"), ("half a file", "is damaged"), ("a key", "is damaged"),
    ("a score", "unknown score 'later'")])
def test_wrong_and_missing_parts_are_one_line(saved, what, message):
    spoil(saved, what)
    with pytest.raises(InputError, match=message) as error:
        detection.load(saved)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(("facts", "known"), [
    ({"normal_label": None, "source": {"source": "photos", "size": [6, 5]}}, True),
    ({"normal_label": "3", "source": {"source": "photos"}}, False),      # the run saw some of them
    ({"normal_label": None, "source": "photos"}, False), ({}, False)], ids=str)
def test_where_data_that_were_all_normal_came_from(tmp_path, params, decision, facts, known):
    runs.save(tmp_path, RECIPE, params, {"data": {"shape": (6, 5, 1)}})
    assert detection.source_of(runs.load(tmp_path)) is None
    detection.save(tmp_path, decision, facts)
    assert detection.source_of(runs.load(tmp_path)) == (facts["source"] if known else None)
