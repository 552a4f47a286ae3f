import jax
import numpy as np
import optax
import pytest

from aejax import variants
from aejax.train.step import TrainState
from aejax.train.sweep import sweep
from aejax.train.sweep_result import gather

OPTIMIZER = optax.adam(1e-2)


@pytest.fixture(scope="module")
def make(dense):
    return lambda weight: variants.sparse(dense, weight=weight)


def test_rows_are_means_over_seeds_and_the_best_is_the_least(make, images):
    grid = {"weight": (5.0, 0.0, 1.0)}
    result = sweep(make, images[:48], grid=grid, seeds=(0, 1, 2), optimizer=OPTIMIZER, epochs=3, batch_size=16,
                   validation=images[48:])
    assert result.chosen_by == "val_loss" and result.best.values == {"weight": 0.0} and result.best_index == 1
    point = result.points[2]
    assert point.val_loss == pytest.approx(result.history["val_loss"][-1, 2].mean())
    assert point.loss_sd == pytest.approx(result.history["loss"][-1, 2].std(ddof=1))
    assert point.val_loss_sd > 0 and len(set(point.losses)) == 3
    assert {leaf.shape[0] for leaf in jax.tree.leaves(result.states[0])} == {3}


def test_without_validation_training_loss_decides(make, images):
    result = sweep(make, images, grid={"weight": (1.0, 0.0)}, optimizer=OPTIMIZER, epochs=1, batch_size=16)
    assert result.chosen_by == "loss" and result.best.values == {"weight": 0.0}
    assert result.best.val_loss is None and result.best.val_loss_sd is None and np.isnan(result.best.loss_sd)
    assert "val_loss" not in result.history


def test_a_diverged_seed_spoils_its_point_alone(dense, images):
    grid = {"learning_rate": (1e-2, 1e38)}
    result = sweep(lambda: variants.contractive(dense), images, grid=grid, optimizer=optax.sgd, epochs=2, batch_size=32)
    assert result.points[0].diverged == (False,) and result.points[1].diverged == (True,)
    assert np.isnan(result.points[1].loss) and result.best_index == 0 and result.points[1].steps[0] < 4
    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(result.states[0]))
    lost = sweep(lambda: variants.contractive(dense), images, grid={"learning_rate": (1e38,)}, optimizer=optax.sgd,
                 epochs=1, batch_size=16)
    assert lost.best is None and lost.best_index is None
    at_the_end = sweep(lambda: variants.contractive(dense), images, grid={"learning_rate": (1e38,)},
                       optimizer=lambda rate: optax.chain(optax.sgd(rate), optax.scale(1e38)), epochs=1, batch_size=64)
    assert at_the_end.points[0].diverged == (True,)   # by its only step, whose loss was still finite


def test_a_step_that_was_not_taken_counts_as_divergence():
    """Also where the last epoch's loss is finite again."""
    history = {"loss": np.array([np.nan, 1.0])}
    models = [(TrainState({}, (), np.int32(steps)), history) for steps in (4, 3)]
    (point,) = gather(models, [{"weight": 1.0}], (0, 1), 4, False).points
    assert point.diverged == (False, True) and point.losses[0] == 1.0 and np.isnan(point.losses[1])


def test_a_metric_that_a_point_lacks_is_nan():
    models = [(TrainState({}, (), np.int32(1)), history) for history in (
        {"loss": np.ones(1)}, {"loss": np.ones(1), "extra": np.ones(1)})]
    result = gather(models, [{"weight": 1.0}, {"weight": 2.0}], (0,), 1, False)
    np.testing.assert_array_equal(result.history["extra"], [[[np.nan], [1.0]]])
