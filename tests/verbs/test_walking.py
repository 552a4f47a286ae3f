import numpy as np
import pytest
from PIL import Image
from safetensors.numpy import load_file

from aejax import data, figures, runs
from aejax.applications import interpolation, steering, style_mixing
from aejax.recipes import Recipe, build_network
from aejax.workflows import Training, train_run

RUN = ("interpolate", "RUN")


def test_interpolate_between_test_examples(aejax, made, tmp_path, capsys, is_png):
    assert aejax("interpolate", made / "run", 0, 3, "--steps", 5, "--output", "out") == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[-1] == str(tmp_path / "out" / "strip.png") and is_png(tmp_path / "out" / "strip.png")
    assert [line.split()[0] for line in lines[1:5]] == list(interpolation.PATHS)
    found, run = np.load(tmp_path / "out" / "interpolation.npz"), runs.load(made / "run")
    for name, path in interpolation.PATHS.items():
        expected = path(run.ae, run.params, found["a"][None], found["b"][None], 5)
        np.testing.assert_allclose(found[f"{name}_images"], expected.images[0], atol=1e-5)
    assert found["geodesic_energies"].shape == (301,) and found["linear_codes"].shape == (5, 2)


def test_interpolate_between_pictures_by_one_path(aejax, made, tmp_path, noise):
    a, b = (made / "pictures" / f"{name}.png" for name in "ab")
    assert aejax("interpolate", made / "run", a, b, "--path", "linear,pixel", "--output", "out") == 0
    found = np.load(tmp_path / "out" / "interpolation.npz")
    assert sorted(found) == ["a", "b", "linear_codes", "linear_images", "pixel_images"]
    np.testing.assert_allclose(found["pixel_images"][[0, -1], ..., 0] * 255, noise[:2], atol=1e-3)
    assert aejax("interpolate", made / "run", a, b, "--output", "out") == 2   # exists
    assert aejax("interpolate", made / "run", a, b, "--path", "slerp", "--output", "out", "--overwrite") == 0


def test_interpolate_rows_of_a_table_in_their_units(aejax, made, tmp_path, cells, capsys):
    assert aejax("interpolate", made / "cells", 0, 1, "--path", "pixel", "--output", "out") == 0
    assert capsys.readouterr().out.splitlines()[-1] == str(tmp_path / "out" / "interpolation.npz")
    path = np.load(tmp_path / "out" / "interpolation.npz")["pixel_images"]
    for end in (0, -1):
        assert np.isclose(cells, path[end], rtol=1e-4).all(axis=1).any()


def test_a_run_of_digits_is_measured_by_the_classifier(aejax, tmp_path, capsys):
    recipe = Recipe("standard", {"name": "dense", "shape": [28, 28, 1], "code_dim": 4})
    train_run(recipe, data.load(), Training(epochs=1), tmp_path / "digits", command="", source={"source": "mnist_mini"})
    assert aejax("interpolate", "digits", 0, 5, "--path", "pixel", "--steps", 3) == 0
    header, row, _ = capsys.readouterr().out.splitlines()
    assert header.endswith("entropy") and 0 <= float(row.split()[-1]) <= np.log(10)


def test_steer(aejax, made, tmp_path, capsys, is_png):
    assert aejax("steer", made / "run", "--edit", "brightness", "--alpha=-1:1:3", "--index", "0,2", "--epochs", 2,
                 "--limit", 0.5, "--output", "out") == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[-1] == str(tmp_path / "out" / "strip.png") and is_png(tmp_path / "out" / "strip.png")
    assert [float(line.split()[0]) for line in lines[1:4]] == [-1, 0, 1]
    found, run = np.load(tmp_path / "out" / "steering.npz"), runs.load(made / "run")
    assert found["walked"].shape == found["edited"].shape == (2, 3, 8, 8, 1) and found["direction"].shape == (2,)
    codes = np.asarray(run.ae.encode(run.params, found["images"]))
    for i, alpha in enumerate(found["alpha"]):   # the saved direction is w of z + alpha w
        expected = run.ae.decode(run.params, codes + alpha * found["direction"][None])
        np.testing.assert_allclose(found["walked"][:, i], expected, atol=1e-5)
    assert np.abs(found["direction"]).max() > 0
    saved = load_file(tmp_path / "out" / "steering.safetensors")
    np.testing.assert_array_equal(saved["autoencoder/encoder_kernel_0"], run.params["encoder_kernel_0"])


