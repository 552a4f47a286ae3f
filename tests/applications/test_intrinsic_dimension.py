import numpy as np
import pytest

from aejax.applications.intrinsic_dimension import (
    knee,
    maximum_likelihood,
    suggest_code_dim,
    two_nn,
    variance_dimensions,
)
from aejax.applications.neighbours import neighbours
from aejax.types import InputError

RNG = np.random.default_rng(0)


def turned(points, n):
    """Points in the first coordinates of n dimensions, rotated at random and moved away from 0."""
    rotation = np.linalg.qr(RNG.normal(size=(n, n)))[0]
    return np.pad(points, ((0, 0), (0, n - points.shape[1]))) @ rotation + 3


def swiss_roll(n):
    angle, height = RNG.uniform(1.5 * np.pi, 4.5 * np.pi, n), RNG.uniform(0, 20, n)
    return np.stack([angle * np.cos(angle), height, angle * np.sin(angle)], axis=1)


@pytest.mark.parametrize(("points", "dimension"), [
    (turned(RNG.uniform(size=(3000, 2)), 20), 2), (turned(RNG.uniform(size=(3000, 5)), 20), 5),
    (turned(RNG.normal(size=(3000, 3)), 8), 3), (swiss_roll(3000), 2)], ids=["square", "5-cube", "Gaussian", "roll"])
def test_known_manifolds(points, dimension):
    distances = neighbours(points, 10).distances
    for estimate in (maximum_likelihood(distances), two_nn(distances)):
        assert estimate == pytest.approx(dimension, rel=0.12)
    assert maximum_likelihood(distances, published=True) == pytest.approx(maximum_likelihood(distances) * 8 / 9)
    assert maximum_likelihood(distances, k=3) == pytest.approx(maximum_likelihood(distances[:, :3]))


def test_the_formula_by_hand():
    distances = np.array([[1.0, 2.0, 4.0], [1.0, 1.0, 2.0]])
    mean = np.mean([np.log(4) + np.log(2), 2 * np.log(2)])   # of Σ_{j<3} log(T_3 / T_j)
    assert maximum_likelihood(distances) == pytest.approx(2 / mean)
    assert maximum_likelihood(distances, published=True) == pytest.approx(1 / mean)


def test_equal_points_count_once():
    x = RNG.uniform(size=(400, 3))
    once, twice = neighbours(x, 5), neighbours(np.concatenate([x, x[:100], -0.0 * x[:1], 0.0 * x[:1]]), 5)
    assert twice.duplicates == 101 and twice.points == 401 and (twice.distances > 0).all()
    assert maximum_likelihood(twice.distances) == pytest.approx(maximum_likelihood(once.distances), rel=0.05)


def test_variance_is_that_of_the_singular_values():
    x = RNG.normal(size=(200, 6)) * [9, 5, 3, 2, 1, 0.1]
    share = np.cumsum(np.linalg.svd(x - x.mean(axis=0), compute_uv=False) ** 2)
    assert variance_dimensions(x) == tuple(int(np.argmax(share / share[-1] >= s)) + 1 for s in (0.9, 0.95, 0.99))


def test_knee_is_where_a_broken_line_breaks():
    d = [2, 4, 8, 16, 32, 64]
    for place in range(1, 5):
        errors = [10.0 - 9 * min(i, place) / place - 0.1 * max(i - place, 0) for i in range(6)]
        assert knee(d, errors) == d[place]


def test_advice():
    found = suggest_code_dim(turned(np.concatenate([np.cos(t := RNG.uniform(0, 6.28, (900, 3))), np.sin(t)], axis=1),
                                    12))   # a 3-torus, in 6 of 12 dimensions
    assert found.intrinsic == pytest.approx(3, rel=0.12) and found.variance == (6, 6, 6)
    assert found.code_dim == 6 and "95 %" in found.reason
    curve = RNG.uniform(size=(900, 1)) * 6.28 * np.arange(1, 9)
    found = suggest_code_dim(np.concatenate([np.cos(curve), np.sin(curve)], axis=1))
    assert found.code_dim == 3 and "Whitney" in found.reason and found.variance[1] > 10


@pytest.mark.parametrize(("call", "parts"), [
    (lambda: maximum_likelihood(np.ones((5, 3)), k=4), ["from 2 to 3", "got 4"]),
    (lambda: maximum_likelihood(np.ones((5, 3)), k=2, published=True), ["from 3 to 3"]),
    (lambda: two_nn(np.ones((5, 2))), ["at least 10 points"]),
    (lambda: variance_dimensions(np.ones((5, 2))), ["without variance"]),
    (lambda: knee([1, 2], [2.0, 1.0]), ["three or more"]),
    (lambda: knee([1, 2, 4], [1.0, 0.5, 1.0]), ["no knee"]),
    (lambda: suggest_code_dim(np.eye(8)), ["8 different points"]),
])
def test_bad_input(call, parts):
    with pytest.raises(InputError) as error:
        call()
    assert all(part in str(error.value) for part in parts) and "\n" not in str(error.value)
