import jax.numpy as jnp
import numpy as np
import pytest

from aejax.applications.sensitivity import contained, decompose, motions, participation_ratio, response
from aejax.jacobian import jacobians, singular_values, squared_norm, tangents
from aejax.types import InputError

RNG = np.random.default_rng(0)


def blob(size=28):
    """A smooth picture without symmetry, and the function that moves it by (right, down, radians)."""
    v, u = np.mgrid[:size, :size] - (size - 1) / 2

    def at(right, down, angle):
        a, b = u - right, v - down
        a, b = np.cos(angle) * a - np.sin(angle) * b, np.sin(angle) * a + np.cos(angle) * b   # v points down
        return (np.exp(-((a - 3) ** 2 + 2 * (b + 2) ** 2) / 20) + 0.5 * np.exp(-((a + 4) ** 2 + b**2) / 12))[..., None]
    return at


def test_motions_are_derivatives():
    at, h = blob(), 1e-3
    found = motions(at(0, 0, 0)[None])[0]
    for index, step in enumerate(np.eye(3) * h):
        exact = (at(*step) - at(*-step)) / (2 * h)
        assert np.sum(found[index] * exact) / np.linalg.norm(exact) ** 2 == pytest.approx(1, abs=0.06)
        assert np.sum(found[index] * exact) / np.linalg.norm(exact) / np.linalg.norm(found[index]) > 0.995


def test_rotation_turns_counter_clockwise():
    ndimage = pytest.importorskip("scipy.ndimage")
    image = blob()(0, 0, 0)[..., 0]
    change = ndimage.rotate(image, 2, reshape=False) - image   # counter-clockwise with the first axis down
    found = motions(image[None, ..., None])[0, 2, ..., 0]
    assert np.sum(change * found) / np.linalg.norm(change) / np.linalg.norm(found) > 0.98


def test_bytes_are_scaled():
    x = RNG.integers(0, 256, (2, 5, 6, 3), np.uint8)
    np.testing.assert_allclose(motions(x), motions(x.astype(np.float32) / 255), atol=1e-6)


def test_contained_is_the_projection():
    directions, vectors = RNG.normal(size=(3, 4, 2, 5)), RNG.normal(size=(3, 2, 2, 5))
    found = contained(directions, vectors)
    assert found.shape == (3, 2, 4)
    for b in range(3):
        for k in range(1, 5):
            a = directions[b, :k].reshape(k, 10).T
            for t, v in enumerate(vectors[b].reshape(2, 10)):
                fitted = a @ np.linalg.lstsq(a, v, rcond=None)[0]
                assert found[b, t, k - 1] == pytest.approx(fitted @ fitted / (v @ v))


def test_limits():
    everything = np.eye(6)[None] * RNG.uniform(1, 9, (1, 6, 1))
    np.testing.assert_allclose(contained(everything, RNG.normal(size=(1, 3, 6)))[..., -1], 1)
    directions, v = RNG.normal(size=(2000, 5, 50)), RNG.normal(size=(2000, 1, 50))
    assert contained(directions, v)[..., -1].mean() == pytest.approx(5 / 50, rel=0.05)   # random directions: k/n
    same = np.ones((1, 7))
    assert participation_ratio(same) == pytest.approx([7]) and participation_ratio(1e30 * same) == pytest.approx([7])


def test_of_an_encoder():
    kernel, x = jnp.asarray(RNG.normal(size=(12, 5)), jnp.float32), jnp.asarray(RNG.normal(size=(4, 12)), jnp.float32)

    def encode(x):
        return jnp.tanh(x @ kernel)
    leading = tangents(encode, x, 3)
    values = singular_values(encode, x)
    np.testing.assert_allclose(response(encode, x, leading), values[:, :3], rtol=1e-4)
    whole = jacobians(encode, x)
    for matrices in (whole, jnp.concatenate([whole, whole, whole], axis=1)):   # d < n, and d > n with rank below n
        found, directions = decompose(matrices, 3)
        times = np.sqrt(matrices.shape[1] // whole.shape[1])
        np.testing.assert_allclose(found[:, :5], times * values, rtol=1e-5, atol=1e-6)
        np.testing.assert_allclose(np.abs(np.sum(directions * leading, axis=2)), 1, rtol=1e-4)
    assert found.shape == (4, 12) and found[:, 5:].max() < 1e-6 * found.max()
    trace = np.sum(np.square(values), axis=1)
    np.testing.assert_allclose(trace, squared_norm(encode, x), rtol=1e-4)
    gram = jnp.einsum("bij,bik->bjk", whole, whole)
    np.testing.assert_allclose(participation_ratio(values), trace**2 / np.sum(np.square(gram), axis=(1, 2)), rtol=1e-4)


@pytest.mark.parametrize(("call", "parts"), [
    (lambda: participation_ratio(np.zeros((2, 3))), ["(2, 3)", "not all zero"]),
    (lambda: participation_ratio(np.array([[1.0, np.nan]])), ["finite"]),
    (lambda: decompose(np.ones((1, 3, 4)), 4), ["(1, 3, 4), 4 directions"]),
    (lambda: motions(np.ones((2, 784))), ["(2, 784)", "(B, H, W, C)"]),
    (lambda: motions(np.full((1, 3, 3, 1), np.inf)), ["9 values"]),
    (lambda: contained(np.ones((1, 2, 4)), np.ones((1, 1, 5))), ["(1, 2, 4)", "(1, 1, 5)"]),
    (lambda: contained(np.ones((1, 2, 4)), np.ones((1, 1, 4))), ["direction 1 of example 0", "combination"]),
    (lambda: contained(np.ones((1, 5, 4)), np.ones((1, 1, 4))), ["at most 4"]),
    (lambda: contained(np.ones((1, 1, 4)), np.zeros((1, 1, 4))), ["vector 0 of example 0 is zero"]),
    (lambda: response(lambda x: x, np.ones((2, 4)), np.ones((2, 4))), ["(2, 4)", "(B, T, *shape)"])])
def test_bad_input(call, parts):
    with pytest.raises(InputError) as error:
        call()
    assert all(part in str(error.value) for part in parts) and "\n" not in str(error.value)
