import logging

import chex
import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from aejax import variants
from aejax.train import NonFiniteLossError, evaluate, fit
from aejax.train.step import epoch_order, run_segment, zero_sums
from aejax.types import Autoencoder, Callback, InputError

KEY = jax.random.key(0)
OPTIMIZER = optax.adam(1e-2)


@pytest.fixture(scope="module")
def ae(dense):
    return variants.denoising(dense)


class Watcher(Callback):
    def __init__(self, stop_after=None):
        self.stop_after, self.calls = stop_after, []

    def on_train_begin(self, info):
        self.calls.append(("begin", info))

    def on_epoch_end(self, epoch, logs, state):
        self.calls.append((epoch, dict(logs), int(state.step)))
        return epoch == self.stop_after

    def on_train_end(self, history):
        self.calls.append(("end", len(history["loss"])))


def test_history_and_steps(ae, images):
    state, history = fit(ae, images, optimizer=OPTIMIZER, key=KEY, epochs=3, batch_size=20, validation=images[:7])
    assert int(state.step) == 9   # 64 = 3 · 20 + 4: the rest is left out
    assert {len(values) for values in history.values()} == {3}
    assert {"loss", "reconstruction", "penalty", "val_loss", "seconds"} <= set(history)


def test_says_what_it_leaves_out(ae, images, caplog):
    with caplog.at_level(logging.INFO, "aejax"):
        fit(ae, images, optimizer=OPTIMIZER, key=KEY, epochs=2, batch_size=20)
    assert sum("leaves out 4 of 64 examples" in message for message in caplog.messages) == 1


def test_same_key_same_run_bitwise(ae, images):
    (one, _), (other, _) = (fit(ae, images, optimizer=OPTIMIZER, key=KEY, epochs=2, batch_size=16) for _ in range(2))
    chex.assert_trees_all_equal(one, other)
    another, _ = fit(ae, images, optimizer=OPTIMIZER, key=jax.random.key(1), epochs=2, batch_size=16)
    assert not jnp.array_equal(one.params["encoder_kernel_0"], another.params["encoder_kernel_0"])


def test_shuffle_key_decides_the_order_alone(dense, images):
    ae = variants.standard(dense)   # no noise: with one shuffle key only the first weights differ
    losses = [fit(ae, images, optimizer=optax.sgd(0.0), key=KEY, shuffle_key=jax.random.key(s), epochs=1, batch_size=60)
              [1]["loss"][0] for s in (1, 1, 2)]
    assert losses[0] == losses[1] != losses[2]


def test_segments_are_the_epoch_bitwise(ae, images):
    """start and stop are traced: three segments are one program, and together the epoch."""
    from aejax.train.step import init_state
    options = dict(ae=ae, optimizer=OPTIMIZER, batch_size=8)
    x = jnp.asarray(images)
    order = epoch_order(KEY, 1, len(x))
    state = init_state(ae, OPTIMIZER, KEY, x)
    whole, expected, _ = run_segment(state, zero_sums(ae, state, x, 8), x, order, KEY, 1, 0, 8, **options)
    before = run_segment._cache_size()
    parts = init_state(ae, OPTIMIZER, KEY, x)
    sums = zero_sums(ae, parts, x, 8)
    for start, stop in ((0, 3), (3, 4), (4, 8)):
        parts, sums, reached = run_segment(parts, sums, x, order, KEY, 1, start, stop, **options)
        assert int(reached) == stop
    assert run_segment._cache_size() == before
    chex.assert_trees_all_equal((whole, expected), (parts, sums))


def test_no_recompilation_between_epochs_and_runs(ae, images):
    fit(ae, images, optimizer=OPTIMIZER, key=KEY, epochs=1, batch_size=32)
    before = run_segment._cache_size()
    fit(ae, images, optimizer=OPTIMIZER, key=jax.random.key(4), epochs=4, batch_size=32)
    assert run_segment._cache_size() == before


def test_every_example_is_seen_once_an_epoch(images):
    """An `Autoencoder` filled by hand whose gradient counts the examples that it met."""
    x = np.eye(12, dtype=np.float32)
    counter = Autoencoder(init=lambda key, x: jnp.zeros(12), encode=None, decode=None, range=(0.0, 1.0),
                          loss=lambda p, key, x: ((s := -jnp.sum(x @ p)), {"loss": s}))
    state, _ = fit(counter, x, optimizer=optax.sgd(1.0), key=KEY, epochs=2, batch_size=4)
    np.testing.assert_array_equal(state.params, np.full(12, 2.0))


