import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import linen as nn

from aejax.networks.convolution import Convolution, convolve

X = jax.random.normal(jax.random.key(0), (2, 7, 6, 3))
KERNEL = jax.random.normal(jax.random.key(1), (3, 3, 3, 5))


def native(x, kernel, stride, padding):
    return jax.lax.conv_general_dilated(x, kernel, (stride, stride), padding,
                                        dimension_numbers=("NHWC", "HWIO", "NHWC"))


@pytest.mark.parametrize("stride", [1, 2, 3])
@pytest.mark.parametrize("padding", [((1, 1), (1, 1)), ((0, 1), (2, 0)), ((0, 0), (0, 0))])
def test_is_the_convolution_of_xla_with_its_gradients(stride, padding):
    def ours(x, kernel):
        return convolve(x, kernel, stride=stride, padding=padding)
    expected, pull = jax.vjp(lambda x, kernel: native(x, kernel, stride, padding), X, KERNEL)
    found, pull_ours = jax.vjp(ours, X, KERNEL)
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)
    cotangent = jax.random.normal(jax.random.key(2), expected.shape)
    for one, other in zip(pull_ours(cotangent), pull(cotangent), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-4)
    forward = jax.jvp(ours, (X, KERNEL), (X, KERNEL))[1]
    np.testing.assert_allclose(forward, 2 * expected, rtol=1e-4, atol=1e-4)   # bilinear


def test_each_platform_gets_its_own_program():
    """On a CPU a product: a convolution in a compiled loop runs on one thread there, an order of magnitude slower."""
    def step(x, kernel):
        return convolve(x, kernel, padding=((1, 1), (1, 1)))
    traced = jax.jit(jax.grad(lambda x, kernel: step(x, kernel).sum(), argnums=(0, 1))).trace(X, KERNEL)
    found = {platform: traced.lower(lowering_platforms=(platform,)).as_text() for platform in ("cpu", "cuda", "tpu")}
    assert "stablehlo.convolution" not in found["cpu"] and "dot_general" in found["cpu"]
    for platform in ("cuda", "tpu"):
        assert "stablehlo.convolution" in found[platform] and "dot_general" not in found[platform]


@pytest.mark.parametrize("stride", [1, 2, 3, 4])
def test_parameters_and_padding_are_those_of_flax(stride):
    """Of pictures with one odd side."""
    module, flax = Convolution(4, stride=stride), nn.Conv(4, (3, 3), strides=stride, padding="SAME")
    variables = flax.init(jax.random.key(3), X)
    assert jax.tree.structure(variables) == jax.tree.structure(module.init(jax.random.key(3), X))
    np.testing.assert_allclose(module.apply(variables, X), flax.apply(variables, X), rtol=1e-4, atol=1e-5)


def test_bfloat16_adds_up_in_float32():
    module = Convolution(4)
    variables = module.init(jax.random.key(3), X)
    rounded = module.clone(precision="bfloat16").apply(variables, X)
    assert rounded.dtype == jnp.float32
    gap = np.abs(np.asarray(rounded - module.apply(variables, X)))
    assert 0 < gap.max() < 0.05