def test_steer_pictures_jointly_by_a_nonlinear_walk(aejax, made, tmp_path):
    assert aejax("steer", made / "run", "--edit", "rotate", "--walk", "nonlinear", "--joint", "--epochs", 1,
                 "--pictures", made / "pictures", "--alpha", "10,20", "--output", "out") == 0
    found = np.load(tmp_path / "out" / "steering.npz")
    assert found["walked"].shape == (2, 2, 8, 8, 1) and "direction" not in found
    saved = load_file(tmp_path / "out" / "steering.safetensors")
    walk = {name.rpartition("/")[2] for name in saved if name.startswith("walk/step")}
    assert walk == {"w", "first", "bias", "second"} and steering.WIDTH in saved["walk/step/first"].shape
    run = runs.load(made / "run")
    assert not np.array_equal(saved["autoencoder/encoder_kernel_0"], run.params["encoder_kernel_0"])


@pytest.fixture(scope="module")
def styled(aejax, made, tmp_path_factory, logger_as_it_was, small):
    """A run whose network has styles."""
    folder = tmp_path_factory.mktemp("styled") / "run"
    with logger_as_it_was():
        assert aejax("train", "standard", "--network", "style", "--channels", "2,4", "--mapping-widths", "3",
                     "--style-dim", 2, "--data", made / "noise.npy", "--output", folder, *small) == 0
    return folder


def test_mix_test_examples_with_pictures(aejax, made, styled, tmp_path, capsys, is_png, monkeypatch):
    drawn = []
    monkeypatch.setattr(figures, "mixtures", lambda path, *rest, **more: drawn.append((path, *rest)))
    assert aejax("mix", styled, "0,3", made / "pictures", "--output", "none.png") == 0
    (path, a, b, tables), run = drawn[0], runs.load(styled)
    assert path.name == "none.png" and a.shape == b.shape == (2, 8, 8, 1) and len(tables) == 3
    network = build_network(run.recipe.network)
    assert (network.mapping_widths, network.style_dim, network.channels) == ((3,), 2, (2, 4))
    space = style_mixing.in_style_space(network)
    kept, taken = (np.asarray(space.encode(run.params, np.asarray(x, np.float32))) for x in (a, b))
    fine = next(table for name, table in tables.items() if name.startswith("fine styles of B (layer 3, 4)"))
    expected = style_mixing.mix(space, run.params, kept[1:], taken[:1], (3, 4), layer_count=5)
    np.testing.assert_allclose(fine[1, 0], expected[0], atol=1e-5)
    monkeypatch.undo()
    monkeypatch.chdir(tmp_path)
    assert aejax("mix", styled, 0, "1,2", "--psi", 0.5) == 0
    assert capsys.readouterr().out.splitlines()[-1] == str(tmp_path / "mix.png") and is_png(tmp_path / "mix.png")
    assert aejax("mix", styled, 0, 1) == 2   # exists


@pytest.mark.parametrize(("arguments", "words"), [
    (("RUN", 0, 1), ["no styles in a denoising dense network", "--network style"]),
    (("STYLED", 0, 1, "--output", "mix.jpg"), ["mix.jpg", ".png"]), (("STYLED", 0, 1, "--psi", 2), ["--psi", "0 to 1"]),
    (("STYLED", 0, 99), ["no test example 99"]), (("STYLED", 0, "1," * 8 + "1"), ["9 images", "room for 8"]),
    (("STYLED", 0, "c.png"), ["c.png", "no such file"])])
