import csv
import json
import shlex
import shutil
import signal

import jax
import numpy as np
import pytest

from aejax import runs
from aejax.cli import main
from aejax.flags.training import Train
from aejax.trackers import Progress
from aejax.verbs.training import _recipe


def test_train_writes_a_run(made):
    assert {p.name for p in (made / "run").iterdir()} == set(runs.PARTS) - {"checkpoints"}
    run = runs.load(made / "run")
    assert run.recipe.corruption is None and run.recipe.variant == "denoising" and run.shape == (8, 8, 1)
    assert run.config["command"].startswith("aejax train denoising --data ")
    assert run.config["data"]["load"]["source"] == str(made / "noise.npy")
    assert run.config["training"]["batch_size"] == 8
    assert "A denoising autoencoder of noise" in (made / "run" / "report.html").read_text()


def test_a_stopped_run_says_how_to_go_on_and_does(aejax, made, tmp_path, capsys, small, monkeypatch):
    arguments = ["train", "denoising", "--data", made / "noise.npy", *small, "--epochs", 3, "--checkpoint-every", 2]
    assert aejax(*arguments, "--output", tmp_path / "whole") == 0
    capsys.readouterr()
    with monkeypatch.context() as patched:
        patched.setattr(Progress, "on_epoch_end", lambda self, epoch, logs, state: signal.raise_signal(signal.SIGTERM))
        assert aejax(*arguments, "--output", tmp_path / "run") == 0
    said = capsys.readouterr().out.strip()
    assert "saved; resume with: aejax train denoising" in said and not (tmp_path / "run" / "config.json").exists()
    assert aejax(*arguments, "--output", tmp_path / "run") == 2   # as it stands it would replace what was saved
    assert aejax(*arguments, "--output", tmp_path / "run", "--resume", "--overwrite") == 2
    assert aejax(*arguments, "--output", tmp_path / "run", "--resume", "--rate", 0.2) == 2
    assert "another configuration" in capsys.readouterr().err
    assert main(shlex.split(said.split("with: aejax ")[1])) == 0
    for name in ("whole", "run"):
        assert len((tmp_path / name / "metrics.jsonl").read_text().splitlines()) == 3
    whole, resumed = (runs.load(tmp_path / name).params for name in ("whole", "run"))
    jax.tree.map(np.testing.assert_array_equal, whole, resumed)


def test_train_convolutional_into_its_own_folder(aejax, made, tmp_path, capsys, small):
    assert aejax("train", "standard", "--network", "convolutional", "--channels", "4", "--data", made / "noise.npy",
                 *small) == 0
    out = capsys.readouterr().out.splitlines()
    assert out[-1] == str(tmp_path / "runs" / "standard" / "report.html")
    assert out[0].startswith("model") and out[1].startswith("standard") and any("PCA-2" in line for line in out)
    network = runs.load(tmp_path / "runs" / "standard").recipe.network
    assert network["name"] == "convolutional" and network["channels"] == [4]


def test_flags_reach_the_recipe():
    """One call of the parser with every flag of the recipe; nothing is trained."""
    flags = Train(variant="contractive", widths="7,5", activation="relu", code_activation="sigmoid", tied=True,
                  loss="mean_squared_error", output_activation="tanh", weight=0.5, method="jacfwd", chunk_size=3,
                  precision="bfloat16")
    recipe = _recipe(flags, (4, 4, 1), (0.0, 1.0))
    assert recipe.network == {"name": "dense", "shape": [4, 4, 1], "code_dim": 30, "widths": [7, 5],
                              "activation": "relu", "code_activation": "sigmoid", "tied": True, "precision": "bfloat16"}
    assert recipe.reconstruction == {"name": "mean_squared_error", "activation": "tanh"}
    assert recipe.options == {"weight": 0.5, "method": "jacfwd", "chunk_size": 3} and recipe.corruption is None
    mask = _recipe(Train(variant="denoising", corruption="block_mask", block_size=2, fill=0.5), (4, 4, 1), None)
    assert mask.corruption == {"name": "block_mask", "size": 2, "fill": 0.5}
    assert mask.reconstruction == {"name": "squared_error", "activation": "identity", "range": None}
    curved = _recipe(Train(variant="higher_order_contractive", std=0.25, hessian_weight=0.5), (4,), (0.0, 1.0))
    assert curved.options == {"hessian_weight": 0.5, "std": 0.25} and curved.corruption is None
    estimate = _recipe(Train(variant="contractive", method="hutchinson", samples=3), (4,), (0.0, 1.0))
    assert estimate.options == {"method": "hutchinson", "samples": 3}
    signed = _recipe(Train(variant="denoising", rate=0.25), (4,), (-1.0, 1.0))
    assert signed.corruption == {"name": "masking_noise", "rate": 0.25}
    assert signed.reconstruction["activation"] == "tanh"


