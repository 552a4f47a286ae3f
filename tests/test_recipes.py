import dataclasses
import json

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from aejax import corruptions, losses, networks, recipes, variants
from aejax.autoencoder import corrupt
from aejax.recipes import Recipe, blind, build, build_corruption, build_network, fill_of, nearest, told
from aejax.types import InputError

DENSE = {"name": "dense", "shape": [6, 5, 1], "code_dim": 4, "widths": [7]}


def through_json(recipe):
    return Recipe(**json.loads(json.dumps(dataclasses.asdict(recipe))))


@pytest.mark.parametrize("name", variants.NAMES)
def test_a_recipe_from_json_is_the_call_in_python(name, images):
    ae = build(through_json(Recipe(name, DENSE)))
    other = getattr(variants, name)(networks.Dense(shape=(6, 5, 1), code_dim=4, widths=(7,)))
    params = ae.init(jax.random.key(0), images)
    chex.assert_trees_all_equal(params, other.init(jax.random.key(0), images))
    chex.assert_trees_all_equal(ae.loss(params, jax.random.key(1), images),
                                other.loss(params, jax.random.key(1), images))


def test_every_part_reaches_the_autoencoder(images):
    recipe = Recipe("denoising", DENSE | {"tied": True},
                    {"name": "mean_squared_error", "activation": "identity", "range": [0.0, 2.0]},
                    {"name": "masking_noise", "rate": 0.3, "fill": 0.5})
    ae = build(through_json(recipe))
    network = networks.Dense(shape=(6, 5, 1), code_dim=4, widths=(7,), tied=True)
    other = variants.denoising(network, corruption=corruptions.masking_noise(0.3, fill=0.5),
                               reconstruction=losses.mean_squared_error(activation="identity", range=(0.0, 2.0)))
    assert ae.range == (0.0, 2.0)
    params = ae.init(jax.random.key(0), images)
    assert "decoder_kernel_0" not in params
    assert ae.loss(params, jax.random.key(1), images)[0] == other.loss(params, jax.random.key(1), images)[0]


def test_options_reach_the_variant(images):
    weak, strong = (build(through_json(Recipe("sparse", DENSE, options={"weight": weight}))) for weight in (0.0, 2.0))
    params = weak.init(jax.random.key(0), images)
    _, metrics = weak.loss(params, jax.random.key(0), images)
    loss, _ = strong.loss(params, jax.random.key(0), images)
    np.testing.assert_allclose(loss, metrics["reconstruction"] + 2 * metrics["penalty"], rtol=1e-6)


def test_convolutional_network_of_lists():
    network = build_network({"name": "convolutional", "shape": [8, 8, 3], "code_dim": 2, "channels": [4, 8]})
    assert network == networks.Convolutional(shape=(8, 8, 3), code_dim=2, channels=(4, 8))
    assert hash(network)


@pytest.mark.parametrize("name", recipes.CORRUPTIONS)
def test_every_corruption_is_built(name, unit):
    corruption = build_corruption({"name": name} | ({"size": 2} if name == "block_mask" else {}))
    assert corruption(jax.random.key(0), unit).shape == unit.shape
    assert (corruption is corruptions.identity) == (name == "identity")


@pytest.mark.parametrize("name", recipes.LOSSES)
def test_every_loss_is_built(name):
    assert build(Recipe("standard", DENSE, {"name": name})).range is not None


@pytest.mark.parametrize(("change", "message"), [
    ({"variant": "denosing"}, "unknown variant 'denosing'; did you mean 'denoising'"),
    ({"network": {"name": "convolution"}}, "unknown network 'convolution'; did you mean 'convolutional'"),
    ({"reconstruction": {"name": "cross_entrpy"}}, "unknown loss 'cross_entrpy'; did you mean 'cross_entropy'"),
    ({"corruption": {"name": "gaussian"}}, "unknown corruption 'gaussian'; did you mean 'gaussian_noise'"),
    ({"variant": "standard"}, "corruption does not apply to standard"),
    ({"options": {"weight": 1.0}}, "weight does not apply to denoising"),
    ({"options": {"network": 1}}, "network does not apply to denoising"),
    ({"network": DENSE | {"channels": [4]}}, "a dense network takes no channels; it takes .*widths"),
    ({"network": DENSE | {"parent": None}}, "a dense network takes no parent"),
    ({"corruption": {"name": "masking_noise", "std": 0.1}}, "std does not apply to masking_noise; it takes rate"),
    ({"reconstruction": {"name": "cross_entropy", "activation": "tanh"}}, "activation does not apply to cross_entropy; "
                                                                          "it takes no option")])
def test_what_does_not_fit_is_refused_in_one_line(change, message):
    fields = {"variant": "denoising", "network": DENSE, "corruption": {"name": "masking_noise"}} | change
    with pytest.raises(InputError, match=message) as error:
        build(Recipe(**fields))
    assert "\n" not in str(error.value)


def test_nearest_without_anything_near_lists_what_is_known():
    assert nearest("a", ("a", "b"), "thing") == "a"
    with pytest.raises(InputError, match=r"unknown thing 'qqq'; known: alpha, beta$"):
        nearest("qqq", ("alpha", "beta"), "thing")


def test_what_stands_in_hidden_places():
    assert fill_of({"name": "masking_noise", "rate": 0.5}, (-1.0, 1.0)) == -1.0
    assert fill_of({"name": "block_mask"}, (0.0, 1.0)) == 0.5 and fill_of({"name": "hidden_regions"}, None) == -1.0
    assert fill_of({"name": "gaussian_noise"}, (0.0, 1.0)) is None is fill_of(None, (0.0, 1.0))


def test_a_unet_finds_the_mark_that_the_corruption_leaves():
    """Bit for bit: what `corrupt` puts into hidden places is the network's `unknown`, on any range."""
    for range, fill in (((-1.0, 1.0), -1.998), ((0.0, 1.0), -1.0), ((0.0, 1.0), 1.1)):
        parts = {"name": "hidden_regions", "fill": fill}
        unknown = told({"name": "unet", "shape": [8, 8, 1]}, parts, range)["unknown"]
        x = jnp.full((16, 8, 8, 1), 0.25)
        found = jax.jit(lambda key, x, range=range, parts=parts: corrupt(build_corruption(parts), key, x, range))(
            jax.random.key(0), x)
        assert 0.1 < float((found == unknown).mean()) < 0.9 and bool(((found == unknown) | (found == 0.25)).all())


def test_blind_levels_start_at_nothing():
    assert blind({"name": "hidden_regions", "rate": [0.1, 0.5]}) == {"name": "hidden_regions", "rate": [0.0, 0.5]}
    with pytest.raises(InputError, match="blind does not apply to downsample"):
        blind({"name": "downsample"})
    with pytest.raises(InputError, match="did you mean 'gaussian_noise'"):
        blind({"name": "gausian_noise"})
