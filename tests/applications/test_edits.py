import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import ndimage

from aejax import data
from aejax.applications import edits
from aejax.applications.edits import EDITS, edit
from aejax.types import InputError

IMAGES = data.load().test[:6] / np.float32(255)
WIDE = np.random.default_rng(0).random((2, 7, 10, 3)).astype(np.float32)
GRID = {"order": 1, "mode": "grid-constant"}


def scipys(name, image, alpha):
    """One channel edited by SciPy."""
    if name == "rotate":
        return ndimage.rotate(image, alpha, reshape=False, **GRID)
    if name in ("shift_x", "shift_y"):
        return ndimage.shift(image, (0, alpha) if name == "shift_x" else (alpha, 0), **GRID)
    middle = (np.array(image.shape) - 1) / 2
    return ndimage.affine_transform(image, [2.0**-alpha] * 2, middle * (1 - 2.0**-alpha), **GRID)


@pytest.mark.parametrize("alpha", [-0.7, 0.3, 13.0])
@pytest.mark.parametrize("name", ["rotate", "shift_x", "shift_y", "zoom"])
def test_geometry_is_scipys(name, alpha):
    found = edit(name, WIDE, alpha)
    for image, result in zip(WIDE, found, strict=True):
        for channel in range(3):
            np.testing.assert_allclose(result[..., channel], scipys(name, image[..., channel], alpha), atol=2e-4)


def test_brightness_is_in_stops():
    np.testing.assert_allclose(edit("brightness", WIDE, 1.0), np.minimum(2 * WIDE, 1), rtol=1e-6)
    np.testing.assert_allclose(edit("brightness", WIDE, -2.0), WIDE / 4, rtol=1e-6)


def test_directions_are_as_one_sees_them():
    x = np.zeros((1, 5, 5, 1), np.float32)
    x[0, 2, 3] = 1   # right of the middle
    for name, alpha, place in (("shift_x", 1.0, (2, 4)), ("shift_y", 1.0, (3, 3)), ("rotate", 90.0, (1, 2)),
                               ("zoom", 1.0, (2, 4))):
        found = np.asarray(edit(name, x, alpha))[0, ..., 0]
        assert np.unravel_index(found.argmax(), found.shape) == place, name


@pytest.mark.parametrize("name", EDITS)
def test_alpha_0_changes_nothing_and_each_image_has_its_own(name):
    np.testing.assert_allclose(edit(name, IMAGES, 0.0), IMAGES, atol=1e-6)
    alphas = np.linspace(-1, 1, len(IMAGES)).astype(np.float32)
    together = edit(name, IMAGES, alphas)
    for image, alpha, found in zip(IMAGES, alphas, together, strict=True):
        np.testing.assert_allclose(edit(name, image[None], float(alpha))[0], found, atol=1e-5)
    as_bytes = np.rint(IMAGES * 255).astype(np.uint8)
    np.testing.assert_allclose(edit(name, as_bytes, 0.5), edit(name, IMAGES, 0.5), atol=1e-5)


@pytest.mark.parametrize("name", EDITS)
def test_edits_can_be_differentiated(name):
    gradient = jax.grad(lambda a: jnp.sum(jnp.square(EDITS[name].apply(jnp.asarray(IMAGES), a))))(jnp.full(6, 0.3))
    assert np.isfinite(gradient).all() and float(jnp.abs(gradient).max()) > 0


@pytest.mark.parametrize("name", EDITS)
def test_the_attribute_grows_with_alpha(name):
    limit = EDITS[name].limit
    alphas = np.linspace(-limit, limit, 7)
    found = np.stack([EDITS[name].attribute(edit(name, IMAGES, float(alpha)), jnp.asarray(IMAGES)) for alpha in alphas])
    assert (np.diff(found.mean(axis=1)) > 0).all(), found.mean(axis=1)


def test_attributes_are_what_they_say():
    x = np.zeros((2, 9, 11, 1), np.float32)
    x[0, 3, 8] = x[0, 5, 8] = 0.5
    np.testing.assert_allclose(edits.centre(jnp.asarray(x)), [[0, 3], [0, 0]], atol=1e-6)
    np.testing.assert_allclose(edits.radius(jnp.asarray(x)), [1, 0], atol=1e-6)
    np.testing.assert_allclose(edits.luminance(jnp.asarray(x)), [1 / 99, 0], rtol=1e-6)
    turned = edit("rotate", IMAGES, 16.0)
    np.testing.assert_array_equal(edits.angle(turned, jnp.asarray(IMAGES)), np.full(6, 16))


def test_the_errors_of_doing_nothing():
    """Known figures of MNIST's whole test part; the embedded digits are 2,000 of them."""
    digits = data.load().test / np.float32(255)
    for name, alpha, known in (("rotate", 12.0, 0.0365), ("rotate", 30.0, 0.0876), ("shift_x", 1.0, 0.0367),
                               ("shift_x", 4.0, 0.1433)):
        errors = [np.mean(np.square(edit(name, digits, sign * alpha) - digits)) for sign in (-1, 1)]
        assert np.mean(errors) == pytest.approx(known, rel=0.1), name   # "shift" is of both axes there


@pytest.mark.parametrize(("arguments", "words"), [
    (("turn", IMAGES, 1.0), "rotate"), (("rotate", IMAGES[..., 0], 1.0), "H, W, C"),
    (("rotate", IMAGES, np.nan), "finite"), (("rotate", IMAGES, np.inf), "finite"),
    (("rotate", IMAGES, np.ones(5)), "6 images")])
def test_bad_input_is_one_line(arguments, words):
    with pytest.raises(InputError, match=words) as error:
        edit(*arguments)
    assert len(str(error.value).splitlines()) == 1
