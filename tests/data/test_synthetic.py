import numpy as np
import pytest

from aejax import data


def test_points_lie_on_the_spiral():
    points, t = data.spiral(500, turns=3)
    assert points.shape == (500, 2) and points.dtype == t.dtype == np.float32 and abs(points).max() <= 1
    radius = np.linalg.norm(points.astype(np.float64), axis=1)
    angle = 2 * np.pi * 3 * radius
    expected = radius[:, None] * np.stack([np.cos(angle), np.sin(angle)], -1)
    np.testing.assert_allclose(points, expected, atol=2e-5)
    assert (np.argsort(t) == np.argsort(radius)).all()


def test_arc_length_is_uniform():
    points, t = data.spiral_curve(400)
    steps = np.linalg.norm(np.diff(points, axis=0), axis=1)
    assert steps.std() / steps.mean() < 0.01 and (np.diff(t) > 0).all()
    _, random = data.spiral(20_000)
    np.testing.assert_allclose(np.histogram(random, 10, (0, 1))[0] / 2000, 1, atol=0.1)
    # length of r = θ/θ₁ in closed form
    end = 4 * np.pi
    length = (end * np.sqrt(1 + end**2) + np.arcsinh(end)) / 2 / end
    assert abs(steps.sum() / length - 1) < 1e-3


def test_the_helix_lies_on_its_ring_and_closes():
    points, t = data.helix(2000, turns=5, radius=0.4)
    assert points.shape == (2000, 3) and abs(points).max() <= 1
    x, y, z = 1.4 * points.astype(np.float64).T
    np.testing.assert_allclose((np.hypot(x, y) - 1) ** 2 + z ** 2, 0.16, atol=1e-5)
    winding = np.arctan2(z, np.hypot(x, y) - 1)
    np.testing.assert_allclose(np.exp(1j * winding), np.exp(5j * np.arctan2(y, x)), atol=1e-4)
    ordered = points[np.argsort(t)]
    assert np.linalg.norm(ordered[0] - ordered[-1]) < 0.1


def test_noise_has_its_std_and_seeds_matter():
    clean, t = data.spiral(5000, turns=1)
    noisy, same = data.spiral(5000, turns=1, noise=0.05)
    np.testing.assert_array_equal(t, same)
    inside = abs(clean).max(1) < 0.7
    assert abs((noisy - clean)[inside].std() / 0.05 - 1) < 0.05 and abs(noisy).max() <= 1
    np.testing.assert_array_equal(noisy, data.spiral(5000, turns=1, noise=0.05)[0])
    assert not np.array_equal(clean, data.spiral(5000, turns=1, seed=1)[0])


@pytest.mark.parametrize("make", [lambda: data.spiral(0), lambda: data.spiral(5, turns=0),
                                  lambda: data.spiral(5, noise=-1.0), lambda: data.helix(5, radius=1.5),
                                  lambda: data.helix(5, turns=0), lambda: data.spiral_curve(0)])
def test_unfit_arguments_are_refused(make, refused):
    with refused():
        make()
