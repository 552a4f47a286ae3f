import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from aejax import networks, variants
from aejax.types import InputError
from aejax.variants.adversarial import game

FREE = networks.Dense(shape=(6, 5, 1), code_dim=3, code_activation="identity")


@pytest.fixture(scope="module")
def ae():
    return variants.adversarial(FREE, widths=(5,))


def slopes(ae, params, images, name):
    """Which parameters the gradient of one metric reaches: of the encoder, the decoder and the discriminator."""
    gradient = jax.grad(lambda p: ae.loss(p, jax.random.key(1), images)[1][name])(params)
    return {part for part in ("encoder", "decoder", "discriminator")
            if any(np.any(leaf) for key, leaf in gradient.items() if key.startswith(part))}


def test_each_loss_reaches_its_own_player_alone(ae, images):
    params = ae.init(jax.random.key(0), images)
    assert slopes(ae, params, images, "encoder") == {"encoder"}
    assert slopes(ae, params, images, "discriminator") == {"discriminator"}
    assert slopes(ae, params, images, "reconstruction") == {"encoder", "decoder"}


def test_loss_is_the_sum_of_its_terms(images):
    ae = variants.adversarial(FREE, weight=0.3)
    params = ae.init(jax.random.key(0), images)
    loss, metrics = ae.loss(params, jax.random.key(1), images)
    np.testing.assert_allclose(metrics["penalty"], metrics["encoder"] + metrics["discriminator"], rtol=1e-6)
    np.testing.assert_allclose(loss, metrics["reconstruction"] + 0.3 * metrics["penalty"], rtol=1e-6)


def test_the_best_discriminator_is_the_ratio_of_densities():
    """Codes of N(μ, I) against N(0, I): log-odds ½‖μ‖² − μ·z, a linear discriminator."""
    network, mean = networks.Adversarial(FREE, widths=()), jnp.array([0.8, -0.5, 0.0])
    params = network.init(jax.random.key(0), jnp.zeros((1, 30)))["params"]
    optimizer = optax.adam(0.02)

    @jax.jit
    def learn(params):
        def step(carry, key):
            own, prior = jax.random.split(key)
            code = mean[None] + jax.random.normal(own, (512, 3))
            slope = jax.grad(lambda p: game(network, p, prior, code, code)[1]["discriminator"])(carry[0])
            change, state = optimizer.update(slope, carry[1])
            params = optax.apply_updates(carry[0], change)
            return (params, state), (params["discriminator_kernel_0"][:, 0], params["discriminator_bias_0"][0])
        return jax.lax.scan(step, (params, optimizer.init(params)), jax.random.split(jax.random.key(1), 500))[1]
    kernel, bias = (np.asarray(values)[200:].mean(axis=0) for values in learn(params))
    np.testing.assert_allclose(kernel, -mean, atol=0.03)
    np.testing.assert_allclose(bias, 0.5 * jnp.sum(mean**2), atol=0.03)


def test_the_encoder_moves_its_codes_to_the_prior(images):
    """One player at a time, the other held: the encoder's loss falls if it follows its gradient."""
    ae = variants.adversarial(FREE)
    params = ae.init(jax.random.key(0), images)
    loss = jax.jit(jax.value_and_grad(lambda p: ae.loss(p, jax.random.key(1), images)[1]["encoder"]))
    before, slope = loss(params)
    after, _ = loss(jax.tree.map(lambda p, g: p - 0.1 * g, params, slope))
    assert float(after) < float(before)


def test_no_weight_is_standard_bitwise(ae, images):
    ae, standard = variants.adversarial(FREE, weight=0.0, widths=(5,)), variants.standard(FREE)
    params = ae.init(jax.random.key(0), images)
    inner = {name: leaf for name, leaf in params.items() if not name.startswith("discriminator_")}
    found, expected = (jax.jit(jax.grad(lambda p, one=one: one.loss(p, jax.random.key(1), images)[0]))(p)
                       for one, p in ((ae, params), (standard, inner)))
    for name, leaf in found.items():
        np.testing.assert_array_equal(leaf, expected.get(name, np.zeros_like(leaf)))


@pytest.mark.parametrize(("network", "options", "message"), [
    (FREE, {"weight": -1}, "negative"), (FREE, {"widths": (0,)}, "widths must be at least 1"),
    (networks.UNet(shape=(8, 8, 1), channels=(4, 4)), {}, "leads past the code")])
def test_bad_options(network, options, message):
    with pytest.raises(InputError, match=message):
        variants.adversarial(network, **options)
