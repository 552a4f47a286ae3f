import contextlib
import io
import json
import logging
import shutil

import jax
import numpy as np
import pytest
from PIL import Image

from aejax import runs, verbs
from aejax.cli import main
from aejax.files import read_picture

RNG = np.random.default_rng(0)
IMAGES = RNG.integers(0, 256, (40, 8, 8), np.uint8)
TABLE = RNG.normal(50, 10, (30, 3))
SMALL = ("--epochs", 1, "--batch-size", 8, "--code-dim", 2)


@pytest.fixture(autouse=True)
def alone(tmp_path, monkeypatch):
    """A folder, a cache and an environment of the test's own; the logger as it was."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("AEJAX_DATA_DIR", "TFDS_DATA_DIR"):
        monkeypatch.delenv(name, raising=False)
    with logger_kept():
        yield


@contextlib.contextmanager
def logger_kept():
    logger = logging.getLogger("aejax")
    kept = logger.handlers, logger.propagate, logger.level
    try:
        yield
    finally:
        logger.handlers, logger.propagate = kept[:2]
        logger.setLevel(kept[2])


def is_png(path):
    return path.read_bytes().startswith(b"\x89PNG")


def aejax(*arguments):
    return main([str(argument) for argument in arguments])


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A folder with data, a run on pictures ("run") and one on a table ("cells")."""
    folder = tmp_path_factory.mktemp("made")
    np.save(folder / "noise.npy", IMAGES)
    (folder / "cells.csv").write_text("a,b,c\n" + "\n".join(",".join(map(repr, row)) for row in TABLE.tolist()))
    (folder / "pictures").mkdir()
    for name, image in zip("ab", IMAGES, strict=False):
        Image.fromarray(image).save(folder / "pictures" / f"{name}.png")
    with logger_kept(), contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        assert aejax("train", "denoising", "--data", folder / "noise.npy", "--output", folder / "run", *SMALL) == 0
        assert aejax("train", "standard", "--data", folder / "cells.csv", "--output", folder / "cells", *SMALL) == 0
    return folder


def test_train_writes_a_run(made):
    assert {p.name for p in (made / "run").iterdir()} == set(runs.PARTS)
    run = runs.load(made / "run")
    assert run.recipe.corruption is None and run.recipe.variant == "denoising" and run.shape == (8, 8, 1)
    assert run.config["command"].startswith("aejax train denoising --data ")
    assert run.config["data"]["load"]["source"] == str(made / "noise.npy")
    assert run.config["training"]["batch_size"] == 8
    assert "A denoising autoencoder of noise" in (made / "run" / "report.html").read_text()


def test_train_convolutional_into_its_own_folder(made, tmp_path, capsys):
    assert aejax("train", "standard", "--network", "convolutional", "--channels", "4", "--data", made / "noise.npy",
                 *SMALL) == 0
    out = capsys.readouterr().out.splitlines()
    assert out[-1] == str(tmp_path / "runs" / "standard" / "report.html")
    assert out[0].startswith("model") and out[1].startswith("standard") and any("PCA-2" in line for line in out)
    network = runs.load(tmp_path / "runs" / "standard").recipe.network
    assert network["name"] == "convolutional" and network["channels"] == [4]


def test_flags_reach_the_recipe():
    """One call of the parser with every flag of the recipe; nothing is trained."""
    from aejax.cli import Train
    flags = Train(variant="contractive", widths="7,5", activation="relu", code_activation="sigmoid", tied=True,
                  loss="mean_squared_error", output_activation="tanh", weight=0.5, method="jacfwd", chunk_size=3)
    recipe = verbs._recipe(flags, (4, 4, 1), (0.0, 1.0))
    assert recipe.network == {"name": "dense", "shape": [4, 4, 1], "code_dim": 30, "widths": [7, 5],
                              "activation": "relu", "code_activation": "sigmoid", "tied": True}
    assert recipe.reconstruction == {"name": "mean_squared_error", "activation": "tanh"}
    assert recipe.options == {"weight": 0.5, "method": "jacfwd", "chunk_size": 3} and recipe.corruption is None
    mask = verbs._recipe(Train(variant="denoising", corruption="block_mask", block_size=2, fill=0.5), (4, 4, 1), None)
    assert mask.corruption == {"name": "block_mask", "size": 2, "fill": 0.5}
    assert mask.reconstruction == {"name": "squared_error", "activation": "identity", "range": None}
    signed = verbs._recipe(Train(variant="denoising", rate=0.25), (4,), (-1.0, 1.0))
    assert signed.corruption == {"name": "masking_noise", "rate": 0.25}
    assert signed.reconstruction["activation"] == "tanh"


