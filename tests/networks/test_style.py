import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from aejax import losses, networks, variants
from aejax.autoencoder import autoencoder
from aejax.types import InputError


@functools.cache
def made(shape=(8, 8, 1), channels=(4, 8), batch=3):
    network = networks.Style(shape=shape, code_dim=3, channels=channels, mapping_widths=(5,), style_dim=6)
    x = jax.random.uniform(jax.random.key(1), (batch, *shape))
    return network, jax.jit(network.init)(jax.random.key(0), x)["params"], x


def run(network, params, x, *more, method=None):
    return jax.jit(functools.partial(network.apply, method=method))({"params": params}, x, *more)


@pytest.mark.parametrize("shape", [(1, 1, 1), (5, 27, 2), (17, 10, 3)])
def test_takes_any_size(shape):
    network, params, x = made(shape)
    assert run(network, params, x).shape == x.shape
    code = run(network, params, x, method="encode")
    assert code.shape == (3, 3) and np.isfinite(run(network, params, code, method="decode")).all()


def test_the_encoder_is_that_of_a_convolutional_network():
    network, params, x = made()
    plain = networks.Convolutional(shape=(8, 8, 1), code_dim=3, channels=(4, 8))
    np.testing.assert_array_equal(run(network, params, x, method="encode"), run(plain, params, x, method="encode"))


def test_decoding_goes_through_styles_and_repeats():
    network, params, _ = made()
    code = jax.random.normal(jax.random.key(2), (3, 3))
    styles = run(network, params, code, method="styles")
    assert styles.shape == (3, network.layer_count, 6)
    np.testing.assert_array_equal(styles, np.repeat(styles[:, :1], network.layer_count, axis=1))
    image = run(network, params, code, method="decode")
    np.testing.assert_allclose(image, run(network, params, styles, method="decode_styles"), atol=1e-6)
    assert np.abs(image[0] - image[1]).max() > 1e-3   # all that tells examples apart is their styles


def test_each_layer_hears_its_own_style():
    network, params, _ = made()
    params = jax.tree.map(lambda leaf: leaf + 0.1, params)   # biases and strengths that are not 0
    code = jax.random.normal(jax.random.key(2), (2, 3))
    a, b = run(network, params, code, method="styles")
    mixtures = jnp.stack([a] + [a.at[layer].set(b[layer]) for layer in range(network.layer_count)])
    images = run(network, params, mixtures, method="decode_styles")
    for image in images[1:]:
        assert np.abs(image - images[0]).max() > 1e-4
    both = jnp.stack([a.at[:].set(b), b])
    np.testing.assert_allclose(*run(network, params, both, method="decode_styles"), atol=1e-6)


def test_noise_is_drawn_from_a_key_alone():
    network, params, _ = made()
    params = jax.tree.map(lambda leaf: leaf + 0.1, params)
    styles = jnp.ones((2, network.layer_count, 6))
    fixed = run(network, params, styles, method="decode_styles")
    np.testing.assert_allclose(fixed[0], fixed[1], atol=1e-6)
    one, same, other = (run(network, params, styles, jax.random.key(seed), method="decode_styles")
                        for seed in (0, 0, 1))
    np.testing.assert_array_equal(one, same)
    assert not np.allclose(one, other, atol=1e-4) and not np.allclose(one[0], one[1], atol=1e-4)


@pytest.mark.parametrize(("stages", "expected"), [
    (1, {"coarse": (0,), "middle": (1,), "fine": (2,)}),
    (2, {"coarse": (0,), "middle": (1, 2), "fine": (3, 4)}),
    (3, {"coarse": (0, 1, 2), "middle": (3, 4), "fine": (5, 6)}),
])
def test_groups_are_resolutions(stages, expected):
    assert networks.Style(shape=(8, 8, 1), code_dim=2, channels=(4,) * stages).groups == expected


def test_examples_do_not_influence_each_other():
    network, params, x = made()
    np.testing.assert_allclose(run(network, params, x)[1:2], run(network, params, x[1:2]), atol=1e-5)


def test_styles_as_a_code_share_parameters_and_reconstructions():
    network, params, x = made()
    space = networks.StyleSpace(network)
    assert space.code_dim == 5 * 6 and space.shape == (8, 8, 1)
    own = jax.jit(space.init)(jax.random.key(0), x)["params"]
    assert jax.tree.structure(own) == jax.tree.structure(params)
    codes = run(space, params, x, method="encode")
    assert codes.shape == (3, 30)
    np.testing.assert_allclose(run(space, params, codes, method="decode"), run(network, params, x), atol=1e-6)


def test_gradients_reach_every_parameter_but_noise_maps():
    network, params, x = made()
    ae = autoencoder(network, reconstruction=losses.squared_error())
    params = jax.tree.map(lambda leaf: leaf + 0.05, params)
    gradient = jax.jit(jax.grad(lambda p: ae.loss(p, jax.random.key(0), x)[0]))(params)
    for path, leaf in jax.tree_util.tree_leaves_with_path(gradient):
        assert leaf.any() != jax.tree_util.keystr(path).endswith("['noise']"), path


@pytest.mark.parametrize(("options", "message"), [
    ({"style_dim": 0}, "style_dim"), ({"mapping_widths": (0,)}, "mapping"), ({"shape": (4,)}, "(H, W, C)"),
    ({"channels": ()}, "channels")])
def test_bad_options(options, message):
    with pytest.raises(InputError) as error:
        networks.Style(**{"shape": (4, 4, 1), "code_dim": 1} | options)
    assert message in str(error.value)
    with pytest.raises(InputError, match="no styles"):
        networks.StyleSpace(networks.Dense(shape=(4,), code_dim=1))


@pytest.mark.parametrize("name", variants.NAMES)
def test_every_variant_takes_it(name):
    network, _, x = made()
    if name == "tied":   # of dense networks alone
        return
    ae = getattr(variants, name)(network)
    params = jax.eval_shape(ae.init, jax.random.key(0), x)
    loss, metrics = jax.eval_shape(ae.loss, params, jax.random.key(1), x)
    code = jax.eval_shape(ae.encode, params, x)
    assert loss.shape == () and "penalty" in metrics and code.shape[0] == 3
    assert jax.eval_shape(ae.decode, params, code).shape == x.shape