def test_pytrees_with_one_leading_axis():
    pairs = {"x": np.ones((10, 3), np.float32), "y": np.zeros((10, 2), np.float32)}
    ae = Autoencoder(init=lambda key, x: jnp.zeros((3, 2)), encode=None, decode=None, range=None,
                     loss=lambda p, key, b: ((s := jnp.mean(jnp.square(b["x"] @ p - b["y"] - 1))), {"loss": s}))
    _, history = fit(ae, pairs, optimizer=OPTIMIZER, key=KEY, epochs=2, batch_size=5)
    assert history["loss"][1] < history["loss"][0]
    with pytest.raises(InputError, match="one leading axis"):
        fit(ae, {"x": np.ones((10, 3), np.float32), "y": np.zeros((9, 2), np.float32)}, optimizer=OPTIMIZER, key=KEY,
            epochs=1, batch_size=5)


def test_callbacks(ae, images):
    watcher = Watcher(stop_after=1)
    _, history = fit(ae, images, optimizer=OPTIMIZER, key=KEY, epochs=5, batch_size=16, callbacks=[watcher])
    names = [call[0] for call in watcher.calls]
    assert names == ["begin", 0, 1, "end"] and len(history["loss"]) == 2
    assert watcher.calls[0][1]["steps_per_epoch"] == 4 and watcher.calls[2][2] == 8
    assert watcher.calls[1][1]["loss"] == history["loss"][0]


class Overfitting:
    """Validation loss falls for three epochs, then rises: the parameter walks past the validation set's optimum."""

    ae = Autoencoder(init=lambda key, x: jnp.zeros(()), encode=None, decode=None, range=(0.0, 9.0),
                     loss=lambda p, key, x: ((s := jnp.mean(jnp.square(p - x))), {"loss": s}))
    x, validation = np.full((4, 1), 9.0, np.float32), np.full((2, 1), 3.0, np.float32)
    slow = optax.chain(optax.scale_by_sign(), optax.scale(-1.0))   # one unit a step


@pytest.mark.parametrize(("restore", "expected"), [(True, 3.0), (False, 5.0)])
def test_early_stopping_and_best_weights(restore, expected):
    state, history = fit(Overfitting.ae, Overfitting.x, optimizer=Overfitting.slow, key=KEY, epochs=20, batch_size=4,
                         validation=Overfitting.validation, patience=2, restore_best_weights=restore)
    assert history["val_loss"] == [4.0, 1.0, 0.0, 1.0, 4.0]   # one unit a step; best after the third
    assert float(state.params) == expected
    assert int(state.step) == expected


def test_min_delta_asks_for_more():
    _, history = fit(Overfitting.ae, Overfitting.x, optimizer=Overfitting.slow, key=KEY, epochs=20, batch_size=4,
                     validation=Overfitting.validation, patience=1, min_delta=2.0)
    assert len(history["loss"]) == 3   # 4, 1, then 0 falls by less than 2


def test_without_patience_the_last_state():
    state, history = fit(Overfitting.ae, Overfitting.x, optimizer=Overfitting.slow, key=KEY, epochs=6, batch_size=4,
                         validation=Overfitting.validation)
    assert len(history["loss"]) == 6 and float(state.params) == 6.0


def test_non_finite_loss_keeps_the_last_good_parameters(images):
    def loss(p, key, x):
        error, penalty = jnp.mean(jnp.square(p - x)), jnp.where(p > 2.5, jnp.nan, 0.0)
        return error + penalty, {"loss": error + penalty, "reconstruction": error, "penalty": penalty}
    ae = Autoencoder(init=lambda key, x: jnp.zeros(()), encode=None, decode=None, range=(0.0, 9.0), loss=loss)
    watcher = Watcher()
    with pytest.raises(NonFiniteLossError, match="step 3: the penalty term") as error:
        fit(ae, np.full((8, 1), 9.0, np.float32), optimizer=Overfitting.slow, key=KEY, epochs=9, batch_size=4,
            callbacks=[watcher])
    assert error.value.step == 3 and float(error.value.state.params) == 3.0
    assert len(error.value.history["loss"]) == 1 and watcher.calls[-1] == ("end", 1)


