import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from aejax import losses, networks, variants
from aejax.train import fit
from aejax.types import InputError
from aejax.variants.regularised import REGULARISERS

FREE = networks.Dense(shape=(6, 5, 1), code_dim=4, widths=(7,), code_activation="identity")


def terms(network, images, **options):
    ae = variants.regularised(network, **options)
    params = ae.init(jax.random.key(0), images)
    return ae, params, ae.loss(params, jax.random.key(1), images)[1]


def test_loss_is_the_sum_of_its_terms(images):
    ae, params, found = terms(FREE, images, weight=0.3, regulariser_weight=0.2)
    half = 0.5 * np.square(ae.encode(params, images)).sum(axis=1).mean()
    np.testing.assert_allclose(found["penalty"], 0.3 * half + 0.2 * found["regulariser"], rtol=1e-5)
    np.testing.assert_allclose(found["loss"], found["reconstruction"] + found["penalty"], rtol=1e-6)


def test_l2_is_the_sum_of_the_decoders_squares(images):
    _, params, found = terms(FREE, images)
    expected = sum(np.square(leaf).sum() for name, leaf in params.items() if name.startswith("decoder_"))
    np.testing.assert_allclose(found["regulariser"], expected, rtol=1e-5)


def test_gradient_is_the_frobenius_norm_and_not_the_norm_of_a_gradient_of_a_sum(images):
    """By `jax.jacfwd` of each example, with the activation of the output; the sum's gradient is another number."""
    for chunk_size in (None, 20):
        ae, params, found = terms(FREE, images, regulariser="gradient", chunk_size=chunk_size)
        code = ae.encode(params, images)
        jacobian = jax.vmap(jax.jacfwd(lambda z, ae=ae, params=params: ae.decode(params, z[None]).ravel()))(code)
        expected = jnp.square(jacobian).sum(axis=(1, 2)).mean()
        np.testing.assert_allclose(found["regulariser"], expected, rtol=1e-4)
        of_sum = jnp.square(jacobian.sum(axis=1)).sum(axis=1).mean()
        assert not 0.9 < of_sum / expected < 1.1


def test_gradient_of_a_linear_decoder_is_the_norm_of_its_matrix(images):
    linear = networks.Dense(shape=(6, 5, 1), code_dim=4, code_activation="identity")
    reconstruction = losses.squared_error(activation="identity")
    _, params, found = terms(linear, images, regulariser="gradient", reconstruction=reconstruction)
    np.testing.assert_allclose(found["regulariser"], np.square(params["decoder_kernel_0"]).sum(), rtol=1e-5)


def test_spectral_is_the_sum_of_the_squared_norms_of_the_matrices(images):
    _, params, found = terms(FREE, images, regulariser="spectral")
    expected = sum(np.linalg.norm(params[f"decoder_kernel_{i}"], 2) ** 2 for i in range(2))
    np.testing.assert_allclose(found["regulariser"], expected, rtol=0.02)
    convolutional = networks.Convolutional(shape=(6, 5, 1), code_dim=4, channels=(4, 8))
    _, params, found = terms(convolutional, images, regulariser="spectral")
    kernels = [params[name]["kernel"] for name in params if name.startswith(("from_code", "up_")) and
               "kernel" in params[name]]
    expected = sum(np.linalg.norm(kernel.reshape(-1, kernel.shape[-1]), 2) ** 2 for kernel in kernels)
    np.testing.assert_allclose(found["regulariser"], expected, rtol=0.02)
    assert len(kernels) == 3


@pytest.mark.parametrize("regulariser", REGULARISERS)
def test_without_weights_it_is_standard_bitwise(images, regulariser):
    one = variants.regularised(FREE, weight=0.0, regulariser=regulariser, regulariser_weight=0.0)
    other = variants.standard(FREE)
    params = other.init(jax.random.key(0), images)
    slopes = [jax.jit(jax.grad(lambda p, ae=ae: ae.loss(p, jax.random.key(1), images)[0]))(params)
              for ae in (one, other)]
    jax.tree.map(np.testing.assert_array_equal, *slopes)


@pytest.mark.parametrize("regulariser", REGULARISERS)
def test_more_weight_makes_the_decoder_smoother(images, regulariser):
    found = []
    for weight in (0.0, 0.1):
        ae = variants.regularised(FREE, regulariser=regulariser, regulariser_weight=weight)
        _, history = fit(ae, images, optimizer=optax.adam(1e-2), key=jax.random.key(0), epochs=40, batch_size=64)
        found.append(history["regulariser"][-1])
    assert found[0] > 1.3 * found[1]


@pytest.mark.parametrize(("network", "options", "message"), [
    (FREE, {"weight": -1}, "weight must not be negative, got -1"), (FREE, {"regulariser_weight": -0.1}, "negative"),
    (FREE, {"regulariser": "l1"}, "unknown regulariser 'l1': l2, gradient, spectral"),
    (FREE, {"chunk_size": 3}, "of regulariser 'gradient' alone"),
    (FREE, {"chunk_size": 0, "regulariser": "gradient"}, "from 1 on"),
    (networks.UNet(shape=(8, 8, 1), channels=(4, 4)), {}, "leads past the code")])
def test_bad_options(network, options, message):
    with pytest.raises(InputError, match=message):
        variants.regularised(network, **options)
