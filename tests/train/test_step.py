import functools

import chex
import jax
import numpy as np
import optax

from aejax import variants
from aejax.train.step import epoch_order, init_state, step_key, train_step


def test_order_is_a_permutation_and_changes_with_the_epoch():
    key = jax.random.key(0)
    orders = [np.asarray(epoch_order(key, epoch, 100)) for epoch in (0, 1, 0)]
    assert all(sorted(order) == list(range(100)) for order in orders)
    np.testing.assert_array_equal(orders[0], orders[2])
    assert (orders[0] != orders[1]).mean() > 0.9


def test_keys_differ_between_steps_and_epochs():
    keys = {tuple(jax.random.key_data(step_key(jax.random.key(0), e, s)).tolist()) for e in range(3) for s in range(3)}
    assert len(keys) == 9


def test_one_step_is_the_optimisers_update(dense, images):
    ae, optimizer, key = variants.standard(dense), optax.sgd(0.1), jax.random.key(1)
    state = init_state(ae, optimizer, jax.random.key(0), images)
    new, metrics, finite = train_step(ae, optimizer, state, key, images)
    gradient = jax.grad(lambda p: ae.loss(p, key, images)[0])(state.params)
    expected = jax.tree.map(lambda p, g: p - 0.1 * g, state.params, gradient)
    chex.assert_trees_all_close(new.params, expected, rtol=1e-5, atol=1e-6)
    assert bool(finite) and int(new.step) == 1
    assert float(metrics["loss"]) == float(ae.loss(state.params, key, images)[0])


def test_the_second_state_of_the_same_two_traces_nothing(dense, images):
    traces = []
    ae = variants.standard(dense)
    ae = ae._replace(init=lambda key, x, init=ae.init: traces.append(key) or init(key, x))
    optimizer = optax.adam(0.1)
    one, other = (init_state(ae, optimizer, jax.random.key(seed), images) for seed in (0, 1))
    assert len(traces) == 1
    assert any((a != b).any() for a, b in zip(*map(jax.tree.leaves, (one.params, other.params)), strict=True))


def test_a_step_that_is_not_finite_changes_nothing(dense, images):
    ae, optimizer = variants.standard(dense), optax.adam(0.1)
    state = init_state(ae, optimizer, jax.random.key(0), images)
    bad = np.full(images.shape, np.inf, np.float32)
    new, _, finite = train_step(ae, optimizer, state, jax.random.key(1), bad, checked=True)
    assert not bool(finite)
    chex.assert_trees_all_equal(new, state)
    new, _, finite = train_step(ae, optimizer, state, jax.random.key(1), bad)
    assert not bool(finite) and int(new.step) == 0


def test_a_finite_step_is_the_same_when_checked(dense, images):
    ae, optimizer = variants.denoising(dense), optax.adam(0.1)
    state = init_state(ae, optimizer, jax.random.key(0), images)
    step = jax.jit(functools.partial(train_step, ae, optimizer), static_argnames="checked")
    one, other = (step(state, jax.random.key(1), images, checked=checked) for checked in (False, True))
    chex.assert_trees_all_close(one, other, rtol=1e-6)
