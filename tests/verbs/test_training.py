import csv
import dataclasses
import json
import shlex
import shutil
import signal

import jax
import numpy as np
import pytest
from PIL import Image

from aejax import runs
from aejax.cli import main
from aejax.flags.training import Sweep, Train
from aejax.trackers import Progress
from aejax.types import InputError
from aejax.verbs.training import _measured, _recipe, _train_command


def test_train_writes_a_run(made):
    assert {p.name for p in (made / "run").iterdir()} == set(runs.PARTS) - {
        "checkpoints", "threshold.json", "detector.safetensors", runs.CODEC}
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
    bound = _recipe(Train(variant="variational", beta=2.0, warm_up=9, free_bits=0.1), (4,), (0.0, 1.0))
    assert bound.options == {"beta": 2.0, "warm_up": 9, "free_bits": 0.1}
    weighted = _recipe(Train(variant="importance_weighted", samples=7), (4,), (0.0, 1.0))
    assert weighted.options == {"samples": 7}
    signed = _recipe(Train(variant="denoising", rate=0.25), (4,), (-1.0, 1.0))
    assert signed.corruption == {"name": "masking_noise", "rate": 0.25}
    assert signed.reconstruction["activation"] == "tanh"


@pytest.mark.parametrize(("variant", "options"), [
    ("wasserstein", {"weight": 20.0, "kernel": "rbf"}), ("regularised", {"regulariser": "spectral",
                                                                         "regulariser_weight": 0.1}),
    ("adversarial", {"weight": 0.2, "discriminator_widths": "8,4"}),
    ("vector_quantised", {"codebook_size": 8, "vector_dim": 2, "commitment": 0.5})])
def test_flags_of_variants_whose_code_is_free(variant, options):
    recipe = _recipe(Train(variant=variant, code_dim=4, **options), (4, 4, 1), (0.0, 1.0))
    assert recipe.network["code_activation"] == "identity"
    widths = {"widths": [8, 4]} if options.pop("discriminator_widths", None) else {}
    assert recipe.options == options | widths
    chosen = _recipe(Train(variant=variant, code_activation="tanh"), (4, 4, 1), (0.0, 1.0))
    assert chosen.network["code_activation"] == "tanh"
    with pytest.raises(InputError, match="does not apply to standard"):
        _recipe(Train(variant="standard", **options), (4, 4, 1), (0.0, 1.0))


def test_a_spatial_network_has_vectors_to_choose():
    recipe = _recipe(Train(variant="vector_quantised", network="spatial", vector_dim=3), (8, 8, 1), (0.0, 1.0))
    assert recipe.network == {"name": "spatial", "shape": [8, 8, 1], "vector_dim": 3} and not recipe.options
    with pytest.raises(InputError, match="a spatial network takes no code_dim"):
        _recipe(Train(variant="standard", network="spatial", code_dim=3), (8, 8, 1), (0.0, 1.0))


@pytest.mark.parametrize("variant", ["adversarial", "regularised", "wasserstein", "vector_quantised"])
def test_train_writes_runs_of_every_kind_of_code(aejax, made, tmp_path, capsys, small, variant):
    spatial = variant == "vector_quantised"
    flags = ("--network", "spatial", "--channels", "4,4", *small[:4]) if spatial else small
    assert aejax("train", variant, "--data", made / "noise.npy", "--output", "run", *flags) == 0
    assert capsys.readouterr().out.splitlines()[-1] == str(tmp_path / "run" / "report.html")
    run = runs.load(tmp_path / "run")
    logs = json.loads((tmp_path / "run" / "metrics.jsonl").read_text().splitlines()[-1])
    assert run.recipe.variant == variant and (logs["val_perplexity"] >= 1 if spatial else logs["val_loss"] > 0)


def test_a_unet_has_no_code_to_choose_and_a_linear_output():
    flags = Train(variant="denoising", network="unet", channels="4,8", corruption="poisson_noise", peak=20.0)
    recipe = _recipe(flags, (8, 8, 3), (0.0, 1.0))
    assert recipe.network == {"name": "unet", "shape": [8, 8, 3], "channels": [4, 8]}
    assert recipe.reconstruction == {"name": "squared_error", "activation": "identity"}
    assert recipe.corruption == {"name": "poisson_noise", "peak": 20.0}
    signed = _recipe(dataclasses.replace(flags, corruption="hidden_regions", peak=None), (8, 8, 3), (-1.0, 1.0))
    assert signed.reconstruction == {"name": "squared_error", "activation": "identity", "range": (-1.0, 1.0)}
    assert signed.network["unknown"] == -3.0   # −1 of the [0, 1] scale
    marked = _recipe(Train(variant="denoising", network="unet", rate=0.5, fill=-0.1), (8, 8, 1), (0.0, 1.0))
    assert np.float32(marked.network["unknown"]) == np.float32(-0.1)
    for seen in (Train(variant="denoising", network="unet", rate=0.5), Train(variant="denoising", fill=-1.0)):
        assert "unknown" not in _recipe(seen, (8, 8, 1), (0.0, 1.0)).network   # black pixels, and another network


def test_levels_and_blind_levels_reach_the_corruption():
    def corruption(**given):
        return _recipe(Train(variant="denoising", **given), (8, 8, 1), (0.0, 1.0)).corruption
    assert corruption(corruption="gaussian_noise", std=0.3, blind=True) == {"name": "gaussian_noise", "std": [0.0, 0.3]}
    assert corruption(blind=True) == {"name": "masking_noise", "rate": [0.0, 0.5]}
    assert corruption(corruption="signal_dependent_noise", slope=0.02, floor=0.001, blind=True) == {
        "name": "signal_dependent_noise", "slope": [0.0, 0.02], "floor": [0.0, 0.001]}
    assert corruption(corruption="hidden_regions", rate=0.6) == {"name": "hidden_regions", "rate": [0.6, 0.6]}
    assert corruption(corruption="hidden_regions", blind=True)["rate"] == [0.0, 0.9]


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
    words = _train_command(_measured(swept))   # what `sweep` prints for its best point
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