def test_what_cannot_be_mixed_is_one_line(aejax, made, styled, tmp_path, capsys, arguments, words):
    places = {"RUN": made / "run", "STYLED": styled}
    assert aejax("mix", *(places.get(word, word) for word in arguments)) == 2
    error = capsys.readouterr().err
    assert all(word in error for word in words), error
    assert not list(tmp_path.glob("mix.*"))


ERRORS = {
    "steps": (["interpolate", "RUN", "0", "1", "--steps", "1"], ["--steps must be at least 2"]),
    "index": (["interpolate", "RUN", "0", "8"], ["no test example 8", "has 8, from 0 to 7"]),
    "negative index": (["interpolate", "RUN", "0", "-1"], ["no test example -1"]),
    "path": (["interpolate", "RUN", "0", "1", "--path", "arc"], ["--path arc", "slerp"]),
    "no run": (["interpolate", "nowhere", "0", "1"], ["nowhere", "no finished run"]),
    "no file": (["interpolate", "RUN", "0", "b.png"], ["b.png", "no such file"]),
    "folder": (["interpolate", "RUN", "0", "PICTURES"], ["2 examples", "name a file with one"]),
    "array of another shape": (["interpolate", "RUN", "0", "small.npy"], ["small.npy", "(4, 6)", "(8, 8, 1)"]),
    "data of another shape": (["interpolate", "RUN", "0", "1", "--data", "small.npy"], ["(4, 6, 1)", "(8, 8, 1)"]),
    "run of a table given pictures": (["interpolate", "CELLS", "0", "a.png"], ["a.png", "(3,)"]),
    "edit": (["steer", "RUN", "--edit", "turn"], ["unknown edit 'turn'", "rotate"]),
    "alpha nan": (["steer", "RUN", "--edit", "rotate", "--alpha", "1,nan"], ["alpha", "finite"]),
    "alpha inf": (["steer", "RUN", "--edit", "rotate", "--alpha=-inf:1:3"], ["alpha", "finite"]),
    "alpha words": (["steer", "RUN", "--edit", "rotate", "--alpha", "much"], ["--alpha much", "LOW:HIGH:COUNT"]),
    "alpha empty range": (["steer", "RUN", "--edit", "rotate", "--alpha", "0:1:0"], ["--alpha 0:1:0"]),
    "limit": (["steer", "RUN", "--edit", "rotate", "--limit", "nan"], ["limit"]),
    "walk": (["steer", "RUN", "--edit", "rotate", "--walk", "curved"], ["unknown walk 'curved'"]),
    "steer index": (["steer", "RUN", "--edit", "rotate", "--index", "0,99"], ["no test example 99"]),
    "index is a word": (["steer", "RUN", "--edit", "rotate", "--index", "one"], ["--index one"]),
    "table": (["steer", "CELLS", "--edit", "rotate"], ["images", "(3,)"]),
    "epochs": (["steer", "RUN", "--edit", "rotate", "--epochs", "0"], ["--epochs must be at least 1"]),
}


@pytest.mark.parametrize("case", ERRORS)
def test_bad_input_is_one_line(aejax, made, tmp_path, capsys, case):
    np.save("small.npy", np.zeros((10, 4, 6), np.uint8))
    Image.fromarray(np.zeros((8, 8), np.uint8)).save("a.png")
    arguments, words = ERRORS[case]
    places = {"RUN": made / "run", "CELLS": made / "cells", "PICTURES": made / "pictures"}
    try:
        code = aejax(*(places.get(word, word) for word in arguments), "--output", "out")
    except SystemExit as end:   # the flags' parser
        code = end.code
    error = capsys.readouterr().err
    assert code == 2 and not (tmp_path / "out").exists()
    assert all(word in error for word in words), error
    if words:
        messages = [line for line in error.splitlines() if not line.startswith("data: ")]
        assert len(messages) == 1 and messages[0].startswith("aejax: ")
