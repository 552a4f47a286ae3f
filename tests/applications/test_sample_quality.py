import numpy as np
import pytest
from scipy.linalg import sqrtm
from scipy.spatial.distance import cdist

from aejax.applications import classifier, sample_quality
from aejax.applications.sample_quality import Manifolds, feature_frechet_distance, manifolds, memorisation
from aejax.types import InputError

RNG = np.random.default_rng(0)
A = RNG.normal(size=(300, 5)) @ RNG.normal(size=(5, 5))
B = 1 + RNG.normal(size=(200, 5)) @ RNG.normal(size=(5, 5))


def test_the_distance_is_that_of_the_matrix_square_root():
    first, second = np.cov(A.T), np.cov(B.T)
    expected = (np.square(A.mean(axis=0) - B.mean(axis=0)).sum()
                + np.trace(first + second - 2 * np.real(sqrtm(first @ second))))
    assert feature_frechet_distance(A, B) == pytest.approx(expected, rel=1e-8)
    assert feature_frechet_distance(B, A) == pytest.approx(expected, rel=1e-8)


def test_equal_covariances_leave_the_means():
    assert feature_frechet_distance(A, A + 2) == pytest.approx(20, rel=1e-8)
    assert feature_frechet_distance(A, A) == pytest.approx(0, abs=1e-9)
    line = np.array([[0.0, 0.0], [1.0, 2.0], [2.0, 4.0]])   # singular
    assert feature_frechet_distance(line, 2 * line) == pytest.approx(5 + 5 * 1, rel=1e-6)


def _brute_force(real, made, k):
    """The definitions, one ball after the other."""
    radii = [np.sort(cdist(rows, rows), axis=1)[:, k] for rows in (real, made)]
    inside = cdist(made, real) <= radii[0][None]
    return Manifolds(inside.any(axis=1).mean(), (cdist(real, made) <= radii[1][None]).any(axis=1).mean(),
                     inside.sum() / (k * len(made)), inside.any(axis=0).mean())


@pytest.mark.parametrize("k", [1, 5])
@pytest.mark.parametrize("chunk", [64, 1024])
def test_balls_are_counted_as_by_brute_force(k, chunk, monkeypatch):
    monkeypatch.setattr(sample_quality, "CHUNK", chunk)
    found = manifolds(A, B + 40 * (np.arange(200) % 3 == 0)[:, None], neighbours=k)
    expected = _brute_force(A, B + 40 * (np.arange(200) % 3 == 0)[:, None], k)
    np.testing.assert_allclose(found, expected, atol=1e-9)
    assert 0 < found.precision < 1 and 0 < found.recall < 1


def test_equal_and_disjoint_sets():
    same = manifolds(A, A)
    assert same[:2] == (1.0, 1.0) and same.coverage == 1.0 and 1 <= same.density < 1.6   # each row is in its own ball
    assert manifolds(A, A + 1000) == (0, 0, 0, 0)
    one = np.repeat(A[:1], 50, axis=0)   # a single picture, drawn again and again
    stuck = manifolds(A, one + 1e-3 * RNG.normal(size=one.shape))
    assert stuck.precision == 1 and stuck.coverage < 0.1 and stuck.recall < 0.1


def test_copies_are_found():
    pictures = RNG.integers(0, 256, (240, 4, 4, 1), dtype=np.uint8)
    train, held_out, fresh = pictures[:120], pictures[120:180], pictures[180:]
    copied = memorisation(train[:40], train, held_out)
    assert copied.nearer == 1 and copied.copies == 1
    assert copied.ratio < 0.95   # of 120, 60 are looked at: half of the copies
    assert memorisation(train[:40], train[:60], held_out).ratio == 0
    honest = memorisation(fresh, train, held_out)
    assert honest.ratio == pytest.approx(1, abs=0.1) and honest.nearer == pytest.approx(0.5, abs=0.15)
    assert honest.copies < 0.1
    some = np.concatenate([train[:10], fresh[:30]])
    assert memorisation(some, train, held_out).copies == pytest.approx(0.25, abs=0.05)


def test_pictures_are_measured_by_the_classifier():
    images = np.zeros((24, 28, 28, 1), np.uint8)
    for i in range(24):
        images[i, 4: 24, 8 + i % 6: 10 + i % 9] = 255 - 3 * i
    against = sample_quality.reference(classifier.load("mnist"), images[:12], images[12:], copies=6)
    made = images[12:] / np.float32(255)
    found = sample_quality.measure(made, against, neighbours=2)
    assert set(found) == {"feature_frechet_distance", *Manifolds._fields,
                          *(f"memorisation_{name}" for name in sample_quality.Memorisation._fields)}
    assert found["feature_frechet_distance"] == pytest.approx(0, abs=1e-3) and found["precision"] == 1
    assert found["memorisation_ratio"] == memorisation(made[:6], images[:12], images[12:18]).ratio
    assert "memorisation_ratio" not in sample_quality.measure(made, against, neighbours=2, memory=False)


@pytest.mark.parametrize("call, words", [
    (lambda: feature_frechet_distance(A[:1], B), "at least 2"),
    (lambda: feature_frechet_distance(A, B[:, :3]), "one width"),
    (lambda: feature_frechet_distance(A, np.full_like(B, np.nan)), "NaN"),
    (lambda: manifolds(A[:5], B), "at least 6"), (lambda: manifolds(A, B, neighbours=0), "neighbours"),
    (lambda: memorisation(A, A, B[:0]), "at least one"),
])
def test_what_cannot_be_is_one_line(call, words):
    with pytest.raises(InputError, match=words):
        call()


