"""What is compiled, and what is refused; `test_browser` runs the programs."""

import dataclasses

import jax.numpy as jnp
import numpy as np
import pytest

from aejax.explorer.program import compile_run
from aejax.explorer.server import unpack
from aejax.types import InputError

X = np.random.default_rng(0).uniform(-1, 1, (2, 6, 5, 1)).astype(np.float32)


def steps(program, part):
    return [step["do"] for step in program[part]]


def test_a_dense_program(run):
    program = compile_run(run, (-1.0, 1.0), X)
    assert steps(program, "encode") == ["affine", "dense", "activation"]
    assert steps(program, "decode") == ["dense", "activation", "affine"]
    np.testing.assert_array_equal(unpack(program["tensors"][program["encode"][1]["kernel"]]),
                                  run.params["encoder_kernel_0"])
    np.testing.assert_allclose(unpack(program["check"]["images"]), np.asarray(
        run.ae.decode(run.params, unpack(program["check"]["codes"]))) / 2 + 0.5, atol=1e-6)


def test_tied_matrices_are_kept_once(make_run):
    program = compile_run(make_run("tied", network={"widths": [7]}), (-1.0, 1.0), X)
    assert len(program["tensors"]) == 6   # two matrices, four biases
    decoded = [step for step in program["decode"] if step["do"] == "dense"]
    assert [step["kernel"] for step in decoded] == [3, 0]   # numbered as they come: 1, 2 are biases
    assert all(step["transposed"] for step in decoded)


def test_of_a_gaussian_the_means(make_run):
    program = compile_run(make_run("variational"), (-1.0, 1.0), X)
    assert program["tensors"][0]["shape"] == [30, 4] and program["encode"][-1]["name"] == "identity"


@pytest.mark.parametrize(("variant", "parts"), [
    ("quantised", {}), ("denoising", {"network": {"name": "unet", "channels": [2, 2], "code_dim": None},
                                      "corruption": {"name": "masking_noise"}}),
    ("standard", {"network": {"name": "style", "channels": [4, 4]}}),   # a Convolutional with another decoder
    ("standard", {"network": {"precision": "bfloat16"}})], ids=["quantised", "unet", "style", "bfloat16"])
def test_what_it_does_not_know_is_refused(make_run, variant, parts):
    with pytest.raises(InputError, match="dense and convolutional networks in float32") as refused:
        compile_run(make_run(variant, **parts), (-1.0, 1.0), X)
    assert "without --export" in str(refused.value)


def test_a_variant_that_does_more_than_its_network_is_refused(run):
    rounded = run.ae._replace(encode=lambda params, x: jnp.round(run.ae.encode(params, x)))
    with pytest.raises(InputError, match="without --export"):
        compile_run(dataclasses.replace(run, ae=rounded), (-1.0, 1.0), X)
