import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from aejax.networks import activation_function
from aejax.networks.style_layers import StyleLayer, StyleOutput, enlarged, modulated_convolution


def drawn(shape=(3, 4, 5, 2), outputs=6, size=3):
    keys = jax.random.split(jax.random.key(0), 3)
    return (jax.random.normal(keys[0], shape), jax.random.normal(keys[1], (size, size, shape[-1], outputs)),
            jax.random.normal(keys[2], (shape[0], shape[-1])))


@pytest.mark.parametrize("demodulate", [True, False])
@pytest.mark.parametrize("size", [1, 3])
def test_a_shared_kernel_gives_what_a_kernel_for_each_example_gives(demodulate, size):
    x, kernel, scale = (np.asarray(value, np.float64) for value in drawn(size=size))
    expected = np.zeros((*x.shape[:3], kernel.shape[-1]))
    for b in range(len(x)):   # equations 1 and 3 of the paper, one example, place and output after the other
        own = kernel * scale[b][None, None, :, None]
        if demodulate:
            own = own / np.sqrt(np.sum(own**2, axis=(0, 1, 2)) + 1e-8)[None, None, None]
        half = size // 2
        wide = np.pad(x[b], ((half, half), (half, half), (0, 0)))
        for i in range(x.shape[1]):
            for j in range(x.shape[2]):
                expected[b, i, j] = np.einsum("uvc,uvco->o", wide[i: i + size, j: j + size], own)
    found = modulated_convolution(*drawn(size=size), demodulate=demodulate)
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


def test_demodulation_forgets_how_large_a_style_is():
    x, kernel, scale = drawn()
    once, thrice = modulated_convolution(x, kernel, scale), modulated_convolution(x, kernel, 3 * scale)
    np.testing.assert_allclose(once, thrice, rtol=1e-4, atol=1e-5)
    assert np.isfinite(modulated_convolution(x, kernel, 0 * scale)).all()


def test_precision_rounds_factors():
    x, kernel, scale = drawn()
    exact, rounded = (modulated_convolution(x, kernel, scale, precision=name) for name in ("float32", "bfloat16"))
    assert rounded.dtype == jnp.float32 and 0 < np.abs(exact - rounded).max() < 0.05


@pytest.mark.parametrize("shape", [(2, 1, 1, 1), (2, 3, 5, 2)])
def test_enlarged_is_bilinear(shape):
    x = jax.random.normal(jax.random.key(0), shape)
    expected = jax.image.resize(x, (shape[0], 2 * shape[1], 2 * shape[2], shape[3]), "bilinear")
    np.testing.assert_allclose(enlarged(x), expected, atol=1e-6)


@functools.cache
def layer(enlarge):
    module = StyleLayer(4, enlarge=enlarge, activation="relu")
    x, style = jax.random.normal(jax.random.key(1), (2, 3, 3, 5)), jax.random.normal(jax.random.key(2), (2, 7))
    return module, module.init(jax.random.key(3), x, style)["params"], x, style


@pytest.mark.parametrize("enlarge", [True, False])
def test_a_layer_is_its_definition(enlarge):
    module, params, x, style = layer(enlarge)
    params = params | {"strength": jnp.full(1, 0.5), "bias": jnp.arange(4.0)}
    y = modulated_convolution(x, params["kernel"], style @ params["scale"]["kernel"] + params["scale"]["bias"][None])
    if enlarge:   # phase by phase
        wide = np.zeros((2, 6, 6, 4))
        for phase in range(4):
            wide[:, phase // 2::2, phase % 2::2] = y[..., phase::4]
        y = wide
    y = np.asarray(y)
    expected = 2**0.5 * np.maximum(y + 0.5 * np.asarray(params["noise"])[None, :, :, None] + np.arange(4.0), 0)
    np.testing.assert_allclose(module.apply({"params": params}, x, style), expected, rtol=1e-4, atol=1e-5)


def test_fixed_noise_is_a_constant_and_fresh_noise_follows_its_key():
    module, params, x, style = layer(False)
    params = params | {"strength": jnp.full(1, 0.5)}
    gradient = jax.grad(lambda p: jnp.sum(module.apply({"params": p}, x, style)))(params)
    assert not gradient["noise"].any() and gradient["strength"] != 0 and gradient["scale"]["kernel"].any()
    fixed, again = (module.apply({"params": params}, x, style) for _ in range(2))
    np.testing.assert_array_equal(fixed, again)
    one, same, other = (module.apply({"params": params}, x, style, jax.random.key(seed)) for seed in (0, 0, 1))
    np.testing.assert_array_equal(one, same)
    assert not np.allclose(one, other) and not np.allclose(one, fixed)
    calm = params | {"strength": jnp.zeros(1)}
    np.testing.assert_array_equal(*(
        module.apply({"params": calm}, x, style, key) for key in (None, jax.random.key(0))))


def test_an_output_keeps_the_size_of_a_style():
    module, (x, _, scale) = StyleOutput(3), drawn()
    params = module.init(jax.random.key(0), x, scale)["params"]
    output = module.apply({"params": params}, x, scale)
    factors = scale @ params["scale"]["kernel"] + params["scale"]["bias"][None]
    expected = jnp.einsum("bhwc,bc,co->bhwo", x, factors, params["kernel"][0, 0])
    np.testing.assert_allclose(output, expected, rtol=1e-4, atol=1e-5)


def test_relu_keeps_the_mean_square():
    wide = jax.random.normal(jax.random.key(0), (8, 8, 8, 64))
    module = StyleLayer(64, enlarge=False, activation="relu")
    output, _ = module.init_with_output(jax.random.key(1), wide, jnp.zeros((8, 2)))
    assert float(jnp.mean(jnp.square(output))) == pytest.approx(1.0, abs=0.25)
    assert activation_function("relu")(-1.0) == 0
