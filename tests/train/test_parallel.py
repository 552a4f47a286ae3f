"""Claims about many devices, one a test; `many_devices.py` computes them all in one process with 8 virtual devices."""

import json
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from aejax import variants
from aejax.train import fit
from aejax.train.parallel import OneDevice, OverMesh, OverPmap, local, route
from aejax.types import InputError

pytest.importorskip("grain")
HERE = Path(__file__).parent
NOISY = ("denoising", "higher_order_contractive", "importance_weighted", "quantised", "variational", "wasserstein",
         "adversarial", "vector_quantised")
SCALAR = 4   # bytes


@pytest.fixture(scope="module")
def found(start, finish, tmp_path_factory):
    folder = tmp_path_factory.mktemp("devices")
    finish(start(HERE / "many_devices.py", folder))
    return json.loads((folder / "found.json").read_text())


@pytest.mark.parametrize("name", [*variants.NAMES, "sparse-kl"])
def test_a_mesh_trains_the_parameters_of_one_device(found, name):
    """100 SGD steps, same batches, same noise; a gradient 8 times too large would be seen. Also where a penalty is
    about the whole batch (KL)."""
    case = found["equality"][name]
    assert case["moved"] > 0.05 and case["mesh"]["step"] == 100
    assert case["mesh"]["params"] < 1e-6 and case["mesh"]["history"] < 1e-5


@pytest.mark.parametrize("name", [name for name in variants.NAMES if name not in NOISY])
def test_pmap_trains_the_parameters_of_one_device_without_noise(found, name):
    case = found["equality"][name]["pmap"]
    assert case["step"] == 100 and case["params"] < 1e-6 and case["history"] < 1e-5


@pytest.mark.parametrize("name", [*NOISY, "sparse-kl"])
def test_pmap_with_noise_is_a_loop_over_its_shards(found, name):
    """Keys folded with the device's index, and the mean of the gradients: written by hand in `over_shards`."""
    case = found["equality"][name]
    assert case["shards"] < 1e-6 < case["pmap"]["params"]


def test_states_have_no_axis_of_devices(found):
    for case in found["equality"].values():
        assert case["mesh"]["shape"] == case["pmap"]["shape"] == 0
    for kind in ("mesh", "pmap"):
        assert found["unusual"][kind]["shapes"] == [True] * 3 and found["unusual"][kind]["everywhere"]


def collectives(found, name, kind):
    """The bytes of each collective, all of them all-reduces in the body of the step's loop; and what was compiled."""
    case = found["programs"][name][kind]
    assert {(what, inside) for what, _, inside in case["found"]} == {("all-reduce", True)}
    return [size for _, size, _ in case["found"]], case


@pytest.mark.parametrize("name", ["standard 0", "standard 1", "standard 3", "denoising 1", "sparse 1"])
def test_a_mesh_step_is_one_all_reduce_of_parameters_and_metrics(found, name):
    """Of the loss and its terms XLA reduces those that are means of their own: the error, and the penalty if any."""
    sizes, case = collectives(found, name, "mesh")
    assert sizes == [case["params"] + SCALAR * (2 if name.startswith("sparse") else 1)]


@pytest.mark.parametrize("depth", [0, 1, 3])
def test_a_mesh_reduces_a_matrix_once_for_each_use(found, depth):
    """XLA reduces before it adds: tied matrices are in the encoder and in the decoder."""
    sizes, case = collectives(found, f"tied {depth}", "mesh")
    assert sizes == [case["params"] + case["kernels"] + SCALAR]


def test_a_mesh_reduces_what_a_penalty_uses_again(found):
    """λ‖J‖² in closed form: kernel (12, 4) and bias (4) once more, the mean slope of 4 units, error and penalty."""
    sizes, case = collectives(found, "contractive 0", "mesh")
    assert sizes == [case["params"] + SCALAR * (12 * 4 + 4 + 4 + 2)]
    for name in ("contractive", "higher_order_contractive", "reconstruction_contractive"):
        (size,), case = collectives(found, f"{name} 1", "mesh")
        assert case["params"] < size < 4 * case["params"]


def test_a_penalty_about_the_whole_batch_is_a_second_all_reduce(found):
    """KL sparsity needs the mean code of the batch, 4 units, before the encoder's gradient; XLA lets others join it."""
    sizes, case = collectives(found, "sparse-kl 1", "mesh")
    assert len(sizes) == 2 and sum(sizes) == SCALAR * 4 + case["params"] + SCALAR


def test_a_pmap_step_is_one_all_reduce_of_parameters_and_metrics(found):
    """Of every variant at every depth: each parameter once, the loss, and each metric."""
    for name in found["programs"]:
        sizes, case = collectives(found, name, "pmap")
        assert sizes == [case["params"] + SCALAR * (1 + case["metrics"])], name


