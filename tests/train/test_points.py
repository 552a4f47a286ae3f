import jax
import numpy as np
import optax
import pytest

from aejax import variants
from aejax.train import fit
from aejax.train.points import run_epoch, train_points
from aejax.types import InputError

OPTIMIZER = optax.adam(1e-2)
SHUFFLE = jax.random.key(9)


@pytest.fixture(scope="module")
def make(dense):
    return lambda weight: variants.contractive(dense, weight=weight)


def test_equals_separate_runs(make, dense, images):
    weights, seeds = np.array([0.0, 0.5, 0.5], np.float32), np.array([0, 0, 3])
    states, history = train_points(make, images, points={"weight": weights}, seeds=seeds, optimizer=OPTIMIZER,
                                   shuffle_key=SHUFFLE, epochs=10, batch_size=16)
    for p, (weight, seed) in enumerate(zip(weights, seeds, strict=True)):
        state, alone = fit(make(float(weight)), images, optimizer=OPTIMIZER, key=jax.random.key(int(seed)),
                           shuffle_key=SHUFFLE, epochs=10, batch_size=16)
        np.testing.assert_allclose(history["loss"][:, p], alone["loss"], rtol=1e-4)
        jax.tree.map(lambda ours, theirs, p=p: np.testing.assert_allclose(ours[p], theirs, atol=1e-4),
                     states.params, state.params)
    assert history["penalty"][-1, 1] < history["penalty"][-1, 0]


def test_noise_is_each_points_own(dense, images):
    def make():
        return variants.denoising(dense)
    states, _ = train_points(make, images, points={}, seeds=np.array([1, 1, 2]), optimizer=OPTIMIZER,
                             shuffle_key=SHUFFLE, epochs=1, batch_size=32)
    kernel = np.asarray(states.params["encoder_kernel_0"])
    np.testing.assert_array_equal(kernel[0], kernel[1])
    assert (kernel[0] != kernel[2]).any()


def test_a_diverging_point_leaves_the_others_alone(make, images):
    states, history = train_points(make, images, points={"weight": np.array([0.1, np.inf], np.float32)},
                                   seeds=np.array([0, 0]), optimizer=OPTIMIZER, shuffle_key=SHUFFLE, epochs=2,
                                   batch_size=32)
    assert np.isfinite(history["loss"][:, 0]).all() and not np.isfinite(history["loss"][:, 1]).any()
    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(states.params))
    assert np.asarray(states.step).tolist() == [4, 0]


def test_compiles_once_for_all_epochs(make, images):
    before = run_epoch._cache_size()
    train_points(make, images, points={"weight": np.full(2, 0.3, np.float32)}, seeds=np.arange(2), optimizer=OPTIMIZER,
                 shuffle_key=SHUFFLE, epochs=4, batch_size=20)
    assert run_epoch._cache_size() == before + 1


def test_starts_from_given_parameters(make, images):
    options = dict(points={"weight": np.zeros(2, np.float32)}, seeds=np.arange(2), shuffle_key=SHUFFLE, batch_size=32)
    first, _ = train_points(make, images, optimizer=OPTIMIZER, epochs=1, **options)
    kernel = np.asarray(first.params["encoder_kernel_0"])
    again, _ = train_points(make, images, optimizer=optax.sgd(0.0), epochs=1, params=first.params, **options)
    np.testing.assert_array_equal(kernel, again.params["encoder_kernel_0"])


@pytest.mark.parametrize("change", [{"points": {"weight": np.zeros(3)}}, {"epochs": 0}, {"batch_size": 65}])
def test_bad_arguments(make, images, change):
    options = {"points": {"weight": np.zeros(2)}, "seeds": np.arange(2), "epochs": 1, "batch_size": 8} | change
    with pytest.raises(InputError):
        train_points(make, images, optimizer=OPTIMIZER, shuffle_key=SHUFFLE, **options)
