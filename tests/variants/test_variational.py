import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from aejax import losses, networks, variants
from aejax.train import fit
from aejax.train.step import init_state, train_step
from aejax.types import InputError

KEY = jax.random.key(0)


def silent(params, log_var=-300.0):
    """The same parameters, the posterior's variance a constant."""
    kernel, bias = params["encoder_kernel_0"], params["encoder_bias_0"]
    return params | {"encoder_kernel_0": kernel.at[:, 4:].set(0), "encoder_bias_0": bias.at[4:].set(log_var)}


def test_no_noise_and_no_divergence_is_a_standard_autoencoder(dense, images):
    linear = dense.clone(code_activation="identity")
    ae = variants.variational(linear, beta=0.0)
    params = silent(ae.init(KEY, images))
    means = params | {"encoder_kernel_0": params["encoder_kernel_0"][:, :4],
                      "encoder_bias_0": params["encoder_bias_0"][:4]}
    plain = variants.standard(linear)
    assert ae.loss(params, KEY, images)[0] == plain.loss(means, KEY, images)[0]
    np.testing.assert_array_equal(ae.encode(params, images), plain.encode(means, images))


def test_the_bound_of_a_known_posterior(dense, images):
    """σ = 1 and μ from the encoder: KL = ½‖μ‖², and the loss is its reconstruction and β times that."""
    ae = variants.variational(dense, beta=3.0, reconstruction=losses.cross_entropy())
    params = silent(ae.init(KEY, images), log_var=0.0)
    loss, metrics = ae.loss(params, KEY, images)
    mean, log_var = ae.posterior(params, images)
    np.testing.assert_allclose(metrics["kl"], 0.5 * jnp.mean(jnp.sum(mean**2, axis=1)), rtol=1e-5)
    np.testing.assert_allclose(loss, metrics["reconstruction"] + 3 * metrics["kl"], rtol=1e-6)
    assert not log_var.any()
    np.testing.assert_array_equal(ae.encode(params, images), mean)


def test_beta_grows_over_the_warm_up(dense, images):
    """After 8 steps of 8 every step is that of the end; the program is traced once."""
    ae, end = variants.variational(dense, beta=2.0, warm_up=8), variants.variational(dense, beta=2.0)
    params = silent(end.init(KEY, images), log_var=1.0)
    for step, beta in {0: 0.0, 2: 0.5, 8: 2.0, 100: 2.0}.items():
        loss, metrics = ae.scheduled(jnp.int32(step)).loss(params, KEY, images)
        np.testing.assert_allclose(loss, metrics["reconstruction"] + beta * metrics["kl"], rtol=1e-6)
    assert ae.loss(params, KEY, images)[0] == end.loss(params, KEY, images)[0]
    state = init_state(ae, optax.sgd(0.1), KEY, images)
    state, metrics, _ = train_step(ae, optax.sgd(0.1), state, KEY, images)
    assert metrics["loss"] == metrics["reconstruction"] and metrics["kl"] > 0   # step 0: β is still 0
    state, metrics, _ = train_step(ae, optax.sgd(0.1), state, KEY, images)
    np.testing.assert_allclose(metrics["loss"], metrics["reconstruction"] + 0.25 * metrics["kl"], rtol=1e-6)


def test_a_tied_decoder_is_the_transpose_of_the_means(dense, images):
    ae = variants.variational(dense.clone(tied=True))
    params = ae.init(KEY, images)
    code = ae.encode(params, images)
    expected = jax.nn.sigmoid(code @ params["encoder_kernel_0"][:, :4].T + params["decoder_bias_0"][None])
    np.testing.assert_allclose(ae.decode(params, code).reshape(expected.shape), expected, rtol=1e-5)


def test_unused_units_keep_their_free_bits(dense, images):
    """A larger β switches units off; with free bits each of them keeps what costs nothing."""
    few = images[:32]
    kl = {free: fit(variants.variational(dense, beta=50.0, free_bits=free), few, optimizer=optax.adam(0.02), key=KEY,
                    epochs=60, batch_size=32)[1]["kl"][-1] for free in (0.0, 0.5)}
    assert kl[0.0] < 0.05 and 0.4 < kl[0.5] < 2.2   # four units


def test_convolutional_networks_have_gaussian_codes_too():
    network = networks.Convolutional(shape=(8, 8, 1), code_dim=3, channels=(4,))
    ae = variants.variational(network)
    x = np.zeros((2, 8, 8, 1), np.uint8)
    params = ae.init(KEY, x)
    assert ae.encode(params, x).shape == (2, 3) and params["to_code"]["kernel"].shape[1] == 6


@pytest.mark.parametrize(("options", "message"), [
    ({"beta": -1.0}, "beta"), ({"warm_up": -1}, "warm_up"), ({"free_bits": -0.1}, "free_bits")])
def test_negative_numbers_are_refused(dense, options, message):
    with pytest.raises(InputError, match=message):
        variants.variational(dense, **options)


def test_a_network_without_a_gaussian_code_is_refused():
    with pytest.raises(InputError, match="code_outputs"):
        variants.variational(networks.UNet(shape=(8, 8, 1)))
