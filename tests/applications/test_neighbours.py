import numpy as np
import pytest

from aejax.applications import neighbours as module
from aejax.applications.neighbours import nearest, neighbours
from aejax.types import InputError

RNG = np.random.default_rng(0)


def test_distances_are_scikit_learns():
    learn = pytest.importorskip("sklearn.neighbors")
    x = RNG.normal(size=(300, 3, 4)).astype(np.float32) + 3000   # far from 0, where float32 products lose digits
    expected = learn.NearestNeighbors(n_neighbors=7).fit(x.reshape(300, -1)).kneighbors()[0]
    found = neighbours(x, 7, chunk_size=64)
    np.testing.assert_allclose(found.distances, expected, rtol=1e-4)
    assert found.points == 300 and found.duplicates == 0
    some = neighbours(x, 7, anchors=50, seed=3).distances
    assert len(some) == 50 and all(np.isclose(found.distances, row, rtol=1e-4).all(axis=1).any() for row in some)


def test_memory_is_bounded_whatever_k(monkeypatch):
    x = RNG.normal(size=(90, 5))
    whole, most = neighbours(x, 60, chunk_size=32).distances, []
    original = module._distances
    monkeypatch.setattr(module, "_distances", lambda points, near: (
        most.append(8 * near.size), original(points, near))[1])
    monkeypatch.setattr(module, "EXACT_BYTES", 20_000)
    np.testing.assert_array_equal(neighbours(x, 60, chunk_size=32).distances, whole)
    assert max(most) <= 20_000 and len(most) > 10


def test_bytes_are_scaled():
    x = RNG.integers(0, 256, (50, 4, 4, 1), np.uint8)
    np.testing.assert_allclose(neighbours(x, 3).distances, neighbours(x / 255.0, 3).distances, rtol=1e-5)


@pytest.mark.parametrize(("call", "parts"), [
    (lambda: neighbours(np.eye(4), 4), ["4 different points", "at least 5"]),
    (lambda: neighbours(np.ones((9, 2)), 2), ["1 different points", "8 equal ones"]),
    (lambda: neighbours(np.eye(4), 0), ["k = 0"]),
    (lambda: neighbours(np.array([[1.0], [np.nan], [2.0]]), 1), ["1 values are NaN"]),
])
def test_bad_input(call, parts):
    with pytest.raises(InputError) as error:
        call()
    assert all(part in str(error.value) for part in parts) and "\n" not in str(error.value)


def test_nearest_is_scikit_learns():
    learn = pytest.importorskip("sklearn.neighbors")
    x, reference = RNG.normal(size=(2100, 3)) + 50, RNG.normal(size=(70, 3)) + 50
    expected = learn.NearestNeighbors(n_neighbors=4).fit(reference).kneighbors(x)[0]
    np.testing.assert_allclose(nearest(x, reference, 4), expected, rtol=1e-9)
