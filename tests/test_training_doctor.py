"""Each illness made by hand in a model that is sound without it; `tests/verbs/test_machine.py` has what is printed."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from aejax.recipes import Recipe, build
from aejax.train import fit
from aejax.training_doctor import LOOKED_FOR, findings

RNG = np.random.default_rng(0)
MIX = RNG.normal(size=(3, 12))
X = (1 / (1 + np.exp(-1.5 * RNG.normal(size=(600, 3)) @ MIX))).astype(np.float32)   # three numbers behind each twelve
NETWORK = {"name": "dense", "shape": [12], "code_dim": 4, "widths": [16], "activation": "relu"}
RECIPE = Recipe("standard", NETWORK)
VARIATIONAL = Recipe("variational", NETWORK)


def trained(recipe):
    ae = build(recipe)
    state, history = fit(ae, X[:512], optimizer=optax.adam(1e-2), key=jax.random.key(0), epochs=12, batch_size=32,
                         validation=X[512:])
    return ae, state.params, history


@pytest.fixture(scope="module")
def sound():
    return trained(RECIPE)


def named(found):
    assert all(finding.name in LOOKED_FOR and "\n" not in str(finding) and finding.fix for finding in found)
    return {finding.name: finding for finding in found}


def with_changes(sound, **changes):
    """Findings on the sound model, some of its parameters replaced."""
    ae, params, history = sound
    assert changes.keys() <= params.keys()
    return named(findings(ae, {**params, **{name: jnp.asarray(value, jnp.float32) for name, value in changes.items()}},
                          X[512:], history, recipe=RECIPE))


def test_a_sound_model_yields_nothing(sound):
    ae, params, history = sound
    assert findings(ae, params, X[512:], history, recipe=RECIPE) == []
    assert findings(ae, params, X[512:]) == []


@pytest.mark.parametrize("recipe", [
    Recipe("variational", NETWORK | {"widths": [16]}, {"name": "cross_entropy"}, options={"beta": 0.1}),
    Recipe("denoising", NETWORK | {"activation": "tanh"}, corruption={"name": "masking_noise", "rate": 0.1}),
    Recipe("adversarial", NETWORK | {"code_activation": "identity", "activation": "tanh"}),
], ids=["variational", "denoising", "adversarial"])
def test_sound_models_of_other_kinds_yield_nothing(recipe):
    ae, params, history = trained(recipe)
    assert findings(ae, params, X[512:], history, recipe=recipe) == []


@pytest.mark.parametrize(("dead", "is_found"), [(2, False), (14, True)])
def test_dead_units(sound, dead, is_found):
    bias = np.array(sound[1]["encoder_bias_0"])
    inputs = X[512:] @ np.asarray(sound[1]["encoder_kernel_0"]) + bias
    already = int((inputs.max(axis=0) <= 0)[dead:].sum())
    bias[:dead] = -1e4
    found = with_changes(sound, encoder_bias_0=bias)
    assert ("dead units" in found) == is_found
    if is_found:
        assert found["dead units"].value == (dead + already) / 16 and "encoder layer 1" in found["dead units"].what


def test_few_examples_tell_nothing_of_units(sound):
    ae, params, _ = sound
    params = params | {"encoder_bias_0": jnp.full(16, -1e4), "encoder_bias_1": jnp.full(4, 0.5)}
    assert "dead units" in named(findings(ae, params, X[512: 512 + 32], recipe=RECIPE))
    assert "dead units" not in named(findings(ae, params, X[512: 512 + 31], recipe=RECIPE))


def test_a_saturated_code(sound):
    found = with_changes(sound, encoder_kernel_1=1e4 * sound[1]["encoder_kernel_1"])
    assert found["saturated units"].value > 0.95 and " code " in found["saturated units"].what


def test_saturated_outputs(sound):
    found = with_changes(sound, decoder_bias_0=np.full(12, 1e3))
    share = (X[512:] < 0.9).mean()   # the outputs are 1
    assert found["saturated outputs"].value == pytest.approx(share, abs=1e-6)
    assert "saturated outputs" in found and "outputs ignore the input" in found


def test_outputs_at_bounds_where_the_data_are_too_are_sound():
    """Black and white pictures, reproduced."""
    recipe = Recipe("standard", {"name": "dense", "shape": [4], "code_dim": 4, "code_activation": "identity"})
    ae, eye = build(recipe), np.eye(4, dtype=np.float32)
    params = {"encoder_kernel_0": 100 * eye, "encoder_bias_0": np.full(4, -50.0, np.float32),
              "decoder_kernel_0": eye, "decoder_bias_0": np.zeros(4, np.float32)}
    x = RNG.integers(0, 2, (64, 4)).astype(np.float32)
    assert findings(ae, params, x, recipe=recipe) == []


def collapsed(units, mean):
    """A posterior N(mean, 1) whatever the input, and in `units` units one that follows it."""
    ae = build(VARIATIONAL)
    params = ae.init(jax.random.key(1), X[:1])
    kernel = np.zeros((16, 8), np.float32)
    kernel[:, :units] = np.asarray(params["encoder_kernel_1"])[:, :units]
    params = params | {"encoder_kernel_1": kernel, "encoder_bias_1": np.repeat(np.float32([mean, 0]), 4)}
    return named(findings(ae, params, X[512:]))


def test_a_collapsed_posterior():
    found = collapsed(0, 0.1)
    assert found["collapsed posterior"].value == pytest.approx(4 * 0.1**2 / 2, rel=1e-5)   # nats of N(0.1, 1)
    assert "0 of 4 units" in found["collapsed posterior"].what
    assert "collapsed posterior" not in collapsed(1, 0.1)
    assert "collapsed posterior" not in collapsed(0, 0.15)   # 0.011 nats each


@pytest.mark.parametrize(("x", "range", "share"), [
    (X[:64], (0.0, 1.0), None), (X[:64], (-1.0, 1.0), float(np.ptp(X[:64])) / 2), (0.01 * X[:64], (0.0, 1.0), None),
    ((X[:64] > 0.5).astype(np.uint8), (0.0, 1.0), 1 / 255), ((60 * X[:64]).astype(np.uint8), (0.0, 1.0), None),
], ids=["sound", "half", "small", "mask", "dark"])
def test_data_that_use_little_of_the_range(x, range, share):
    if x.dtype != np.uint8 and x.max() < 0.1:
        share = float(np.ptp(x))
    ae = build(Recipe("standard", NETWORK, {"name": "squared_error", "activation": "identity", "range": list(range)}))
    found = named(findings(ae, ae.init(jax.random.key(0), x[:1]), x))
    assert found.keys() & {"range mismatch"} == (set() if share is None else {"range mismatch"})
    assert share is None or found["range mismatch"].value == pytest.approx(share, rel=1e-5)


@pytest.mark.parametrize(("scale", "is_found"), [(1.0, False), (30.0, True), (0.03, True)])
def test_tables_that_are_not_standardised(scale, is_found):
    ae = build(Recipe("standard", NETWORK, {"name": "squared_error", "activation": "identity", "range": None}))
    x = np.float32(scale) * RNG.normal(size=(64, 12)).astype(np.float32)
    found = named(findings(ae, ae.init(jax.random.key(0), x[:1]), x))
    assert ("range mismatch" in found) == is_found
    if is_found:
        assert found["range mismatch"].value == pytest.approx(scale, rel=0.1)


def test_a_constant_encoder(sound):
    found = with_changes(sound, encoder_kernel_1=np.zeros((16, 4)), encoder_bias_1=np.full(4, 0.3))
    assert found.keys() == {"codes ignore the input"} and found["codes ignore the input"].value < 1e-12


def test_a_decoder_that_ignores_its_code(sound):
    found = with_changes(sound, decoder_kernel_1=np.zeros((4, 16)), decoder_bias_1=np.ones(16))
    assert found.keys() == {"outputs ignore the input"} and found["outputs ignore the input"].value < 1e-9


def test_equal_data_tell_nothing_of_codes(sound):
    ae, params, _ = sound
    assert findings(ae, params, np.repeat(X[:1] * 0 + np.linspace(0, 1, 12, dtype=np.float32), 40, axis=0)) == []


def test_a_network_around_its_code_is_not_judged_by_it():
    recipe = Recipe("denoising", {"name": "unet", "shape": [8, 8, 1], "channels": [2, 4]},
                    {"name": "squared_error", "activation": "identity"}, {"name": "gaussian_noise", "std": 0.1})
    x = RNG.random((40, 8, 8, 1)).astype(np.float32)
    ae = build(recipe)
    params = ae.init(jax.random.key(0), x[:1])
    dead = jax.tree_util.tree_map_with_path(
        lambda path, leaf: jnp.full_like(leaf, -1e4) if [part.key for part in path][-2:] == ["head", "bias"] else leaf,
        params)
    assert "codes ignore the input" not in named(findings(ae, dead, x, recipe=recipe))
    dead_layers = [found.what for found in findings(ae, dead, x, recipe=recipe) if found.name == "dead units"]
    assert any("2 of 2 units of network layer 1 " in what for what in dead_layers)


def test_a_restorer_that_copies_its_input_is_told(sound):
    recipe = Recipe("denoising", {"name": "unet", "shape": [8, 8, 1], "channels": [2, 4], "activation": "elu"},
                    {"name": "squared_error", "activation": "identity"}, {"name": "gaussian_noise", "std": 0.1})
    x = RNG.random((40, 8, 8, 1)).astype(np.float32)
    ae = build(recipe)
    params = ae.init(jax.random.key(0), x[:1])
    copying = jax.tree_util.tree_map_with_path(
        lambda path, leaf: jnp.zeros_like(leaf) if path[0].key == "tail" else leaf, params)
    found = named(findings(ae, copying, x, recipe=recipe))
    assert found["corruption left"].value == pytest.approx(1, abs=1e-5)
    assert "corruption left" not in named(findings(ae, copying, x)), "nobody said what was corrupted"
