import dataclasses
import json

import chex
import jax
import numpy as np
import pytest

from aejax import runs, workflows
from aejax.data import Dataset, Standardiser
from aejax.recipes import Recipe
from aejax.train import NonFiniteLossError
from aejax.types import Callback, InputError
from aejax.workflows import Training, check_training, suited, train_run

RNG = np.random.default_rng(0)
PICTURES = RNG.integers(0, 256, (49, 4, 3, 1), np.uint8)
IMAGES = Dataset(PICTURES[:40], None, PICTURES[40:], None, "noise", source="noise: made in a test", notes=("a note",))
RECIPE = Recipe("standard", {"name": "dense", "shape": [4, 3, 1], "code_dim": 2})
TRAINING = Training(epochs=2, batch_size=8, seed=5)
DIVERGING = Recipe("standard", RECIPE.network, {"name": "squared_error", "activation": "identity"})


@pytest.fixture(scope="module")
def trained():
    return workflows.train(RECIPE, IMAGES, TRAINING)


def test_train(trained):
    assert {"loss", "val_loss", "seconds"} <= set(trained.history) and len(trained.history["loss"]) == 2
    assert int(trained.state.step) == 2 * (36 // 8) and trained.params is trained.state.params   # 4 are held out
    assert trained.seconds > 0 and trained.ae.range == (0.0, 1.0)
    chex.assert_trees_all_equal(workflows.train(RECIPE, IMAGES, TRAINING).params, trained.params)


def test_without_validation_all_examples_are_trained_on():
    result = workflows.train(RECIPE, IMAGES, dataclasses.replace(TRAINING, epochs=1, validation=0.0))
    assert "val_loss" not in result.history and int(result.state.step) == 5


def test_a_validation_part_is_of_whole_groups():
    groups = np.repeat(np.arange(4, dtype=np.int32), 10)
    data = dataclasses.replace(IMAGES, train_groups=groups)
    kept, held = workflows.parts(data, TRAINING)
    (number,) = {g for g in range(4) if (data.train[groups == g][0] == held[0]).all()}
    np.testing.assert_array_equal(held, data.train[groups == number])
    np.testing.assert_array_equal(kept, data.train[groups != number])
    workflows.check_enough(data, dataclasses.replace(TRAINING, batch_size=30))
    with pytest.raises(InputError, match="30 training examples"):
        workflows.check_enough(data, dataclasses.replace(TRAINING, batch_size=31))


def test_train_run_writes_what_repeats_it(tmp_path):
    source = {"source": "noise.npy", "size": None}
    trained = train_run(RECIPE, IMAGES, TRAINING, tmp_path, command="aejax train", source=source)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["config.json", "metrics.jsonl", "params.safetensors"]
    config = json.loads((tmp_path / "config.json").read_text())
    assert config["status"] == "done" and config["seed"] == 5 and config["steps"] == 8
    assert config["training"] == dataclasses.asdict(TRAINING) and config["command"] == "aejax train"
    assert config["versions"]["jax"] == jax.__version__ and config["device"]
    assert config["data"] == {"name": "noise", "source": IMAGES.source, "sha256": IMAGES.digest, "shape": [4, 3, 1],
                              "range": [0.0, 1.0], "notes": ["a note"], "load": source, "standardiser": None}
    lines = [json.loads(line) for line in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    assert [line["epoch"] for line in lines] == [0, 1]
    assert [line["loss"] for line in lines] == trained.history["loss"]
    chex.assert_trees_all_equal(runs.load(tmp_path).params, trained.params)


def test_train_run_keeps_the_standardiser(tmp_path):
    table = RNG.normal(3, 2, (30, 3))
    scale = Standardiser.fit(table)
    x = scale.apply(table)
    data = Dataset(x[:24], None, x[24:], None, "table", standardiser=scale, range=None)
    recipe = Recipe("standard", {"name": "dense", "shape": [3], "code_dim": 2},
                    {"name": "squared_error", "activation": "identity", "range": None})
    train_run(recipe, data, Training(epochs=1, batch_size=8), tmp_path, command="")
    config = runs.load(tmp_path).config["data"]
    assert config["standardiser"] == {"mean": scale.mean.tolist(), "std": scale.std.tolist()}
    assert config["range"] is None


def test_an_older_run_is_replaced_whole(tmp_path):
    (tmp_path / "report.html").write_text("old")
    (tmp_path / "mine.txt").write_text("mine")
    train_run(RECIPE, IMAGES, TRAINING, tmp_path, command="")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["config.json", "metrics.jsonl", "mine.txt",
                                                          "params.safetensors"]


class Seen(Callback):
    def on_epoch_end(self, epoch, logs, state):
        self.params = jax.tree.map(np.array, state.params)


def test_non_finite_loss_saves_the_last_good_parameters(tmp_path):
    training = dataclasses.replace(TRAINING, learning_rate=1e30)
    with pytest.raises(NonFiniteLossError) as error:
        train_run(DIVERGING, IMAGES, training, tmp_path, command="")
    run = runs.load(tmp_path)
    assert run.config["status"] == str(error.value) and "NaN or infinite" in run.config["status"]
    chex.assert_tree_all_finite(run.params)
    chex.assert_trees_all_equal(run.params, error.value.state.params)
    assert (tmp_path / "metrics.jsonl").read_text() == ""


def test_callbacks_see_the_run(tmp_path):
    seen = Seen()
    trained = train_run(RECIPE, IMAGES, TRAINING, tmp_path, command="", callbacks=[seen])
    chex.assert_trees_all_equal(seen.params, trained.params)


@pytest.mark.parametrize(("change", "message"), [
    ({"batch_size": 37}, "36 training examples without the 10% for validation are fewer than a batch of 37"),
    ({"batch_size": 41, "validation": 0.0}, "40 training examples are fewer"),
    ({"epochs": 0}, "--epochs must be at least 1")])
def test_an_older_run_is_untouched_by_bad_settings(tmp_path, change, message):
    (tmp_path / "config.json").write_text("old")
    with pytest.raises(InputError, match=message):
        train_run(RECIPE, IMAGES, dataclasses.replace(TRAINING, **change), tmp_path, command="")
    assert [(p.name, p.read_text()) for p in tmp_path.iterdir()] == [("config.json", "old")]


@pytest.mark.parametrize(("recipe", "message"), [
    (Recipe("standard", RECIPE.network | {"shape": [3, 4, 1]}), "the network expects"),
    (Recipe("standard", RECIPE.network, {"name": "squared_error", "activation": "identity", "range": None}), "uint8"),
    (Recipe("standard", RECIPE.network | {"code_dim": 0}), "code_dim must be at least 1")])
def test_an_older_run_is_untouched_by_a_recipe_that_does_not_fit(tmp_path, recipe, message):
    (tmp_path / "config.json").write_text("old")
    with pytest.raises(InputError, match=message):
        train_run(recipe, IMAGES, TRAINING, tmp_path, command="")
    assert (tmp_path / "config.json").read_text() == "old"


@pytest.mark.parametrize(("change", "message"), [
    ({"epochs": 0}, "--epochs must be at least 1, got 0"), ({"batch_size": 0}, "--batch-size"),
    ({"patience": 0}, "--patience"), ({"patience": 3, "validation": 0.0}, "--patience needs validation"),
    ({"seed": -1}, "--seed must be at least 0, got -1"),
    *[({"learning_rate": rate}, "--learning-rate must be") for rate in (0.0, -1.0, float("nan"), float("inf"))],
    *[({"validation": part}, "--validation is a fraction") for part in (-0.1, 1.0, float("nan"))]])
def test_bad_settings(change, message):
    with pytest.raises(InputError, match=message):
        check_training(dataclasses.replace(Training(), **change))


@pytest.mark.parametrize(("examples", "given", "wanted"), [(5000, None, 256), (2850, None, 256), (2840, None, 128),
                                                           (240, None, 16), (12, None, 8), (240, 100, 256)])
def test_few_data_get_small_batches(examples, given, wanted, images):
    data = Dataset(np.repeat(images[:1], examples, axis=0), None, images[:2], None, "few")
    assert suited(Training(), data, given).batch_size == wanted
    assert suited(Training(batch_size=4), data, None).batch_size == 4
