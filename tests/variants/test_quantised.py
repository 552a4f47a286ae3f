import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from aejax import networks, variants
from aejax.autoencoder import autoencoder
from aejax.bottlenecks import rounded
from aejax.train import fit
from aejax.types import InputError

WIDE = networks.Dense(shape=(6, 5, 1), code_dim=4, code_activation="identity")


def test_the_learnt_rate_is_the_entropy_of_what_is_coded():
    """Of rounded Laplace values, whose entropy is a sum over integers; no density can have less."""
    scales = np.array([0.5, 2.0, 6.0])
    values = np.rint(np.random.default_rng(0).laplace(scale=scales, size=(20_000, 3)))
    values = jnp.asarray(values, jnp.float32)
    k = np.arange(-300, 301)[:, None]
    edges = np.sign(k) * (1 - np.exp(-(np.abs(k) - 0.5) / scales)) / 2
    upper = np.sign(k) * (1 - np.exp(-(np.abs(k) + 0.5) / scales)) / 2
    probability = np.where(k == 0, 1 - np.exp(-0.5 / scales), np.abs(upper - edges))
    entropy = -(probability * np.log2(np.maximum(probability, 1e-300))).sum()
    network = networks.Quantised(networks.Dense(shape=(3,), code_dim=3))
    params = network.init(jax.random.key(0), jnp.zeros((1, 3)))["params"]
    optimizer = optax.adam(0.05)

    @jax.jit
    def learn(params):
        def step(carry, i):
            params, state = carry
            bits, slope = jax.value_and_grad(
                lambda p: network.apply({"params": p}, values[:4000], method="bits").mean())(params)
            change, state = optimizer.update(slope, state)
            return (optax.apply_updates(params, change), state), bits
        return jax.lax.scan(step, (params, optimizer.init(params)), jnp.arange(300))[0][0]
    bits = float(network.apply({"params": learn(params)}, values[4000:], method="bits").mean())   # of fresh values
    assert 0.99 * entropy < bits < 1.02 * entropy


def test_loss_is_distortion_and_weighted_bits(images):
    ae = variants.quantised(WIDE, weight=0.3)
    params = ae.init(jax.random.key(0), images)
    loss, metrics = ae.loss(params, jax.random.key(1), images)
    np.testing.assert_allclose(loss, metrics["reconstruction"] + 0.3 * metrics["penalty"], rtol=1e-6)
    assert float(metrics["bits"]) == float(metrics["penalty"]) > 0
    code = np.asarray(ae.encode(params, images))
    np.testing.assert_array_equal(code, np.rint(code))
    assert len(np.unique(code)) > 2


def test_without_weight_nothing_but_the_noise_is_left(images):
    """Bitwise an autoencoder whose code is rounded, and the density learns nothing."""
    ae = variants.quantised(WIDE, weight=0.0, step=1.0)
    plain = autoencoder(WIDE, bottleneck=rounded)
    params = ae.init(jax.random.key(0), images)
    inner = {name: leaf for name, leaf in params.items() if not name.startswith("rate_")}
    slopes = [jax.jit(jax.grad(lambda p, one=one: one.loss(p, jax.random.key(1), images)[0]))(p)
              for one, p in ((ae, params), (plain, inner))]
    for name in inner:
        np.testing.assert_array_equal(slopes[0][name], slopes[1][name])
    assert not any(np.any(slopes[0][name]) for name in ("rate_mean", "rate_log_scale", "rate_logit"))


def test_a_larger_weight_takes_fewer_bits_and_makes_larger_errors(images):
    bits, errors = [], []
    for weight in (0.01, 1.0):
        ae = variants.quantised(WIDE, weight=weight)
        state, history = fit(ae, images, optimizer=optax.adam(1e-2), key=jax.random.key(0), epochs=60, batch_size=32)
        bits.append(history["bits"][-1])
        errors.append(history["reconstruction"][-1])
    assert bits[0] > 2 * bits[1] and errors[0] < errors[1]


@pytest.mark.parametrize(("network", "options", "message"), [
    (WIDE, {"weight": -1}, "negative"), (WIDE, {"step": 0.0}, "above 0"),
    (networks.UNet(shape=(8, 8, 1), channels=(4, 4)), {}, "leads past the code")])
def test_bad_options(network, options, message):
    with pytest.raises(InputError, match=message):
        variants.quantised(network, **options)
