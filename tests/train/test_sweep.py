import importlib

import jax
import numpy as np
import optax
import pytest

from aejax import corruptions, networks, variants
from aejax.train import fit
from aejax.train.points import run_epoch, train_points
from aejax.train.sweep import sweep
from aejax.types import Callback, InputError

sweep_module = importlib.import_module("aejax.train.sweep")   # the package has the function under that name
OPTIMIZER = optax.adam(1e-2)
SHUFFLE = jax.random.key(9)
GRIDS = {   # what each variant has to sweep
    "contractive": {"weight": (0.1, 1.0)}, "denoising": {"rate": (0.1, 0.6)},
    "higher_order_contractive": {"hessian_weight": (0.0, 1.0), "std": (0.2,)},
    "reconstruction_contractive": {"weight": (0.0, 0.1)}, "sparse": {"weight": (0.0, 0.1)},
    "wasserstein": {"weight": (1.0, 10.0)}, "adversarial": {"weight": (0.1, 0.5)},
    "regularised": {"regulariser_weight": (0.0, 0.1)}, "vector_quantised": {"commitment": (0.1, 0.5)},
}


def maker(name, dense):
    if name == "denoising":
        return lambda rate: variants.denoising(dense, corruption=corruptions.masking_noise(rate))
    return lambda **options: getattr(variants, name)(dense, **options)


@pytest.fixture(scope="module")
def make(dense):
    return maker("sparse", dense)


@pytest.mark.parametrize("name", variants.NAMES)
def test_every_variant_equals_its_own_fit(name, dense, images):
    """Points, seeds and learning rates, against `fit`: parameters, loss, and the exact validation loss."""
    make, grid = maker(name, dense), GRIDS.get(name, {}) | {"learning_rate": (1e-2, 3e-2)}
    result = sweep(make, images[:48], grid=grid, seeds=(3, 0), optimizer=optax.adam, epochs=2, batch_size=16,
                   shuffle_key=SHUFFLE, validation=images[48:])
    assert len(result.points) == 2 * np.prod([len(values) for key, values in grid.items() if key != "learning_rate"])
    for index in (0, len(result.points) - 1):
        values = dict(result.points[index].values)
        optimizer = optax.adam(values.pop("learning_rate"))
        state, history = fit(make(**values), images[:48], optimizer=optimizer, key=jax.random.key(0), epochs=2,
                             shuffle_key=SHUFFLE, batch_size=16, validation=images[48:])
        for key in ("loss", "reconstruction", "penalty", "val_loss", "val_reconstruction"):
            np.testing.assert_allclose(result.history[key][:, index, 1], history[key], rtol=1e-4, atol=1e-6)
        jax.tree.map(lambda ours, theirs: np.testing.assert_allclose(ours[1], theirs, atol=1e-4),
                     result.states[index].params, state.params)
        assert result.points[index].steps == (6, 6) and result.points[index].diverged == (False, False)


def test_default_order_is_that_of_the_first_seed(make, images):
    result = sweep(make, images, grid={"weight": (0.1,)}, seeds=(5,), optimizer=OPTIMIZER, epochs=2, batch_size=16)
    _, history = fit(make(weight=0.1), images, optimizer=OPTIMIZER, key=jax.random.key(5), epochs=2, batch_size=16)
    np.testing.assert_allclose(result.history["loss"][:, 0, 0], history["loss"], rtol=1e-5)


def test_numbers_share_a_program_and_shapes_do_not(images):
    """code_dim and a name are grouped; weight and learning_rate, whole numbers among them, are traced."""
    def make(weight, code_dim, sparsity):
        network = networks.Dense(shape=(6, 5, 1), code_dim=code_dim, code_activation="sigmoid")
        return variants.sparse(network, weight=weight, sparsity=sparsity)
    before = run_epoch._cache_size()
    result = sweep(make, images, grid={"sparsity": ("l1", "kl"), "code_dim": (2, 3), "weight": (0, 1),
                                       "learning_rate": (1e-3, 1e-2)}, optimizer=optax.adam, epochs=2, batch_size=32)
    assert run_epoch._cache_size() == before + 4
    assert [point.values["code_dim"] for point in result.points] == [2, 2, 2, 2, 3, 3, 3, 3] * 2
    assert [state.params["encoder_bias_0"].shape[1] for state in result.states] == [2] * 4 + [3] * 4 + [2] * 4 + [3] * 4
    last = result.points[-1].values
    state, _ = fit(make(last["weight"], last["code_dim"], last["sparsity"]), images, optimizer=optax.adam(1e-2),
                   key=jax.random.key(0), epochs=2, batch_size=32)
    np.testing.assert_allclose(result.states[-1].params["encoder_kernel_0"][0], state.params["encoder_kernel_0"],
                               atol=1e-4)