def test_overwrite_replaces_the_run(made, tmp_path, capsys):
    shutil.copytree(made / "cells", tmp_path / "copy")
    (tmp_path / "copy" / "mine.txt").write_text("mine")
    arguments = ("train", "standard", "--data", made / "cells.csv", "--output", tmp_path / "copy", *SMALL, "--seed", 9)
    old = (tmp_path / "copy" / "config.json").read_bytes()
    assert aejax(*arguments) == 2
    assert "already holds a run" in capsys.readouterr().err
    assert (tmp_path / "copy" / "config.json").read_bytes() == old
    assert aejax(*arguments, "--overwrite") == 0
    assert runs.load(tmp_path / "copy").config["seed"] == 9 and (tmp_path / "copy" / "mine.txt").exists()


def test_evaluate_is_what_training_reported(made, capsys):
    assert aejax("evaluate", made / "run", "--json") == 0
    found = json.loads(capsys.readouterr().out)
    expected = json.loads((made / "run" / "results.json").read_text())["rows"]
    assert found["examples"] == 8 and found["data"] == "noise" and found["run"] == str(made / "run")
    assert [row["name"] for row in found["rows"]] == ["run", *[row["name"] for row in expected[1:]]]
    for key in ("mse", "restored_mse", "jacobian_norm", "psnr"):
        assert found["rows"][0][key] == pytest.approx(expected[0][key], rel=1e-4)


def test_evaluate_prints_a_table(made, capsys):
    assert aejax("evaluate", made / "cells") == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split()[0] == "model" and lines[1].split()[0] == "cells" and "PSNR" not in lines[0]


def test_evaluate_on_other_data(made, tmp_path, capsys):
    np.save(tmp_path / "other.npy", IMAGES[:10])
    assert aejax("evaluate", made / "run", "--data", "other.npy", "--json") == 0
    assert json.loads(capsys.readouterr().out)["examples"] == 2
    assert aejax("evaluate", made / "run", "--data", made / "cells.csv") == 2


def test_evaluate_says_when_the_data_have_changed(made, tmp_path, capsys):
    shutil.copytree(made / "run", tmp_path / "run")
    np.save(tmp_path / "noise.npy", IMAGES[:20])
    config = json.loads((tmp_path / "run" / "config.json").read_text())
    config["data"]["load"]["source"] = str(tmp_path / "noise.npy")
    (tmp_path / "run" / "config.json").write_text(json.dumps(config))
    assert aejax("evaluate", "run") == 0
    assert "has changed since the run was trained" in capsys.readouterr().err


def test_reconstruct_pictures(made, tmp_path, capsys):
    assert aejax("reconstruct", made / "run", made / "pictures", "--output", "out") == 0
    out = capsys.readouterr().out.splitlines()
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == ["a.png", "b.png", "figure.png"]
    assert out[-1] == str(tmp_path / "out" / "figure.png")
    run = runs.load(made / "run")
    for name, image in zip("ab", IMAGES, strict=False):
        expected = run.ae.decode(run.params, run.ae.encode(run.params, image[None, ..., None]))
        found = read_picture(tmp_path / "out" / f"{name}.png").astype(float)
        np.testing.assert_allclose(found, np.asarray(expected)[0] * 255, atol=0.51)


@pytest.mark.parametrize("held", ["a.png", "figure.png"])
def test_reconstruct_refuses_to_overwrite(made, tmp_path, capsys, held):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / held).write_text("mine")
    arguments = ("reconstruct", made / "run", made / "pictures", "--output", "out")
    assert aejax(*arguments) == 2
    error = capsys.readouterr().err
    assert held in error and "--overwrite" in error and len(error.splitlines()) == 1
    assert [(p.name, p.read_text()) for p in (tmp_path / "out").iterdir()] == [(held, "mine")]
    assert aejax(*arguments, "--overwrite") == 0
    assert is_png(tmp_path / "out" / held)


