import jax
import jax.numpy as jnp
import numpy as np
import pytest

from aejax import data, variants
from aejax.applications import classifier, interpolation
from aejax.applications.interpolation import PATHS, energy, geodesic, linear, measure, pixel, slerp
from aejax.types import Autoencoder, InputError

LATENT = [name for name in PATHS if name != "pixel"]


def plain(decode, range=(-10.0, 10.0)):
    """An autoencoder filled by hand: the code is the input."""
    return Autoencoder(init=None, encode=lambda params, x: x, decode=lambda params, z: decode(z), loss=None,
                       range=range)


IDENTITY = plain(lambda z: z)


@pytest.fixture(scope="module")
def model(dense, images):
    ae = variants.standard(dense)
    return ae, ae.init(jax.random.key(0), images)


def test_pixels_are_mixed(model, images):
    ae, params = model
    path = pixel(ae, params, images[:3], images[3:6], 5)
    a, b = images[:3] / 255, images[3:6] / 255
    for i, t in enumerate((0, 0.25, 0.5, 0.75, 1)):
        np.testing.assert_allclose(path.images[:, i], (1 - t) * a + t * b, atol=1e-6)
    assert path.codes is None and path.energies is None


@pytest.mark.parametrize("name", LATENT)
def test_codes_lead_from_reconstruction_to_reconstruction(model, images, name):
    ae, params = model
    path = PATHS[name](ae, params, images[:3], images[3:6], 4)
    assert path.images.shape == (3, 4, 6, 5, 1) and path.codes.shape == (3, 4, 4)
    for end, x in ((0, images[:3]), (-1, images[3:6])):
        np.testing.assert_allclose(path.codes[:, end], ae.encode(params, x), atol=1e-6)
        np.testing.assert_allclose(path.images[:, end], ae.decode(params, ae.encode(params, x)), atol=1e-6)
    flat = ae.decode(params, path.codes.reshape(12, 4)).reshape(path.images.shape)
    np.testing.assert_allclose(path.images, flat, atol=1e-6)


@pytest.mark.parametrize("name", ["pixel", "linear", "slerp"])
def test_bytes_are_floats_of_the_range(images, dense, name):
    from aejax import losses
    ae = variants.standard(dense, reconstruction=losses.squared_error(activation="tanh"))
    params = ae.init(jax.random.key(0), images)
    signed = images / np.float32(127.5) - 1
    found, expected = (PATHS[name](ae, params, x[:2], x[2:4], 3).images for x in (images, signed))
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_linear_codes_are_even(model, images):
    path = linear(*model, images[:3], images[3:6], 5)
    steps = np.diff(path.codes, axis=1)
    np.testing.assert_allclose(steps, np.broadcast_to(steps[:, :1], steps.shape), atol=1e-6)


def test_slerp_turns_evenly_and_keeps_the_length():
    rng = np.random.default_rng(0)
    a, b = (x / np.linalg.norm(x, axis=1, keepdims=True) for x in rng.normal(size=(2, 20, 5)).astype(np.float32))
    codes = np.asarray(slerp(IDENTITY, {}, a, b, 7).codes)
    np.testing.assert_allclose(np.linalg.norm(codes, axis=2), 1, atol=1e-5)
    turned = np.arccos(np.clip(np.sum(codes[:, 1:] * codes[:, :-1], axis=2), -1, 1))
    np.testing.assert_allclose(turned, np.arccos(np.sum(a * b, axis=1))[:, None] / 6 * np.ones((1, 6)), atol=1e-3)


def test_slerp_of_unequal_lengths_is_the_formula():
    a, b = np.array([[2.0, 0.0]], np.float32), np.array([[0.0, 3.0]], np.float32)
    found = slerp(IDENTITY, {}, a, b, 3).codes[0, 1]
    np.testing.assert_allclose(found, np.sin(np.pi / 4) * np.array([2.0, 3.0]), rtol=1e-6)


@pytest.mark.parametrize("factor", [1.0, 2.0, 1 + 1e-5, -1.0, 0.0])
def test_slerp_along_a_line_is_the_line(factor):
    a = np.array([[0.3, -0.4, 1.2]], np.float32)
    b = np.float32(factor) * a
    codes = slerp(IDENTITY, {}, a, b, 5).codes
    np.testing.assert_allclose(codes, linear(IDENTITY, {}, a, b, 5).codes, atol=1e-6)


def sphere(z):
    """Longitude and latitude -> the unit sphere."""
    longitude, latitude = z[:, 0], z[:, 1]
    return jnp.stack([jnp.cos(latitude) * jnp.cos(longitude), jnp.cos(latitude) * jnp.sin(longitude),
                      jnp.sin(latitude)], axis=1)


SPHERE = plain(sphere)


