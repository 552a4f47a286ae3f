import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from aejax import losses, networks, variants
from aejax.applications import style_mixing
from aejax.applications.reconstruction import decode, encode
from aejax.types import InputError

NETWORK = networks.Style(shape=(6, 6, 1), code_dim=3, channels=(4, 4), mapping_widths=(), style_dim=2)
LOSS = losses.squared_error(activation="tanh")


@functools.cache
def trained():
    """An autoencoder, its style space, parameters that are not those of the beginning, images, and their styles."""
    ae = variants.standard(NETWORK, reconstruction=LOSS)
    x = np.asarray(jax.random.uniform(jax.random.key(1), (5, 6, 6, 1)))
    params = jax.tree.map(lambda leaf: leaf + 0.1, jax.jit(ae.init)(jax.random.key(0), x))
    space = style_mixing.in_style_space(NETWORK, reconstruction=LOSS)
    return ae, space, params, x, style_mixing.styles(NETWORK, params, encode(ae, params, x))


def test_styles_decode_as_the_code_does():
    ae, space, params, x, styles = trained()
    assert styles.shape == (5, 10)
    np.testing.assert_allclose(styles, encode(space, params, x), atol=1e-6)
    np.testing.assert_allclose(decode(space, params, styles), decode(ae, params, encode(ae, params, x)), atol=1e-5)


def test_no_layer_and_all_layers_are_the_images_themselves():
    _, space, params, _, styles = trained()
    mix = functools.partial(style_mixing.mix, space, params, styles[:2], styles[2:4], layer_count=5)
    np.testing.assert_array_equal(mix([]), decode(space, params, styles[:2]))
    np.testing.assert_array_equal(mix(range(5)), decode(space, params, styles[2:4]))
    one = mix([3])
    assert not np.allclose(one, mix([]), atol=1e-5) and not np.allclose(one, mix(range(5)), atol=1e-5)


def test_mixtures_are_those_of_the_network():
    _, space, params, _, styles = trained()
    own = jnp.asarray(styles).reshape(5, 5, 2)
    expected = NETWORK.apply({"params": params}, own[:2].at[:, jnp.array([1, 2])].set(own[2:4, 1:3]),
                             method="decode_styles")
    found = style_mixing.mix(space, params, styles[:2], styles[2:4], NETWORK.groups["middle"], layer_count=5)
    np.testing.assert_allclose(found, jnp.tanh(expected), atol=1e-5)


def test_a_table_has_every_pair():
    _, space, params, _, styles = trained()
    found = style_mixing.table(space, params, styles[:2], styles[2:], NETWORK.groups, layer_count=5)
    assert list(found) == ["coarse", "middle", "fine"] and found["fine"].shape == (2, 3, 6, 6, 1)
    one = style_mixing.mix(space, params, styles[1:2], styles[4:5], NETWORK.groups["fine"], layer_count=5)
    np.testing.assert_allclose(found["fine"][1, 2], one[0], atol=1e-5)


def test_truncation_goes_straight_to_the_mean():
    *_, styles = trained()
    mean = styles.mean(axis=0)
    np.testing.assert_allclose(style_mixing.truncate(styles, mean, 1.0), styles, atol=1e-6)
    np.testing.assert_allclose(style_mixing.truncate(styles, mean, 0), np.repeat(mean[None], 5, axis=0), atol=1e-6)
    spread = [np.std(style_mixing.truncate(styles, mean, psi), axis=0) for psi in (1, 0.5)]
    np.testing.assert_allclose(spread[1], 0.5 * spread[0], atol=1e-6)


@pytest.mark.parametrize(("b", "layers", "message"), [
    (np.zeros((3, 10)), [0], "equally large"), (np.zeros((2, 10)), [5], "from 0 to 4"), (np.zeros((2, 10)), [-1], "5")])
def test_what_cannot_be_mixed(b, layers, message):
    with pytest.raises(InputError, match=message):
        style_mixing.swapped(np.zeros((2, 10)), b, layers, layer_count=5)


def test_a_network_without_styles_is_refused():
    with pytest.raises(InputError, match="Dense has no styles"):
        style_mixing.in_style_space(networks.Dense(shape=(4,), code_dim=2))


def test_a_variational_code_has_styles_too():
    ae, x = variants.variational(NETWORK), trained()[3]
    params = jax.jit(ae.init)(jax.random.key(0), x)
    space, codes = style_mixing.in_style_space(NETWORK), encode(ae, params, x)
    styles = style_mixing.styles(NETWORK, params, codes)
    np.testing.assert_allclose(decode(space, params, styles), decode(ae, params, codes), atol=1e-5)
