import jax
import jax.numpy as jnp
import numpy as np
import pytest

from aejax.applications.pixel_model import (
    HIDDEN,
    LIMIT,
    NAT,
    PIXEL,
    Geometry,
    check_model,
    integers,
    pixel_trainer,
    row_weights,
)
from aejax.types import InputError

SHAPE, NEAR = (5, 4, 2), Geometry(2, 1)
RNG = np.random.default_rng(0)
PICTURES = RNG.integers(0, 256, (3, *SHAPE), np.uint8)
GUIDES = RNG.integers(0, 16, (3, *SHAPE), np.uint8)
TRAINER = pixel_trainer(SHAPE, widths=(10, 9), geometry=NEAR, share=1.0)
WEIGHTS = jax.jit(row_weights, static_argnames="geometry")


@pytest.fixture(scope="module")
def params():
    params = TRAINER.init(jax.random.key(0), (PICTURES, GUIDES))
    return jax.tree.map(lambda leaf: leaf + 0.1 * jax.random.normal(jax.random.key(1), leaf.shape), params)


@pytest.fixture(scope="module")
def model(params):
    return integers(jax.device_get(params), NEAR)


def windows(pictures, guides, row, column):
    padded, around = NEAR.pad(pictures), NEAR.pad(guides, guide=True)
    return padded[:, row: row + 3, column: column + 5], around[:, row: row + 3, column: column + 3]


def weights(model, place, pictures=PICTURES, guides=GUIDES):
    return np.asarray(WEIGHTS(model, NEAR, *windows(pictures, guides, *place[:2]), *place))


@pytest.mark.parametrize("place", [(0, 0, 0), (2, 1, 1), (4, 3, 0)])
def test_weights_are_those_of_64_bit_integers(model, place):
    """The oracle: the same network in int64, products as sums of integers, divisions as shifts."""
    x = np.asarray(NEAR.inputs(*windows(PICTURES, GUIDES, *place[:2]), place[2])).astype(np.int64)
    for index, layer in enumerate(model.layers):
        bias = layer.bias if index else model.rows[place[0]] + model.columns[place[1]] + model.channels[place[2]]
        x = (x @ layer.kernel.astype(np.int64) + bias.astype(np.int64)) >> int(layer.shift)
        x = np.clip(x, 0, HIDDEN) if index < 2 else x
    expected = model.weights[np.minimum(x.max(axis=1, keepdims=True) - x, 511)]
    found = weights(model, place)
    np.testing.assert_array_equal(found, expected)
    assert found.shape == (3, 256) and (found == np.rint(found)).all() and found.sum(axis=1).max() <= LIMIT


def test_integers_say_what_the_trained_network_says(params, model):
    """The bits of all pixels under the integers are the loss of the floats, up to rounding."""
    metrics = TRAINER.loss(params, jax.random.key(0), (PICTURES, GUIDES))[1]
    bits = 0.0
    for place in np.ndindex(*SHAPE):
        found = weights(model, place)
        bits -= np.log2(found[np.arange(3), PICTURES[:, *place]] / found.sum(axis=1)).sum()
    np.testing.assert_allclose(bits / PICTURES.size, metrics["bits_per_value"], rtol=3e-3)


@pytest.mark.parametrize("place", [(0, 0, 0), (2, 1, 1), (4, 3, 1)])
def test_nothing_that_comes_later_is_seen(model, place):
    later = PICTURES.reshape(3, -1).copy()
    later[:, np.ravel_multi_index(place, SHAPE):] ^= 255
    np.testing.assert_array_equal(weights(model, place), weights(model, place, later.reshape(PICTURES.shape)))
    earlier = PICTURES.reshape(3, -1).copy()
    earlier[:, max(np.ravel_multi_index(place, SHAPE) - 1, 0)] ^= 255   # and what comes just before is
    seen = not np.array_equal(weights(model, place), weights(model, place, earlier.reshape(PICTURES.shape)))
    assert seen or place == (0, 0, 0)
    assert not np.array_equal(weights(model, place), weights(model, place, guides=15 - GUIDES))


def test_a_picture_does_not_depend_on_its_company(model):
    np.testing.assert_array_equal(weights(model, (2, 1, 0))[:1], weights(model, (2, 1, 0), PICTURES[:1], GUIDES[:1]))


def test_untrained_weights_are_near_uniform():
    """The limit: 8 bits a value before anything is learnt."""
    start = TRAINER.init(jax.random.key(0), (PICTURES, GUIDES)) | {"kernel_2": jnp.zeros((9, 256))}
    assert float(TRAINER.loss(start, jax.random.key(0), (PICTURES, GUIDES))[1]["bits_per_value"]) == pytest.approx(8)


def test_a_share_of_the_rows_estimates_the_whole(params):
    """Every row is drawn alike, so that the mean over draws is the loss of all rows."""
    part = pixel_trainer(SHAPE, widths=(10, 9), geometry=NEAR, share=0.4)
    draw = jax.jit(jax.vmap(lambda key: part.loss(params, key, (PICTURES, GUIDES))[0]))
    whole = TRAINER.loss(params, jax.random.key(0), (PICTURES, GUIDES))[0]
    np.testing.assert_allclose(draw(jax.random.split(jax.random.key(1), 500)).mean(), whole, rtol=0.01)


def test_sums_stay_below_the_limit(model):
    check_model(model)
    shifts = [int(layer.shift) for layer in model.layers]
    largest = [(one * np.abs(layer.kernel).sum(axis=0)).max() for one, layer in
               zip((PIXEL, HIDDEN, HIDDEN), model.layers, strict=True)]
    assert all(LIMIT / 16 < value < LIMIT for value in largest), (largest, shifts)   # and the room is used
    assert model.shape == SHAPE and model.weights[NAT] == round(2**16 / np.e)


@pytest.mark.parametrize("change", [
    lambda m: m._replace(rows=m.rows + np.float32(0.5)), lambda m: m._replace(columns=m.columns + LIMIT),
    lambda m: m._replace(weights=m.weights * 2), lambda m: m._replace(weights=-m.weights),
    lambda m: m._replace(layers=(*m.layers[:2], m.layers[2]._replace(kernel=m.layers[2].kernel * 64)))])
def test_a_model_that_float32_may_not_hold_is_refused(model, change):
    with pytest.raises(InputError, match="small integers"):
        check_model(change(model))


def test_diverged_parameters_are_refused(params):
    for value, message in ((np.nan, "not finite"), (1e9, "too large")):
        with pytest.raises(InputError, match=message):
            integers({**params, "kernel_1": np.full((10, 9), value)}, NEAR)


def test_it_has_no_code():
    with pytest.raises(InputError, match="no code"):
        TRAINER.encode({}, PICTURES)
