import jax
import numpy as np
import pytest

from aejax import corruptions, losses, variants


@pytest.mark.parametrize("activation", ["sigmoid", "tanh"])
@pytest.mark.parametrize("corruption", [
    corruptions.masking_noise(0.0), corruptions.masking_noise(0.0, fill=0.5, rescale=True),
    corruptions.gaussian_noise(0.0), corruptions.salt_and_pepper_noise(0.0), corruptions.identity])
def test_no_corruption_is_standard_bitwise(dense, images, activation, corruption):
    loss = losses.squared_error(activation=activation)
    denoising = variants.denoising(dense, corruption=corruption, reconstruction=loss)
    standard = variants.standard(dense, reconstruction=loss)
    params = standard.init(jax.random.key(0), images)
    one, other = (jax.jit(ae.loss)(params, jax.random.key(1), images)[0] for ae in (denoising, standard))
    assert float(one) == float(other)


def test_compares_with_the_clean_input(dense, images):
    """Everything masked: the encoder sees black, the loss still sees the image."""
    ae = variants.denoising(dense, corruption=corruptions.masking_noise(1.0))
    params = ae.init(jax.random.key(0), images)
    x_hat = np.asarray(ae.decode(params, ae.encode(params, np.zeros_like(images))))
    expected = 0.5 * np.square(images / 255 - x_hat).sum(axis=(1, 2, 3)).mean()
    np.testing.assert_allclose(ae.loss(params, jax.random.key(1), images)[0], expected, rtol=1e-5)


def test_fresh_noise_for_each_key(dense, images):
    ae = variants.denoising(dense)
    params = ae.init(jax.random.key(0), images)
    assert float(ae.loss(params, jax.random.key(1), images)[0]) != float(ae.loss(params, jax.random.key(2), images)[0])


def test_block_mask_reaches_a_flat_network(dense, images):
    ae = variants.denoising(dense, corruption=corruptions.block_mask(2))
    params = ae.init(jax.random.key(0), images)
    assert np.isfinite(ae.loss(params, jax.random.key(1), images)[0])