def test_a_picture_named_figure_keeps_its_reconstruction(made, tmp_path):
    Image.fromarray(IMAGES[0]).save(tmp_path / "figure.png")
    assert aejax("reconstruct", made / "run", "figure.png", "--output", "out") == 0
    assert len(list((tmp_path / "out").iterdir())) == 2
    assert read_picture(tmp_path / "out" / "figure.png").shape == (8, 8, 1)


def test_reconstruct_a_table_in_its_own_units(made, tmp_path, capsys):
    assert aejax("reconstruct", made / "cells", made / "cells.csv", "--output", "out") == 0
    assert capsys.readouterr().out.splitlines() == [str(tmp_path / "out" / "reconstructions.npy")]
    found, run = np.load(tmp_path / "out" / "reconstructions.npy"), runs.load(made / "cells")
    mean, std = (np.asarray(run.config["data"]["standardiser"][part]) for part in ("mean", "std"))
    scaled = ((TABLE - mean) / std).astype(np.float32)
    expected = np.asarray(run.ae.decode(run.params, run.ae.encode(run.params, scaled))) * std + mean
    np.testing.assert_allclose(found, expected, rtol=1e-4)
    assert abs(found.mean() - 50) < 20   # not the standardised numbers


def test_data_check(made, tmp_path, capsys):
    assert aejax("data", "check", made / "noise.npy", "--json", "--output", "grid.png") == 0
    first, last = capsys.readouterr().out.splitlines()
    assert json.loads(first)["examples"]["train"] == 40 and last == str(tmp_path / "grid.png")
    assert is_png(tmp_path / "grid.png")
    assert aejax("data", "check", made / "noise.npy", "--output", "grid") == 0 and is_png(tmp_path / "grid")
    capsys.readouterr()
    assert aejax("data", "check", made / "cells.csv") == 0
    assert "kind                 table" in capsys.readouterr().out


def test_data_check_counts_unequal_pictures(made, tmp_path, capsys):
    mixed_pictures(tmp_path)
    assert aejax("data", "check", "mixed", "--json") == 0
    assert json.loads(capsys.readouterr().out)["sizes"] == {"8x8": 1, "4x6": 1}
    assert aejax("data", "check", "mixed", "--json", "--size", "5x7") == 0
    assert json.loads(capsys.readouterr().out)["shape"] == [5, 7, 1]


def mixed_pictures(folder):
    (folder / "mixed").mkdir()
    Image.fromarray(IMAGES[0]).save(folder / "mixed" / "a.png")
    Image.fromarray(IMAGES[0, :4, :6]).save(folder / "mixed" / "b.png")


def bad_inputs(folder):
    mixed_pictures(folder)
    (folder / "empty").mkdir()
    (folder / "damaged").mkdir()
    for name in "ab":
        Image.fromarray(RNG.integers(0, 256, (64, 64), np.uint8)).save(folder / "damaged" / f"{name}.png")
    (folder / "damaged" / "b.png").write_bytes((folder / "damaged" / "a.png").read_bytes()[:900])
    np.savez(folder / "none.npz")
    np.savez(folder / "two.npz", a=IMAGES, b=IMAGES)
    floats = IMAGES / np.float32(255)
    np.save(folder / "large.npy", floats * 3)
    floats[3, 2, 1] = np.nan
    np.save(folder / "nan.npy", floats)
    np.save(folder / "few.npy", IMAGES[:9])
    (folder / "a file").write_text("mine")


