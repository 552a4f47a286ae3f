import csv
import dataclasses
import json
import math

import numpy as np
import pytest

from aejax import grids, workflows
from aejax.data import Dataset
from aejax.recipes import Recipe
from aejax.types import InputError
from aejax.workflows import Training

RNG = np.random.default_rng(0)
PICTURES = RNG.integers(0, 256, (49, 4, 3, 1), np.uint8)
IMAGES = Dataset(PICTURES[:40], None, PICTURES[40:], None, "noise", source="noise: made in a test", notes=("a note",))
TRAINING = Training(epochs=2, batch_size=8, seed=5)
GRID = {"weight": [0.0, 0.5], "code_dim": [2, 3], "learning_rate": [1e-3, 1e-2]}


def recipe(weight, code_dim=2):
    return Recipe("sparse", {"name": "dense", "shape": [4, 3, 1], "code_dim": code_dim}, options={"weight": weight})


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sweep")
    (folder / "results.csv").write_text("of an older sweep")
    return folder, grids.run_grid(recipe, IMAGES, TRAINING, GRID, (5, 6), folder, command="a command",
                                  source={"source": "noise"})


def lines(folder):
    with (folder / "results.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def test_files(made):
    folder, result = made
    assert {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()} == {
        "results.csv", "results.json", "figures/sweep.png"}
    written = json.loads((folder / "results.json").read_text())
    assert written["command"] == "a command" and written["grid"] == GRID and written["seeds"] == [5, 6]
    assert written["chosen_by"] == "val_loss" and written["best"] == result.best.values
    assert written["data"]["load"] == {"source": "noise"} and "versions" in written
    assert [row["values"] for row in written["rows"]] == [dict(point.values) for point in result.points]
    assert written["rows"][3]["val_loss"] == pytest.approx(result.points[3].val_loss)


def test_one_line_for_each_point_and_seed(made):
    folder, result = made
    found = lines(folder)
    assert list(found[0]) == ["weight", "code_dim", "learning_rate", "seed", "loss", "val_loss", "steps", "diverged"]
    assert [(float(r["weight"]), int(r["code_dim"]), float(r["learning_rate"]), int(r["seed"])) for r in found] == [
        (w, d, rate, seed) for w in GRID["weight"] for d in GRID["code_dim"] for rate in GRID["learning_rate"]
        for seed in (5, 6)]
    assert [float(line["val_loss"]) for line in found[6:8]] == pytest.approx(result.points[3].val_losses)


def test_the_first_seed_is_the_run_that_train_makes(made):
    """Same split, same order, same noise: the command that the sweep prints repeats the point."""
    training = dataclasses.replace(TRAINING, learning_rate=1e-2)
    alone = workflows.train(recipe(0.5, 3), IMAGES, training)
    line = lines(made[0])[14]
    assert (line["weight"], line["code_dim"], line["learning_rate"], line["seed"]) == ("0.5", "3", "0.01", "5")
    assert float(line["val_loss"]) == pytest.approx(alone.history["val_loss"][-1], rel=1e-4)
    assert float(line["loss"]) == pytest.approx(alone.history["loss"][-1], rel=1e-4)


def test_table_marks_the_best(made):
    header, *body = grids.table(made[1])
    assert header[:3] == list(GRID) and [line[-1] for line in body].count("best") == 1
    assert body[made[1].best_index][-1] == "best" and body[0][:3] == ["0", "2", "0.001"]
    assert " ± " in body[0][4] and body[0][5] == "0 of 2"


def test_a_diverged_point_has_empty_numbers(tmp_path):
    """Without validation, one seed, and a plot with a hole."""
    grid = {"learning_rate": [1e-3, 1e30]}
    diverging = Recipe("standard", {"name": "dense", "shape": [4, 3, 1], "code_dim": 2, "code_activation": "identity"},
                       {"name": "squared_error", "activation": "identity"})
    result = grids.run_grid(lambda: diverging, IMAGES, dataclasses.replace(TRAINING, validation=0.0), grid, (0,),
                            tmp_path, command="x")
    good, bad = lines(tmp_path)
    assert good["diverged"] == "0" and float(good["loss"]) > 0 and good["val_loss"] == ""
    assert bad["diverged"] == "1" and bad["loss"] == "" and int(bad["steps"]) < 10
    found = json.loads((tmp_path / "results.json").read_text())
    assert found["rows"][1]["loss"] is None and found["rows"][0]["loss_sd"] is None and found["chosen_by"] == "loss"
    assert math.isnan(result.points[1].loss) and grids.table(result)[2][1] == "–"
    assert (tmp_path / "figures" / "sweep.png").stat().st_size > 1000


@pytest.mark.parametrize(("change", "says"), [
    ({"training": Training(batch_size=64)}, "fewer than a batch of 64"), ({"grid": {"weight": [-1.0]}}, "negative"),
    ({"data": dataclasses.replace(IMAGES, train=PICTURES[:40, :, :2])}, "the network expects"),
])
def test_bad_input_leaves_the_older_results(tmp_path, change, says):
    (tmp_path / "results.json").write_text("older")
    options = {"data": IMAGES, "training": TRAINING, "grid": {"weight": [0.1]}} | change
    with pytest.raises(InputError, match=says):
        grids.run_grid(recipe, seeds=(0,), output=tmp_path, command="x", **options)
    assert (tmp_path / "results.json").read_text() == "older"