def test_overwrite_replaces_the_run(aejax, made, tmp_path, capsys, small):
    shutil.copytree(made / "cells", tmp_path / "copy")
    (tmp_path / "copy" / "mine.txt").write_text("mine")
    arguments = ("train", "standard", "--data", made / "cells.csv", "--output", tmp_path / "copy", *small, "--seed", 9)
    old = (tmp_path / "copy" / "config.json").read_bytes()
    assert aejax(*arguments) == 2
    assert "already holds a run" in capsys.readouterr().err
    assert (tmp_path / "copy" / "config.json").read_bytes() == old
    assert aejax(*arguments, "--overwrite") == 0
    assert runs.load(tmp_path / "copy").config["seed"] == 9 and (tmp_path / "copy" / "mine.txt").exists()


def test_divergence_ends_with_1_and_keeps_the_last_good_parameters(aejax, made, tmp_path, capsys, small):
    assert aejax("train", "standard", "--data", made / "noise.npy", "--output", "out", *small, "--learning-rate", 1e30,
                 "--loss", "squared_error", "--output-activation", "identity") == 1
    error = capsys.readouterr().err.splitlines()[-1]
    assert error.startswith("aejax: training stopped at step") and "learning rate" in error
    run = runs.load(tmp_path / "out")
    assert "NaN or infinite" in run.config["status"]
    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(run.params))


def test_sweep_and_its_best_as_a_run(aejax, made, small, tmp_path, capsys):
    """The printed command, typed, trains the model whose number stands in the table."""
    assert aejax("sweep", "denoising", "--data", made / "noise.npy", *small, "--seeds", 2, "--seed", 3, "--corruption",
                 "salt_and_pepper_noise", "--grid", "rate=0.1,0.5", "--grid", "learning-rate=0.0001,0.1") == 0
    out, err = capsys.readouterr()
    header, *table, command, last = out.splitlines()
    assert "the loss contains rate," in err
    assert last == str(tmp_path / "runs" / "sweep-denoising" / "results.csv")
    assert header.split()[:2] == ["rate", "learning_rate"] and len(table) == 4
    (best,) = [line.split() for line in table if line.endswith("best")]
    with open(last, newline="") as file:
        line = next(r for r in csv.DictReader(file) if [r["rate"], r["learning_rate"], r["seed"]] == [*best[:2], "3"])
    assert command.startswith("the best as a run: aejax train denoising ") and f"--rate {best[0]}" in command
    assert aejax(*shlex.split(command.partition("aejax ")[2]), "--output", "best") == 0
    logs = [json.loads(log) for log in (tmp_path / "best" / "metrics.jsonl").read_text().splitlines()]
    assert logs[-1]["val_loss"] == pytest.approx(float(line["val_loss"]), rel=1e-4)


def test_a_sweep_that_diverges_everywhere_ends_with_1(aejax, made, small, tmp_path, capsys):
    assert aejax("sweep", "standard", "--data", made / "noise.npy", *small, "--seeds", 1, "--output", "out",
                 "--output-activation", "identity", "--code-activation", "identity",
                 "--grid", "learning_rate=1e30") == 1
    assert "every point diverged" in capsys.readouterr().err.splitlines()[-1]
    assert json.loads((tmp_path / "out" / "results.json").read_text())["best"] is None
