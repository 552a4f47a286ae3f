import jax
import jax.numpy as jnp
import numpy as np
import pytest

from aejax import networks, variants
from aejax.types import InputError


@pytest.mark.parametrize("shape", [(1, 1, 1), (5, 9, 2), (17, 20, 3)])
def test_takes_any_size(shape):
    network = networks.Spatial(shape=shape, vector_dim=3, channels=(4, 8), blocks=1)
    x = jax.random.uniform(jax.random.key(1), (2, *shape))
    output, variables = jax.jit(network.init_with_output)(jax.random.key(0), x)
    assert output.shape == (2, *shape) and np.isfinite(output).all()
    code = network.apply(variables, x, method="encode")
    grid = tuple(-(-size // 4) for size in shape[:2])
    assert network.grid == grid and code.shape == (2, network.code_dim) == (2, grid[0] * grid[1] * 3)


def test_a_vector_of_the_code_is_a_place_of_the_picture():
    """A changed corner changes the vectors near it most, and a changed vector the pixels near it; norms tell others."""
    network = networks.Spatial(shape=(24, 24, 1), vector_dim=2, channels=(4, 4), blocks=0)
    x = jax.random.uniform(jax.random.key(1), (1, 24, 24, 1))
    variables = network.init(jax.random.key(0), x)
    code = network.apply(variables, x, method="encode")
    moved = network.apply(variables, x.at[0, :4, :4].add(1.0), method="encode")
    changed = np.abs(moved - code).reshape(6, 6, 2).max(axis=2)
    assert changed[:2, :2].mean() > 2 * max(changed[2:].mean(), changed[:, 2:].mean())
    output = network.apply(variables, code, method="decode")
    pixels = np.abs(network.apply(variables, code.at[0, :2].add(1.0), method="decode") - output)[0, :, :, 0]
    assert pixels[:8, :8].mean() > 2 * max(pixels[16:].mean(), pixels[:, 16:].mean())


@pytest.mark.parametrize("name", [name for name in variants.NAMES if name != "tied"])
def test_every_variant_takes_it(name, images):
    ae = getattr(variants, name)(networks.Spatial(shape=(6, 5, 1), vector_dim=2, channels=(4,), blocks=1))
    params = jax.eval_shape(ae.init, jax.random.key(0), images)
    code = jax.eval_shape(ae.encode, params, images)
    assert code.shape == (64, 18) and jax.eval_shape(ae.decode, params, code).shape == images.shape
    assert jax.eval_shape(ae.loss, params, jax.random.key(0), images)[0].shape == ()


def test_two_outputs_for_each_value_are_two_grids():
    """As a Gaussian code needs them: first every place's means, then every place's log-variances."""
    network = networks.Spatial(shape=(4, 4, 1), vector_dim=3, channels=(2,), blocks=0, code_outputs=2)
    x = jnp.ones((1, 4, 4, 1))
    variables = network.init(jax.random.key(0), x, method="encode")
    bias = variables["params"]["to_code"]["bias"].at[3:].set(7.0)
    params = variables["params"] | {"to_code": {"kernel": jnp.zeros((3, 3, 2, 6)), "bias": bias}}
    code = network.apply({"params": params}, x, method="encode")
    np.testing.assert_array_equal(code[0], [0.0] * 12 + [7.0] * 12)


def test_bfloat16_rounds_factors_alone():
    network = networks.Spatial(shape=(8, 8, 1), vector_dim=2, channels=(4,), precision="bfloat16")
    x = jnp.ones((1, 8, 8, 1))
    output, variables = network.init_with_output(jax.random.key(0), x)
    assert {leaf.dtype for leaf in jax.tree.leaves((output, variables))} == {jnp.dtype("float32")}
    full = networks.full_precision(network)
    assert (full.apply(variables, x) != output).any()


@pytest.mark.parametrize(("options", "message"), [
    ({"shape": (4,)}, r"\(H, W, C\)"), ({"channels": ()}, "channels"), ({"vector_dim": 0}, "vector_dim"),
    ({"blocks": -1}, "blocks"), ({"precision": "float8"}, "precision"), ({"activation": "sin"}, "activation")])
def test_bad_options(options, message):
    with pytest.raises(InputError, match=message):
        networks.Spatial(**{"shape": (4, 4, 1)} | options)
