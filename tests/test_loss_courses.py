"""Findings of histories."""

import numpy as np
import pytest

from aejax.loss_courses import of_history, until_best

FALLING = [5.0, 3.0, 2.0, 1.5, 1.2]


@pytest.mark.parametrize(("history", "names"), [
    ({"loss": FALLING, "val_loss": [5.0, 3.0, 2.1, 1.6, 1.3]}, []),
    ({"loss": FALLING}, []),
    ({"loss": FALLING, "val_loss": [5.0, 3.5, 3.0, 2.5, 1.8]}, ["overfit"]),                 # 1.5 times as large
    ({"loss": FALLING, "val_loss": [5.0, 3.0, 1.2, 1.5, 1.7]}, ["overfit"]),                 # rose
    ({"loss": [5.0, 5.0, 4.99]}, ["loss did not fall"]),
    ({"loss": [5.0, 5.0]}, []),                                                              # too few epochs
    ({"loss": [5.0, 2.0, 2.1]}, []),
    ({"loss": [5.0, 2.0, 2.3]}, ["loss rose at the end"]),
    ({"loss": [5.0, 2.0, float("nan")]}, ["loss not finite"]),
    ({"loss": [5.0, 2.0, -3.0], "val_loss": [5.0, 2.0, -1.0]}, []),                          # quotients say nothing
    ({"loss": [1.0, 1.0, 1.5], "reconstruction": [5.0, 2.0, 3.0], "discriminator": [1.4, 1.4, 1.4]}, []),
    ({"loss": [1.0], "reconstruction": [1.0], "val_reconstruction": [2.0], "val_loss": [1.0], "discriminator": [1.4]},
     ["overfit"]),
    ({}, []),
], ids=str)
def test_histories(history, names):
    assert [finding.name for finding in of_history(history)] == names


def test_losses_that_change_with_the_step_are_not_compared_between_epochs():
    assert of_history({"loss": [1.0, 2.0, 3.0], "val_loss": [1.0, 2.0, 3.1]}, scheduled=True) == []
    assert [f.name for f in of_history({"loss": [1.0, 2.0], "val_loss": [1.0, 4.0]}, scheduled=True)] == ["overfit"]


def test_a_history_until_the_best_epoch():
    history = {"loss": [3.0, 2.0, 1.0, 0.5], "val_loss": [3.0, float("nan"), 2.5, 9.0], "seconds": [1.0] * 4}
    assert until_best(history) == {"loss": [3.0, 2.0, 1.0], "val_loss": [3.0, pytest.approx(np.nan, nan_ok=True), 2.5],
                                   "seconds": [1.0] * 3}