@pytest.mark.parametrize("pair", ["mesh mesh", "pmap pmap"])
def test_resumed_on_the_same_devices_is_bit_for_bit(found, pair):
    """From a checkpoint at step 3 of the second epoch's 5; best weights, patience and history too."""
    case = found["checkpoints"][pair]
    assert case["steps"] == [3, 8] and case["state"] == case["history"] == 0


@pytest.mark.parametrize("pair", ["mesh one", "one mesh", "pmap one", "one pmap", "mesh pmap", "model one"])
def test_resumed_on_other_devices_is_the_uninterrupted_run(found, pair):
    case = found["checkpoints"][pair]
    assert case["epochs"] == 3 and case["state"] < 1e-5 and case["history"] < 1e-5


def test_shards_arrays_and_one_device_see_the_same_batches(found):
    for kind in ("mesh", "pmap"):
        assert found["sources"][kind]["shards"] == found["sources"][kind]["history"] == 0
    assert found["sources"]["mesh"]["one"] < 1e-6


def test_pytrees(found):
    assert max(found["sources"]["pytree"].values()) < 1e-6


def test_evaluation_is_exact_whatever_the_size(found):
    """21 examples, in `equality`; and 1029, of which a full batch is spread over the devices."""
    case = found["evaluations"]
    assert case["spread"] == ["P(None, 'data')", "P()"]
    assert case["mesh"] == pytest.approx(case["one"], rel=1e-6) == case["pmap"]


@pytest.mark.parametrize("name", ["sgd", "adam"])
def test_a_model_axis_trains_the_parameters_of_one_device(found, name):
    assert found["model"][name]["params"] < 1e-5 and found["model"][name]["history"] < 1e-5


def test_a_model_axis_splits_long_matrices_and_their_moments(found):
    leaves = found["model"]["leaves"]
    for place in (".params", ".optimizer_state[0].mu", ".optimizer_state[0].nu"):
        assert leaves[f"{place}['encoder_kernel_0']"] == ["P('model', None)", [6, 9]]   # of (12, 9)
        assert leaves[f"{place}['encoder_kernel_1']"] == ["P()", [9, 4]]                # 2 does not divide 9
        assert leaves[f"{place}['decoder_bias_0']"] == ["P()", [12]]


@pytest.mark.parametrize("kind", ["mesh", "pmap"])
def test_a_failure_on_one_device_is_told_as_on_one(found, kind):
    case = found["unusual"][kind]
    assert "step 3: the penalty term is NaN" in case["error"] and case["step"] == 3


@pytest.mark.parametrize("kind", ["mesh", "pmap"])
def test_best_weights(found, kind):
    case = found["unusual"][kind]
    assert case["val_loss"] == [4.0, 1.0, 0.0, 1.0, 4.0] and case["best"] == 3.0


def test_one_program_for_all_epochs_and_runs(found):
    assert found["unusual"]["compiled"] == 1


def test_some_of_the_devices(found):
    assert found["unusual"]["one device"] == 0 and set(found["unusual"]["some"]) == {4}


@pytest.mark.parametrize(("name", "message"), [
    ("batch", "batch_size 20 is no multiple of 8 devices: 16 or 24"), ("small", "5 is no multiple of 8 devices: 8"),
    ("pmap batch", "16 or 24"), ("many", "devices 9: 8 are there (cpu)"), ("none", "devices 0"), ("name", "'gpu'"),
    ("true", "devices True"), ("empty", "at least one"), ("twice", "different ones"), ("route", "mesh or pmap"),
    ("model", "8 devices are no multiple of model_devices 3"), ("model pmap", "1 with pmap")])
def test_refusals(found, name, message):
    assert message in found["refusals"][name]


def test_one_device_is_the_plain_route(dense, images):
    assert all(isinstance(route(devices, "mesh", 1, 7), OneDevice) for devices in (None, 1, "all", jax.devices()[:1]))
    assert type(route(None, "pmap", 1, 7)) is OverPmap
    with pytest.raises(InputError, match="model_devices 2"):
        fit(variants.standard(dense), images, optimizer=optax.sgd(0.1), key=jax.random.key(0), epochs=1, batch_size=8,
            devices=1, model_devices=2)


def test_layout_of_rows():
    """On the one device of this process: K batches of B rows, and with pmap the devices first."""
    x = np.arange(24).reshape(2, 4, 3)
    over = jax.devices()[:1]
    np.testing.assert_array_equal(OverMesh(tuple(over)).put(x), x)
    np.testing.assert_array_equal(OverPmap(tuple(over)).put(x), x[None])


def test_local_copies():
    tree = {"a": jnp.ones(2), "b": np.zeros(3)}
    copies = local(tree)
    assert jax.tree.map(lambda leaf: leaf.shape, copies) == {"a": (2,), "b": (3,)}
    assert all(leaf.devices() == {jax.devices()[0]} for leaf in jax.tree.leaves(copies))
