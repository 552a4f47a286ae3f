"""What every autoencoder of `aejax.variants` promises, found by itself."""

import chex
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from aejax import losses, variants
from aejax.train import fit
from aejax.train.step import init_state, train_step

OPTIMIZER = optax.adam(1e-2)


@pytest.fixture(scope="module", params=variants.NAMES)
def ae(request, dense):
    return getattr(variants, request.param)(dense)


def test_shapes_and_range(ae, images):
    params = ae.init(jax.random.key(0), images)
    code = ae.encode(params, images)
    x_hat = ae.decode(params, code)
    chex.assert_shape(code, (64, 4))
    chex.assert_equal_shape([x_hat, images])
    chex.assert_tree_all_finite((params, code, x_hat))
    low, high = ae.range
    assert low <= float(x_hat.min()) and float(x_hat.max()) <= high


def test_loss_is_scalar_and_names_its_terms(ae, images):
    params = ae.init(jax.random.key(0), images)
    loss, metrics = ae.loss(params, jax.random.key(1), images)
    chex.assert_shape([loss, *metrics.values()], ())
    assert {"loss", "reconstruction", "penalty"} <= set(metrics)
    assert float(metrics["loss"]) == float(loss) >= float(metrics["reconstruction"]) > 0


def test_same_key_same_loss(ae, images):
    params = ae.init(jax.random.key(0), images)
    first, second = (ae.loss(params, jax.random.key(3), images)[0] for _ in range(2))
    assert float(first) == float(second)
    chex.assert_trees_all_equal(params, ae.init(jax.random.key(0), images))


def test_uint8_equals_its_floats(ae, images):
    params = ae.init(jax.random.key(0), images)
    floats = images.astype(np.float32) / 255
    chex.assert_trees_all_close(ae.loss(params, jax.random.key(1), images), ae.loss(params, jax.random.key(1), floats),
                                rtol=1e-5)
    chex.assert_trees_all_close(ae.encode(params, images), ae.encode(params, floats), atol=1e-5)


def test_loss_falls(ae, images):
    _, history = fit(ae, images, optimizer=OPTIMIZER, key=jax.random.key(0), epochs=30, batch_size=32)
    assert np.mean(history["loss"][-3:]) < 0.8 * history["loss"][0]


def test_compiles_once(ae, images):
    step = jax.jit(chex.assert_max_traces(lambda state, key, x: train_step(ae, OPTIMIZER, state, key, x), n=1))
    state = init_state(ae, OPTIMIZER, jax.random.key(0), images)
    for seed in range(3):
        state, _, finite = step(state, jax.random.key(seed), images)
    assert bool(finite) and int(state.step) == 3


def test_vmaps_over_seeds(ae, images):
    keys = jax.random.split(jax.random.key(0), 3)
    params = jax.vmap(lambda key: ae.init(key, jnp.asarray(images)))(keys)
    together = jax.vmap(lambda p, key: ae.loss(p, key, images)[0])(params, keys)
    one = ae.loss(jax.tree.map(lambda leaf: leaf[1], params), keys[1], images)[0]
    np.testing.assert_allclose(together[1], one, rtol=1e-5)
    assert len(set(np.asarray(together).tolist())) == 3


@pytest.mark.parametrize("name", variants.NAMES)
def test_takes_another_loss(name, dense, images):
    ae = getattr(variants, name)(dense, reconstruction=losses.squared_error(activation="tanh"))
    assert ae.range == (-1.0, 1.0)
    params = ae.init(jax.random.key(0), images)
    assert np.isfinite(ae.loss(params, jax.random.key(0), images)[0])