TRAIN = ["train", "standard", "--data", "NOISE", "--output", "OUT", "--epochs", "1", "--batch-size", "8"]
ERRORS = {   # added to TRAIN (a later flag replaces an earlier one); what the one line says
    "missing path": (["--data", "./nowhere"], ["./nowhere", "no such file or folder"]),
    "empty folder": (["--data", "./empty"], ["empty", "no pictures"]),
    "unequal pictures": (["--data", "./mixed"], ["b.png", "4x6", "--size"]),
    "truncated picture": (["--data", "./damaged"], ["b.png", "cannot be read"]),
    "npz without array": (["--data", "none.npz"], ["none.npz", "no arrays"]),
    "npz with two": (["--data", "two.npz"], ["two.npz", "a, b", "'train'"]),
    "NaN": (["--data", "nan.npy"], ["nan.npy", "not finite", "(3, 2, 1)"]),
    "floats outside": (["--data", "large.npy"], ["large.npy", "max 3", "[0, 1]"]),
    "few examples": (["--data", "few.npy"], ["few", "fewer than a batch of 8", "--batch-size"]),
    "unknown data": (["--data", "mnist_mimi"], ["'mnist_mimi'", "did you mean 'mnist_mini'"]),
    "no data folder": (["--data-dir", "nowhere", "--data", "mnist"], ["--data-dir nowhere"]),
    "label column of no table": (["--label-column", "y"], ["label column 'y'"]),
    "code_dim 0": (["--code-dim", "0"], ["code_dim must be at least 1, got 0"]),
    "code_dim -1": (["--code-dim", "-1"], ["code_dim must be at least 1, got -1"]),
    "network": (["--network", "convolution"], ["unknown network 'convolution'", "'convolutional'"]),
    "loss": (["--loss", "squared"], ["unknown loss 'squared'", "'squared_error'"]),
    "activation": (["--activation", "rellu", "--widths", "4"], ["unknown activation 'rellu'", "relu"]),
    "weight": (["--weight", "1"], ["weight does not apply to standard"]),
    "rate": (["--rate", "0.1"], ["--rate does not apply to standard"]),
    "corruption": (["--corruption", "masking_noise"], ["corruption does not apply to standard"]),
    "channels": (["--channels", "4"], ["a dense network takes no channels"]),
    "widths": (["--widths", "abc"], ["--widths abc", "512,256"]),
    "size": (["--size", "3by4"], ["--size 3by4", "32x32"]),
    "size 0": (["--size", "0x4"], ["size (0, 4)"]),
    "output activation": (["--loss", "cross_entropy", "--output-activation", "tanh"], ["--output-activation"]),
    "output is a file": (["--output", "a file"], ["--output a file is a file"]),
    "output below a file": (["--output", "a file/run"], ["--output a file/run"]),
    "epochs": (["--epochs", "0"], ["--epochs must be at least 1"]),
    "learning rate": (["--learning-rate", "nan"], ["--learning-rate"]),
    "seed": (["--seed", "-1"], ["--seed must be at least 0"]),
    "patience": (["--patience", "2", "--validation", "0"], ["--patience needs validation"]),
}
OTHERS = {
    "variant": (["train", "standart"], ["unknown variant 'standart'", "did you mean 'standard'"]),
    "corruption name": (["train", "denoising", "--corruption", "gausian_noise"],
                        ["'gausian_noise'", "'gaussian_noise'"]),
    "rate of sparse": (["train", "sparse", "--rate", "0.1"], ["--rate does not apply to sparse"]),
    "std of masking": (["train", "denoising", "--std", "0.1"], ["std does not apply to masking_noise"]),
    "equal codes": (["compare", "--data", "NOISE", "--batch-size", "8", "--code-dim", "4", "--over-complete", "4"],
                    ["--code-dim and --over-complete"]),
    "no run": (["evaluate", "nowhere"], ["nowhere holds no finished run"]),
    "no run to reconstruct": (["reconstruct", "empty", "mixed"], ["empty holds no finished run"]),
    "no picture": (["reconstruct", "RUN", "nowhere.png"], ["nowhere.png", "no such file"]),
    "unfit array": (["reconstruct", "RUN", "CELLS"], ["cells.csv", "(8, 8, 1)"]),
    "pictures for a table": (["reconstruct", "TABLE", "mixed"], ["mixed", "(3,)"]),
    "reconstruct into a file": (["reconstruct", "RUN", "mixed", "--output", "a file"], ["a file"]),
    "check": (["data", "check", "./nowhere"], ["./nowhere"]),
    "grid of a table": (["data", "check", "CELLS", "--output", "grid.png"], ["cells.csv", "no images"]),
    "grid over a folder": (["data", "check", "NOISE", "--output", "empty"], ["empty"]),
    "verb": (["trian"], ["unknown verb 'trian'", "did you mean 'train'"]),
}