def test_a_geodesic_of_the_sphere_is_a_great_circle():
    a, b = np.array([[-0.8, 0.9], [0.0, 0.2]], np.float32), np.array([[0.8, 0.9], [1.0, 0.2]], np.float32)
    path, steps = geodesic(SPHERE, {}, a, b, 9, iterations=400), 8
    angle = np.arccos(np.sum(np.asarray(sphere(a)) * np.asarray(sphere(b)), axis=1))
    least = steps * (2 * np.sin(angle / steps / 2)) ** 2
    np.testing.assert_allclose(energy(path.images), least, rtol=2e-3)
    straight = np.asarray(energy(linear(SPHERE, {}, a, b, 9).images))
    assert straight[0] > 1.1 * least[0]   # along the parallel it would be longer
    middle = path.images[:, 4]
    chord = (sphere(a) + sphere(b)) / 2
    np.testing.assert_allclose(middle, chord / np.linalg.norm(chord, axis=1, keepdims=True), atol=0.01)


def test_the_energies_are_those_of_the_search():
    a, b = np.array([[-0.8, 0.9]], np.float32), np.array([[0.8, 0.9]], np.float32)
    path = geodesic(SPHERE, {}, a, b, 7, iterations=50)
    assert path.energies.shape == (1, 51)
    np.testing.assert_allclose(path.energies[0, 0], energy(linear(SPHERE, {}, a, b, 7).images)[0], rtol=1e-5)
    np.testing.assert_allclose(path.energies.min(axis=1), energy(path.images), rtol=1e-5)


def test_a_search_that_overshoots_returns_the_best():
    a, b = np.array([[-0.8, 0.9]], np.float32), np.array([[0.8, 0.9]], np.float32)
    path = geodesic(SPHERE, {}, a, b, 7, iterations=3, learning_rate=50.0)
    assert path.energies[0, 1] > path.energies[0, 0]
    assert energy(path.images)[0] <= path.energies[0, 0] * (1 + 1e-6)


def test_each_pair_is_shortened_by_itself(model, images):
    ae, params = model
    together = geodesic(ae, params, images[:3], images[3:6], 5, iterations=20)
    alone = geodesic(ae, params, images[1:2], images[4:5], 5, iterations=20)
    np.testing.assert_allclose(together.codes[1:2], alone.codes, atol=1e-4)
    assert (energy(together.images) <= together.energies[:, 0] * (1 + 1e-5)).all()


def test_pairs_of_one_image_and_paths_of_two_steps(model, images):
    ae, params = model
    same = geodesic(ae, params, images[:2], images[:2], 5, iterations=5)
    assert np.isfinite(same.images).all() and float(energy(same.images).max()) < 1e-9
    for path in PATHS.values():
        assert path(ae, params, images[:2], images[2:4], 2).images.shape == (2, 2, 6, 5, 1)


def test_energy_is_a_sum_of_squares():
    x = np.random.default_rng(0).normal(size=(3, 4, 2, 2, 1)).astype(np.float32)
    expected = [sum(np.sum((path[i + 1] - path[i]) ** 2) for i in range(3)) for path in x]
    np.testing.assert_allclose(energy(x), expected, rtol=1e-5)


@pytest.mark.parametrize("name", PATHS)
def test_bad_input_is_one_line(model, images, name):
    ae, params = model
    path = PATHS[name]
    for arguments, words in [((images[:2], images[2:4], 1), "steps"), ((images[:2], images[:3]), "equally large"),
                             ((images[:0], images[:0]), "equally large"), ((images[:1, :5],) * 2, "expects"),
                             ((np.full((1, 6, 5, 1), 3.0, np.float32),) * 2, "range"),
                             ((np.full((1, 6, 5, 1), np.nan, np.float32),) * 2, "NaN")]:
        with pytest.raises(InputError, match=words) as error:
            path(ae, params, *arguments)
        assert len(str(error.value).splitlines()) == 1
    for options in ({"iterations": 0}, {"learning_rate": np.nan}):
        with pytest.raises(InputError, match="geodesic"):
            geodesic(ae, params, images[:2], images[2:4], **options)


def test_measures_of_real_images_and_of_noise():
    digits = data.load()
    judge = classifier.load("mnist")
    real = judge.features(digits.train[:1000])
    paths = np.stack([np.stack([digits.test[0], digits.train[0]]) / np.float32(255),
                      np.random.default_rng(0).random((2, 28, 28, 1)).astype(np.float32)])
    found = measure(judge, paths, real)
    assert found.distance.shape == found.entropy.shape == (2, 2)
    assert found.distance[0, 1] < 1e-3 < found.distance[0, 0] < found.distance[1].min()
    alone = interpolation.measure(judge, paths[1:, 1:], real)
    np.testing.assert_allclose(alone.entropy[0, 0], found.entropy[1, 1], atol=1e-4)
