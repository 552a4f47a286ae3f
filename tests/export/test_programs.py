"""Every variant lowers for every platform, and what was lowered computes here what it computed before."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from aejax import networks, variants
from aejax.export.programs import PLATFORMS, Program, load, lower, programs
from aejax.types import InputError

OPTIMIZER = optax.adam(1e-2)
NETWORKS = {"convolutional": networks.Convolutional(shape=(6, 5, 1), code_dim=4, channels=(4,)),
            "style": networks.Style(shape=(6, 5, 1), code_dim=4, channels=(4,), mapping_widths=(), style_dim=2)}
CASES = [*variants.NAMES, *NETWORKS]


@pytest.fixture(scope="module", params=CASES)
def lowered(request, dense, images):
    """{name: (program, its StableHLO for all platforms)} of one autoencoder."""
    name = request.param
    ae = variants.standard(NETWORKS[name]) if name in NETWORKS else getattr(variants, name)(dense)
    made = programs(ae, OPTIMIZER, images, batch_size=16)
    return {name: (program, lower(program)) for name, program in made.items()}


def test_lowers_for_every_platform(lowered):
    assert list(lowered) == ["train", "encode", "decode"]
    for _, exported in lowered.values():
        assert exported.platforms == PLATFORMS == ("cpu", "cuda", "rocm", "tpu")
        assert "stablehlo" in exported.mlir_module()


def leaves_of(program, examples):
    """The program's arguments with the parameters as they are, and arrays where it takes any number of examples."""
    rng = np.random.default_rng(0)
    for leaf in jax.tree.leaves(program.arguments):
        if isinstance(leaf, jax.ShapeDtypeStruct):
            shape = (examples, *leaf.shape[1:])
            whole = np.issubdtype(leaf.dtype, np.integer)
            yield rng.integers(0, 256, shape).astype(leaf.dtype) if whole else rng.random(shape, np.float32)
        else:
            yield leaf


def test_read_back_it_computes_the_same(lowered):
    for name, (program, exported) in lowered.items():
        for examples in (3, 7) if name == "encode" else (3,):
            leaves = list(leaves_of(program, examples))
            found = load(exported.serialize())(*leaves)
            copies = jax.tree.unflatten(jax.tree.structure(program.arguments), jax.tree.map(jnp.copy, leaves))
            own = jax.tree.leaves(jax.jit(program.function)(*copies))
            assert len(found) == len(own)
            for a, b in zip(found, own, strict=True):
                np.testing.assert_array_equal(a, b, strict=True)
            if name == "train":
                assert int(found[-1]) == 4   # all steps of the epoch were taken


@pytest.mark.parametrize("platform", PLATFORMS)
def test_lowers_for_one_platform_alone(platform, dense, images):
    made = programs(variants.denoising(dense), OPTIMIZER, images, batch_size=16)
    for program in made.values():
        assert lower(program, [platform]).platforms == (platform,)


def test_what_a_platform_lacks_is_an_error():
    """A call of a compiled kernel that one machine has: so the tests above can fail."""
    kernel = jax.ffi.ffi_call("some_kernel", jax.ShapeDtypeStruct((2,), jnp.float32))
    with pytest.raises(ValueError, match="some_kernel"):
        lower(Program(kernel, (np.ones(2, np.float32),)))


def test_bad_input():
    program = Program(jnp.sin, (np.ones(2, np.float32),))
    with pytest.raises(InputError, match="unknown platform 'gpu'; known: cpu, cuda"):
        lower(program, ["gpu"])
    blob = lower(program).serialize()
    np.testing.assert_allclose(load(blob)(np.ones(2, np.float32))[0], np.sin(np.ones(2)), rtol=1e-6)
    for damaged in (blob[: len(blob) // 2], b"", b"no program at all"):
        with pytest.raises(InputError, match="no exported program, or a damaged one"):
            load(damaged)