@pytest.mark.parametrize("name", [*ERRORS, *OTHERS])
def test_bad_input_is_one_line_and_leaves_everything(made, tmp_path, capsys, name):
    bad_inputs(tmp_path)
    before = sorted(tmp_path.rglob("*"))
    added, parts = ERRORS.get(name) or OTHERS[name]
    arguments = added if name in OTHERS else TRAIN + added
    places = {"NOISE": made / "noise.npy", "CELLS": made / "cells.csv", "RUN": made / "run", "TABLE": made / "cells"}
    assert aejax(*(places.get(argument, argument) for argument in arguments)) == 2
    *log, error = capsys.readouterr().err.splitlines()
    assert error.startswith("aejax: ") and all(part in error for part in parts), error
    assert not any("Traceback" in line or line.startswith("aejax") for line in log)   # notes on the data at most
    assert sorted(p for p in tmp_path.rglob("*") if "cache" not in p.parts) == before
    assert (tmp_path / "a file").read_text() == "mine"


def test_a_refused_training_leaves_the_older_run(made, tmp_path, capsys):
    shutil.copytree(made / "run", tmp_path / "OUT")
    before = {p: p.read_bytes() for p in (tmp_path / "OUT").rglob("*") if p.is_file()}
    bad_inputs(tmp_path)
    for added in (["--data", "few.npy"], ["--data", "nan.npy"], ["--code-dim", "0"]):
        arguments = [made / "noise.npy" if a == "NOISE" else a for a in [*TRAIN, *added, "--overwrite"]]
        assert aejax(*arguments) == 2
    assert {p: p.read_bytes() for p in (tmp_path / "OUT").rglob("*") if p.is_file()} == before


@pytest.mark.parametrize("arguments", [["train", "standard", "--epoch", "3"], ["train"], ["data", "look", "x"],
                                       ["train", "standard", "--epochs", "many"], []])
def test_flags_that_do_not_parse_end_with_2(arguments, tmp_path):
    with pytest.raises(SystemExit) as end:
        aejax(*arguments)
    assert end.value.code == 2 and not list(tmp_path.iterdir())


def test_divergence_ends_with_1_and_keeps_the_last_good_parameters(made, tmp_path, capsys):
    assert aejax("train", "standard", "--data", made / "noise.npy", "--output", "out", *SMALL, "--learning-rate", 1e30,
                 "--loss", "squared_error", "--output-activation", "identity") == 1
    error = capsys.readouterr().err.splitlines()[-1]
    assert error.startswith("aejax: training stopped at step") and "learning rate" in error
    run = runs.load(tmp_path / "out")
    assert "NaN or infinite" in run.config["status"]
    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(run.params))


def test_compiled_programs_are_kept_in_the_users_cache(tmp_path):
    kept = jax.config.jax_compilation_cache_dir, jax.config.jax_persistent_cache_min_compile_time_secs
    try:
        jax.config.update("jax_compilation_cache_dir", None)
        verbs.keep_compiled_programs()
        assert jax.config.jax_compilation_cache_dir == str(tmp_path / "cache" / "aejax" / "xla")
        jax.config.update("jax_compilation_cache_dir", "elsewhere")
        verbs.keep_compiled_programs()
        assert jax.config.jax_compilation_cache_dir == "elsewhere"   # JAX was told another place
    finally:
        jax.config.update("jax_compilation_cache_dir", kept[0])
        jax.config.update("jax_persistent_cache_min_compile_time_secs", kept[1])


def test_data_check_draws_a_grid_and_says_why_not(made, tmp_path, capsys):
    assert aejax("data", "check", made / "noise.npy") == 0
    assert capsys.readouterr().out.splitlines()[-1] == str(tmp_path / "data-check.png")
    bad = np.zeros((9, 4, 4), np.float32)
    bad[3, 0, 0] = np.nan
    np.save(tmp_path / "bad.npy", bad)
    assert aejax("data", "check", "bad.npy") == 0
    assert "no grid of samples: " in capsys.readouterr().out.splitlines()[-1]