@pytest.mark.parametrize(("patience", "kept"), [(None, 6.0), (9, 3.0)])
def test_non_finite_validation_loss_stops_too(patience, kept):
    """The training loss stays finite: examples of the validation part alone overflow, above 5."""
    def loss(p, key, x):
        error = jnp.mean(jnp.square(p - x)) + jnp.where(jnp.any(x == 3.0) & (p > 5.0), jnp.inf, 0.0)
        return error, {"loss": error}
    ae = Autoencoder(init=lambda key, x: jnp.zeros(()), encode=None, decode=None, range=(0.0, 9.0), loss=loss)
    with pytest.raises(NonFiniteLossError, match="at step 6: the validation loss after epoch 6 is NaN or inf") as error:
        fit(ae, Overfitting.x, optimizer=Overfitting.slow, key=KEY, epochs=9, batch_size=4,
            validation=Overfitting.validation, patience=patience)
    assert error.value.step == 6 and len(error.value.history["val_loss"]) == 5
    assert float(error.value.state.params) == kept   # the best, where one is kept


def test_non_finite_gradient_names_the_parameter():
    ae = Autoencoder(init=lambda key, x: {"w": jnp.zeros(())}, encode=None, decode=None, range=(0.0, 9.0),
                     loss=lambda p, key, x: ((s := jnp.sqrt(jnp.abs(p["w"])) + jnp.mean(x) * 0), {"loss": s}))
    with pytest.raises(NonFiniteLossError, match=r"step 0: the gradient of \['w'\]") as error:
        fit(ae, np.ones((4, 1), np.float32), optimizer=optax.sgd(0.1), key=KEY, epochs=1, batch_size=4)
    assert float(error.value.state.params["w"]) == 0.0


def test_parameters_that_overflow_are_not_kept():
    """Loss and gradient are finite, the update is not: it is noticed at the end of the epoch, and undone."""
    ae = Autoencoder(init=lambda key, x: jnp.ones(()), encode=None, decode=None, range=(0.0, 9.0),
                     loss=lambda p, key, x: ((s := jnp.minimum(jnp.sum(p * 1.8), 1e30)), {"loss": s}))
    with pytest.raises(NonFiniteLossError, match="step 0: an updated parameter") as error:
        fit(ae, np.ones((4, 1), np.float32), optimizer=optax.sgd(3e38), key=KEY, epochs=1, batch_size=4)
    assert float(error.value.state.params) == 1.0


def test_divergence_is_reported(dense, images):
    with pytest.raises(NonFiniteLossError, match="Lower the learning rate"):
        fit(variants.contractive(dense.clone(code_activation="identity")), images, optimizer=optax.sgd(1e20), key=KEY,
            epochs=5, batch_size=16)


@pytest.mark.parametrize(("change", "message"), [
    ({"epochs": 0}, "epochs must be at least 1"), ({"batch_size": 0}, "batch_size"),
    ({"batch_size": 65}, "64 examples"), ({"patience": 3}, "needs validation"),
    ({"patience": 0, "validation": np.zeros((1, 6, 5, 1), np.uint8)}, "patience"),
    ({"validation": np.zeros((0, 6, 5, 1), np.uint8)}, "no example")])
def test_bad_arguments(ae, images, change, message):
    with pytest.raises(InputError, match=message):
        fit(ae, images, **{"optimizer": OPTIMIZER, "key": KEY, "epochs": 1, "batch_size": 16} | change)


def test_bad_data(ae, images):
    bad = images.astype(np.float32) / 255
    bad[5, 0, 0] = np.nan
    with pytest.raises(InputError, match="first in example 5"):
        fit(ae, bad, optimizer=OPTIMIZER, key=KEY, epochs=1, batch_size=16)


def test_a_users_network_and_loss(images):
    class Own(nn.Module):
        @nn.compact
        def encode(self, x):
            return nn.Dense(2)(x.reshape(x.shape[0], -1))

        def decode(self, code):
            return jnp.zeros((code.shape[0], 6, 5, 1)) + code.mean()
    ae = variants.standard(Own())
    _, history = fit(ae, images, optimizer=OPTIMIZER, key=KEY, epochs=2, batch_size=32)
    assert np.isfinite(history["loss"]).all()


def test_evaluation_is_that_of_the_history(dense, images):
    ae = variants.standard(dense)
    state, history = fit(ae, images, optimizer=OPTIMIZER, key=KEY, epochs=1, batch_size=16, validation=images[:9])
    loss = float(evaluate(state.params, KEY, images[:9], ae=ae)["loss"])
    assert loss == pytest.approx(history["val_loss"][0], rel=1e-6)
