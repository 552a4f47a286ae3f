"""That every network's layers are seen, and told from each other."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from aejax.applications.batches import in_batches
from aejax.layer_watch import Watch, at_bounds, at_limits, limits
from aejax.networks.common import ACTIVATIONS
from aejax.recipes import Recipe, build

X = np.random.default_rng(0).random((6, 8, 8, 1), np.float32)
LOSS = {"name": "squared_error", "activation": "identity"}


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_limits(name):
    low = {"tanh": -1, "sigmoid": 0, "relu": 0, "elu": -1, "gelu": 0, "silu": 0, "softplus": 0}
    expected = low.get(name), 1 if name in ("tanh", "sigmoid") else None
    assert limits(ACTIVATIONS[name]) == tuple(None if end is None else pytest.approx(end, abs=1e-9) for end in expected)


def test_bounds_are_a_hundredth_of_the_way():
    values = jnp.array([-1.0, -0.981, -0.979, 0.0, 0.979, 0.981, 1.0])
    np.testing.assert_array_equal(at_bounds(values, -1.0, 1.0), [True, True, False, False, False, True, True])


def looked_at(network, change=lambda params: params):
    watch = Watch()
    recipe = {"shape": [8, 8, 1], **network}
    ae = build(Recipe("standard", recipe | {"activation": watch.over("relu", "layer")}, LOSS))
    params = change(ae.init(jax.random.key(0), X[:1]))
    silent, bound = in_batches(at_limits, ae, params, X, 4, watch)
    assert not bound
    return {name: (units.shape, float(units.all(axis=0).mean())) for name, units in silent.items()}


def lowered(*path):
    """Puts a bias so low that relu gives 0 behind it."""
    def change(params):
        *way, last = path
        for part in way[:-1]:
            params = params[part]
        params[way[-1]] = params[way[-1]] | {last: jnp.full_like(params[way[-1]][last], -1e4)}
        return params

    def copied(params):
        whole = jax.tree.map(lambda leaf: leaf, params)
        change(whole)
        return whole
    return copied


@pytest.mark.parametrize(("network", "path", "layer", "units", "layers"), [
    ({"name": "convolutional", "code_dim": 2, "channels": [4, 6]}, ("down_norms_0", "bias"), "encoder layer 1", 4, 4),
    ({"name": "convolutional", "code_dim": 2, "channels": [4, 6]}, ("from_code", "bias"), "decoder layer 1", 24, 4),
    ({"name": "spatial", "channels": [4, 6], "vector_dim": 2}, ("down_norms_1", "bias"), "encoder layer 2", 6, None),
    ({"name": "style", "code_dim": 2, "channels": [4], "style_dim": 4}, ("layers_1", "bias"), "decoder layer 3", 4, 5),
    ({"name": "unet", "channels": [4, 8]}, ("head", "bias"), "network layer 1", 4, None),
], ids=["convolutional", "decoder", "spatial", "style", "unet"])
def test_a_layer_that_is_silent(network, path, layer, units, layers):
    sound, ill = looked_at(network), looked_at(network, lowered(*path))
    assert sound.keys() == ill.keys() and layers in (None, len(sound))
    assert sound[layer] == ((6, units), pytest.approx(0, abs=0.5)) and ill[layer] == ((6, units), 1)


def test_dense_layers_and_their_own_activations():
    watch = Watch()
    network = {"name": "dense", "shape": [8, 8, 1], "code_dim": 3, "widths": [5, 4],
               "activation": watch.over(("relu", "tanh"), "layer"), "code_activation": watch.over("sigmoid", "code")}
    ae = build(Recipe("standard", network))
    params = ae.init(jax.random.key(0), X[:1])
    params["encoder_kernel_2"] = params["encoder_kernel_2"] * 1e6   # the code
    silent, bound = in_batches(at_limits, ae, params, X, 4, watch)
    assert {name: units.shape for name, units in silent.items()} == {"encoder layer 1": (6, 5),
                                                                      "decoder layer 2": (6, 5)}
    assert {name: float(share.mean()) for name, share in bound.items() if name == "code"} == {"code": 1.0}
    assert bound.keys() == {"code", "encoder layer 2", "decoder layer 1"}
