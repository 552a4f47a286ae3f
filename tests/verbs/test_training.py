import csv
import json
import shlex
import shutil
import signal
from pathlib import Path

import jax
import numpy as np
import pytest
from PIL import Image

from aejax import runs
from aejax.cli import main
from aejax.flags.training import Sweep
from aejax.recipes import Recipe
from aejax.trackers import Progress
from aejax.verbs.recipes import with_measured_noise
from aejax.verbs.training import _following, _train_command


def test_train_writes_a_run(made):
    assert {p.name for p in (made / "run").iterdir()} == set(runs.PARTS) - {
        "checkpoints", "threshold.json", "detector.safetensors", runs.CODEC, runs.PRIORS,
        "tensorboard", "wandb"}
    run = runs.load(made / "run")
    assert run.recipe.corruption is None and run.recipe.variant == "denoising" and run.shape == (8, 8, 1)
    assert run.config["command"].startswith("aejax train denoising --data ")
    assert run.config["data"]["load"]["source"] == str(made / "noise.npy")
    assert run.config["training"]["batch_size"] == 8
    page = (made / "run" / "report.html").read_text()
    assert "A denoising autoencoder of noise" in page and "Test images, the first ones," in page   # without labels


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
    out, error = (text.splitlines() for text in capsys.readouterr())
    assert error[-1] == "next: aejax explore runs/standard"
    assert out[-1] == str(tmp_path / "runs" / "standard" / "report.html")
    assert out[0].startswith("model") and out[1].startswith("standard") and any("PCA-2" in line for line in out)
    network = runs.load(tmp_path / "runs" / "standard").recipe.network
    assert network["name"] == "convolutional" and network["channels"] == [4]


@pytest.mark.parametrize("variant", ["adversarial", "regularised", "wasserstein", "vector_quantised"])
def test_train_writes_runs_of_every_kind_of_code(aejax, made, tmp_path, capsys, small, variant):
    spatial = variant == "vector_quantised"
    flags = ("--network", "spatial", "--channels", "4,4", *small[:4]) if spatial else small
    assert aejax("train", variant, "--data", made / "noise.npy", "--output", "run", *flags) == 0
    assert capsys.readouterr().out.splitlines()[-1] == str(tmp_path / "run" / "report.html")
    run = runs.load(tmp_path / "run")
    logs = json.loads((tmp_path / "run" / "metrics.jsonl").read_text().splitlines()[-1])
    assert run.recipe.variant == variant and (logs["val_perplexity"] >= 1 if spatial else logs["val_loss"] > 0)


def test_measured_noise_on_patches_of_unequal_pictures(aejax, tmp_path, capsys):
    """From a person's noisy pictures and clean ones to a run: the noise is measured, printed, and trained against."""
    rng = np.random.default_rng(0)
    ramps = [np.repeat(np.linspace(0.2, 0.8, columns)[None], 32, axis=0) for columns in (32, 48, 40)]
    for i, ramp in enumerate(ramps):
        for name, x in (("noisy", ramp + 0.1 * rng.normal(size=ramp.shape)), ("clean", ramp)):
            (place := tmp_path / "mine" / name).mkdir(parents=True, exist_ok=True)
            Image.fromarray(np.rint(np.clip(x, 0, 1) * 255).astype(np.uint8)).save(place / f"{i}.png")
    assert aejax("train", "denoising", "--data", "mine/clean", "--patches", "8x8", "--network", "unet", "--channels",
                 "2,4", "--noise-from", "mine", "--blind", "--epochs", 1, "--batch-size", 16, "--output", "run") == 0
    out, err = capsys.readouterr()
    first, *_, last = out.splitlines()
    assert first.startswith("noise of mine: variance ") and last == str(tmp_path / "run" / "report.html")
    assert "training patches at random places" in err
    run = runs.load(tmp_path / "run")
    slope, floor = (run.recipe.corruption[level] for level in ("slope", "floor"))
    assert run.recipe.corruption["name"] == "signal_dependent_noise" and slope[0] == floor[0] == 0
    assert 0.5 * slope[1] + floor[1] == pytest.approx(0.01, rel=0.1)
    assert f"{floor[1]:.3g}" in first and run.shape == (8, 8, 1) and run.config["data"]["load"]["patches"] == [8, 8]
    swept = Sweep(variant="denoising", noise_from=tmp_path / "mine", patches="8x8", blind=True, network="unet")
    words = _train_command(with_measured_noise(swept))   # what `sweep` prints for its best point
    assert words.startswith("aejax train denoising --patches 8x8 --network unet --corruption signal_dependent_noise ")
    assert " --blind " in words and f"--slope {slope[1]}" in words and "noise-from" not in words
    capsys.readouterr()
    assert aejax("evaluate", "run", "--json") == 0   # cuts the same patches again
    out, err = capsys.readouterr()
    assert "has changed" not in err
    row = json.loads(out)["rows"][0]
    assert row["code_dim"] is None and row["jacobian_norm"] is None and row["restored_mse"] > 0


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


def test_a_training_is_tracked(aejax, small, noise, tmp_path):
    pytest.importorskip("tensorboardX", reason="the extra tensorboard is not installed")
    np.save("noise.npy", noise)
    assert aejax("train", "standard", "--data", "noise.npy", "--track", "tensorboard", "--output", "run", *small) == 0
    assert list((tmp_path / "run" / "tensorboard").glob("events.out.tfevents.*"))


@pytest.mark.parametrize(("flags", "message"), [
    (("train", "standard", "--track", "tensorbord"), "unknown tracker 'tensorbord': one of tensorboard, wandb"),
    (("sweep", "denoising", "--grid", "rate=0.1,0.2", "--track", "wandb"), "--track does not apply to sweep")])
def test_tracking_that_does_not_fit_is_refused(aejax, capsys, flags, message, tmp_path):
    assert aejax(*flags) == 2
    assert message in capsys.readouterr().err and not (tmp_path / "runs").exists()


@pytest.mark.parametrize(("corruption", "pictures", "command"), [
    ({"name": "gaussian_noise", "std": 0.1}, True, "aejax denoise 'my run' PICTURES"),
    ({"name": "hidden_regions"}, True, "aejax inpaint 'my run' PICTURE --mask MASK"),
    ({"name": "downsample", "factor": 4}, True, "aejax upscale 'my run' PICTURES --factor 4"),
    ({"name": "gaussian_noise"}, False, "aejax evaluate 'my run'")])
def test_what_to_type_next(corruption, pictures, command):
    recipe = Recipe("denoising", {"name": "dense", "shape": [4], "code_dim": 2}, corruption=corruption)
    assert _following(recipe, Path("my run"), pictures) == command