def test_an_optimizer_that_cannot_be_traced_is_grouped(make, images):
    def halves(learning_rate):
        return optax.sgd(learning_rate if learning_rate > 0.01 else 0.01)
    result = sweep(make, images, grid={"learning_rate": (0.001, 0.02), "weight": (0.1, 0.2)}, optimizer=halves,
                   epochs=1, batch_size=32)
    assert len(result.points) == 4 and all(np.isfinite(point.loss) for point in result.points)


def test_memory_limit_splits_and_changes_nothing(make, images, caplog, monkeypatch):
    caplog.set_level("INFO", logger="aejax")
    options = dict(grid={"weight": (0.1, 0.2, 0.3)}, seeds=(0, 1), optimizer=OPTIMIZER, epochs=2, batch_size=16,
                   validation=images[:8])
    whole = sweep(make, images, **options)
    needed = [record.args[-1] * 1e6 for record in caplog.records if "models in" in record.message][0]
    trained = []
    monkeypatch.setattr(sweep_module, "train_points", lambda *args, **kw: (
        trained.append(len(kw["seeds"])) or train_points(*args, **kw)))
    halves = sweep(make, images, memory_limit=int(needed * 0.7), **options)
    assert trained == [3, 3]
    alone = sweep(make, images, memory_limit=1, **options)
    messages = [record.message for record in caplog.records]
    assert any("6 models in 1 part of at most 6" in m for m in messages)
    assert any("6 models in 2 parts of at most 3" in m for m in messages)
    assert any("6 models in 6 parts of at most 1" in m for m in messages)
    assert any("one model alone needs" in m for m in messages)
    for other in (halves, alone):
        jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, atol=1e-5), whole.history, other.history)
        jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, atol=1e-5), whole.states, other.states)


def test_callbacks_see_one_run(make, images):
    seen = []

    class Watching(Callback):
        def on_train_begin(self, info):
            seen.append(info["epochs"])

        def on_epoch_end(self, epoch, logs, state):
            seen.append((epoch, sorted(logs)))

        def on_train_end(self, history):
            seen.append(len(history["loss"]))
    sweep(make, images, grid={"weight": (0.1, 0.2)}, optimizer=OPTIMIZER, epochs=2, batch_size=32, memory_limit=1,
          callbacks=[Watching()])
    names = ["loss", "penalty", "reconstruction", "seconds"]
    assert seen == [4, (0, names), (1, names), (2, names), (3, names), 4]


@pytest.mark.parametrize(("change", "says"), [
    ({"grid": {"rate": (0.1,)}}, "takes no rate; it takes weight"), ({"grid": {"weight": ()}}, "weight needs"),
    ({"grid": {"weight": "12"}}, "weight needs"), ({"grid": {"weight": (-1.0,)}}, "weight must not be negative"),
    ({"seeds": ()}, "seeds are"), ({"seeds": (-1,)}, "seeds are"),
    ({"grid": {"weight": (0.1,), "learning_rate": (0.1,)}}, "learning_rate"), ({"optimizer": optax.adam}, "learning"),
    ({"batch_size": 65}, "batches of 65"), ({"epochs": 0}, "epochs 0"),
    ({"validation": np.full((2, 6, 5, 1), np.nan, np.float32)}, "NaN"),
])
def test_bad_arguments(dense, images, change, says):
    options = {"grid": {"weight": (0.1,)}, "epochs": 1, "batch_size": 8, "optimizer": OPTIMIZER} | change
    with pytest.raises(InputError, match=says):
        sweep(lambda weight: variants.sparse(dense, weight=weight), images, **options)
