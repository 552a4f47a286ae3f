import json
import shutil

import numpy as np
import pytest
from PIL import Image

from aejax import data, runs
from aejax.recipes import Recipe
from aejax.workflows import Training, train_run


@pytest.fixture
def run(made, tmp_path):
    """A run of this test's own: priors are written into it."""
    return shutil.copytree(made / "run", tmp_path / "run")


def _arrays(path):
    with np.load(path) as file:
        return dict(file)


def test_sample_fits_a_prior_once(aejax, run, tmp_path, capsys, is_png):
    assert aejax("sample", run, "-n", 9, "--prior", "gaussian", "--output", "out.png") == 0
    first = capsys.readouterr()
    assert first.out.splitlines()[-1] == str(tmp_path / "out.png") and "fitting the Gaussian" in first.err
    found = _arrays(tmp_path / "out.npz")
    loaded = runs.load(run)
    np.testing.assert_allclose(found["samples"], loaded.ae.decode(loaded.params, found["codes"]), atol=1e-6)
    assert found["samples"].shape == (9, 8, 8, 1) and found["codes"].shape == (9, 2) and is_png(tmp_path / "out.png")
    facts = json.loads((tmp_path / "out.json").read_text())
    assert facts["prior"] == "gaussian" and facts["samples"] == 9 and facts["measures"] is None
    assert aejax("sample", run, "-n", 9, "--output", "again.png") == 0   # the prior that the run holds
    assert "fitting" not in capsys.readouterr().err
    np.testing.assert_array_equal(_arrays(tmp_path / "again.npz")["codes"], found["codes"])
    assert aejax("sample", run, "-n", 9, "--seed", 1, "--output", "other.png") == 0
    assert not np.array_equal(_arrays(tmp_path / "other.npz")["codes"], found["codes"])
    assert aejax("sample", run, "-n", 9, "--output", "again.png") == 2   # exists
    assert aejax("sample", run, "--prior", "gaussian", "--refit", "--output", "again.png", "--overwrite") == 0
    assert "fitting" in capsys.readouterr().err
    page = (run / "report.html").read_text()
    assert page.count("<h2>Samples: gaussian</h2>") == 1 and page.rstrip().endswith("</html>")


def test_a_mixture_of_another_size_is_fitted_again(aejax, run, capsys):
    for components, fits in (("2", True), ("2", False), ("1,2", True)):
        assert aejax("sample", run, "-n", 2, "--prior", "mixture", "--components", components, "--overwrite") == 0
        assert ("fitting" in capsys.readouterr().err) is fits
    assert aejax("sample", run, "-n", 2, "--overwrite", "--temperature", 0) == 0
    assert "fitting" not in capsys.readouterr().err


def test_rows_of_a_table_in_their_units(aejax, made, cells, tmp_path, capsys):
    assert aejax("sample", made / "cells", "-n", 500, "--prior", "normal", "--output", "out.png") == 0
    assert capsys.readouterr().out.splitlines()[-1] == str(tmp_path / "out.npz")
    found = _arrays(tmp_path / "out.npz")["samples"]
    assert found.shape == (500, 3) and abs(found.mean() - cells.mean()) < 10 and not (tmp_path / "out.png").exists()


def test_a_run_trained_towards_the_normal_draws_from_it(aejax, made, small, tmp_path, capsys):
    assert aejax("train", "variational", "--data", made / "noise.npy", "--output", "run", *small) == 0
    assert aejax("sample", "run", "-n", 4) == 0
    assert json.loads((tmp_path / "samples.json").read_text())["prior"] == "normal"
    with Image.open(tmp_path / "samples.png") as picture:
        assert picture.height > 100


def test_digits_are_measured(aejax, tmp_path, capsys):
    recipe = Recipe("standard", {"name": "dense", "shape": [28, 28, 1], "code_dim": 4})
    train_run(recipe, data.load(), Training(epochs=1), tmp_path / "digits", command="", source={"source": "mnist_mini"})
    assert aejax("sample", "digits", "-n", 4, "--prior", "gaussian", "--examples", 50) == 0
    lines = capsys.readouterr().out.splitlines()
    measures = json.loads((tmp_path / "samples.json").read_text())["measures"]
    assert lines[1].split() == ["examples", "50"] and measures["examples"] == 50
    assert {"feature_frechet_distance", "precision", "recall", "density", "coverage", "memorisation_ratio"} <= set(
        measures)


ERRORS = {
    "no prior": (["sample", "RUN"], ["a denoising autoencoder declares no distribution", "--prior mixture"]),
    "unknown prior": (["sample", "RUN", "--prior", "cauchy"], ["unknown prior 'cauchy'", "mixture"]),
    "no codebook": (["sample", "RUN", "--prior", "autoregressive"], ["codebook", "take normal"]),
    "none": (["sample", "RUN", "--prior", "normal", "-n", "0"], ["at least 1"]),
    "temperature": (["sample", "RUN", "--prior", "normal", "--temperature", "nan"], ["temperature"]),
    "seed": (["sample", "RUN", "--prior", "normal", "--seed", "-1"], ["--seed must be at least 0"]),
    "components of a flow": (["sample", "RUN", "--prior", "flow", "--components", "3"], ["does not apply"]),
    "components": (["sample", "RUN", "--prior", "mixture", "--components", "0"], ["--components 0"]),
    "components are words": (["sample", "RUN", "--prior", "mixture", "--components", "few"], ["--components few"]),
    "too many": (["sample", "RUN", "--prior", "mixture", "--components", "999"], ["too few for 999"]),
    "a folder": (["sample", "RUN", "--prior", "normal", "--output", "."], ["ends in .png"]),
    "no PNG": (["sample", "RUN", "--prior", "normal", "--output", "a.npz"], ["ends in .png"]),
    "no run": (["sample", "nowhere"], ["nowhere", "no finished run"]),
    "one example": (["sample", "RUN", "--prior", "normal", "--examples", "1"], ["--examples 1"]),
}


@pytest.mark.parametrize("case", ERRORS)
def test_bad_input_is_one_line(aejax, made, tmp_path, capsys, case):
    arguments, words = ERRORS[case]
    assert aejax(*(made / "run" if word == "RUN" else word for word in arguments)) == 2
    error = capsys.readouterr().err
    assert all(word in error for word in words), error
    messages = [line for line in error.splitlines() if not line.startswith(("data: ", "fitting "))]
    assert len(messages) == 1 and messages[0].startswith("aejax: ")
    assert not list(tmp_path.glob("samples*")) and not (made / "run" / "priors").exists()
