import math
import re

import jax
import numpy as np
import optax
import pytest

from aejax import corruptions, variants
from aejax.train import fit
from aejax.train.points import equal_blocks, init_points, run_epoch, train_points
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


@pytest.mark.parametrize(("seeds", "block"), [([3], 1), ([1, 1, 2, 2], 2), ([1, 1, 1], 3), ([1, 2, 1, 2], 1),
                                              ([1, 1, 1, 1, 2, 2], 2), ([0, 0, 1], 1)])
def test_equal_blocks(seeds, block):
    assert equal_blocks(np.array(seeds)) == block


def test_points_of_one_seed_share_their_noise(dense, images):
    """Drawn once, and the same numbers as when each draws its own: blocks of equal seeds change nothing."""
    def make(rate):
        return variants.denoising(dense, corruption=corruptions.masking_noise(rate))
    rates, seeds = np.array([0.2, 0.6, 0.2, 0.6], np.float32), np.array([1, 1, 2, 2])
    options = dict(optimizer=OPTIMIZER, shuffle_key=SHUFFLE, epochs=2, batch_size=32, validation=images)
    together = train_points(make, images, points={"rate": rates}, seeds=seeds, **options)
    mixed = [0, 2, 1, 3]
    apart = train_points(make, images, points={"rate": rates[mixed]}, seeds=seeds[mixed], **options)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(np.asarray(a)[mixed], b, atol=1e-5), together[0], apart[0])
    np.testing.assert_allclose(together[1]["val_loss"][:, mixed], apart[1]["val_loss"], rtol=1e-5)

    def random_bits(seeds):
        states = init_points({"rate": rates}, seeds, images[:1], make=make, optimizer=OPTIMIZER)
        traced = run_epoch.trace(states, {"rate": rates}, seeds, images, None, np.arange(64), 0, make=make,
                                 optimizer=OPTIMIZER, batch_size=32, block=equal_blocks(np.asarray(seeds)))
        shapes = re.findall(r"u32\[([\d,]*)\] = xor ", str(traced.jaxpr))
        return max(math.prod(map(int, shape.split(","))) for shape in shapes if shape)
    alone, shared = random_bits(seeds[mixed]), random_bits(seeds)
    assert alone == 2 * shared == 4 * 32 * 4   # a byte for each of 30 values, two words a hash


def test_a_diverging_point_leaves_the_others_alone(make, images):
    states, history = train_points(make, images, points={"weight": np.array([0.1, np.inf], np.float32)},
                                   seeds=np.array([0, 0]), optimizer=OPTIMIZER, shuffle_key=SHUFFLE, epochs=2,
                                   batch_size=32)
    assert np.isfinite(history["loss"][:, 0]).all() and not np.isfinite(history["loss"][:, 1]).any()
    assert all(np.isfinite(leaf[0]).all() for leaf in jax.tree.leaves(states.params))
    assert np.isnan(states.params["encoder_kernel_0"][1]).all()   # lost, and seen to be
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
