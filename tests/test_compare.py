import json
import logging
import re

import numpy as np
import pytest
from PIL import Image

from aejax import runs
from aejax.compare import chosen, compare, corruption_of, recipes, write_report
from aejax.data import Dataset
from aejax.recipes import Recipe
from aejax.trackers import JsonLines
from aejax.types import InputError
from aejax.workflows import Training, train_run

RNG = np.random.default_rng(0)
PICTURES = RNG.integers(0, 256, (64, 8, 8, 1), np.uint8)
IMAGES = Dataset(PICTURES[:48], np.arange(48, dtype=np.int32) % 3, PICTURES[48:], np.arange(16, dtype=np.int32) % 3,
                 "noise <8x8>", source="noise: made in a test", notes=("a note",))
CELLS = RNG.normal(size=(40, 5)).astype(np.float32)
TABLE = Dataset(CELLS[:32], None, CELLS[32:], None, "cells", source="cells: made in a test", range=None)
TRAINING = Training(epochs=1, batch_size=16)
NAMES = ["standard-3", "standard-6", "tied-3", "sparse-6", "denoising-6", "contractive-6"]
BASELINES = ["corrupted input", "linear denoiser"]


@pytest.fixture(scope="module")
def images_page(tmp_path_factory):
    output = tmp_path_factory.mktemp("images")
    return compare(IMAGES, TRAINING, output, command="aejax compare --data noise", code_dim=3, over_complete=6,
                   source={"source": "noise"})


@pytest.fixture(scope="module")
def table_page(tmp_path_factory):
    return compare(TABLE, TRAINING, tmp_path_factory.mktemp("table"), command="aejax compare", code_dim=3,
                   over_complete=6)


def rows(page):
    return json.loads((page.parent / "results.json").read_text())["rows"]


@pytest.mark.parametrize("kind", ["images", "table"])
def test_six_runs_results_and_a_page(request, kind):
    page = request.getfixturevalue(f"{kind}_page")
    assert page.is_absolute() and page.name == "report.html"
    assert sorted(p.name for p in page.parent.iterdir()) == sorted([*NAMES, "figures", "report.html", "results.json"])
    for name in NAMES:
        run = runs.load(page.parent / name)
        assert run.recipe.variant == name.split("-")[0] and run.recipe.network["code_dim"] == int(name.split("-")[1])
        assert run.config["status"] == "done"
        assert len((run.path / "metrics.jsonl").read_text().splitlines()) == 1


def test_rows_of_images(images_page):
    found = rows(images_page)
    assert [row["name"] for row in found] == [*NAMES, *BASELINES, "PCA-3", "PCA-3, cut to range", "PCA-6",
                                              "PCA-6, cut to range"]
    for row in found[:6]:
        assert row["signed_mse"] == pytest.approx(4 * row["mse"]) and row["seconds"] > 0
        assert all(np.isfinite(row[key]) for key in ("mse", "psnr", "restored_mse", "restored_psnr", "jacobian_norm"))
    tied, standard = found[2]["parameters"], found[0]["parameters"]
    assert standard - tied == 3 * 64   # one matrix fewer


def test_rows_of_a_table(table_page):
    found = rows(table_page)
    assert [row["name"] for row in found] == [*NAMES, *BASELINES, "PCA-3", "PCA-5"]
    assert not any("psnr" in row and row["psnr"] is not None for row in found)


def test_figures_that_fit_the_data(images_page, table_page):
    drawn = {page: sorted(p.name for p in (page.parent / "figures").iterdir()) for page in (images_page, table_page)}
    assert drawn[images_page] == ["clean.png", "corrupted.png", "curves.png", "kernels.png"]
    assert drawn[table_page] == ["curves.png"]
    for page, names in drawn.items():
        for name in names:
            with Image.open(page.parent / "figures" / name) as image:
                image.load()
        assert page.read_text().count("data:image/png;base64") == len(names)


def test_page_says_how_to_repeat_it_and_needs_no_network(images_page):
    text = images_page.read_text()
    for part in ("aejax compare --data noise", IMAGES.digest, "noise: made in a test", "a note", "noise &lt;8x8&gt;",
                 "trained on noise", "Test images, the first of each class,"):
        assert part in text
    assert not re.search(r"https?://|<script", text)
    for name in NAMES:
        assert f"<td>{name}</td>" in text
    settings = json.loads((images_page.parent / "results.json").read_text())
    assert settings["command"] == "aejax compare --data noise" and settings["training"]["epochs"] == 1
    assert settings["data"]["sha256"] == IMAGES.digest and settings["corruption"] == corruption_of(IMAGES)


def test_the_best_of_six_is_bold(images_page):
    best = min(rows(images_page)[:6], key=lambda row: row["mse"])
    assert f"<td class=best>{best['mse']:.5f}</td>" in images_page.read_text()


def test_recipes_are_the_lectures():
    named = recipes(IMAGES)
    assert list(named) == [name.replace("-3", "-30").replace("-6", "-500") for name in NAMES]
    for name, recipe in named.items():
        assert recipe.reconstruction == {"name": "mean_squared_error", "activation": "tanh"}
        assert (recipe.corruption is not None) == (recipe.variant == "denoising")
        assert recipe.network["code_activation"] == ("identity" if name.startswith("tied") else "tanh")
    assert named["denoising-500"].corruption["rescale"] and named["contractive-500"].options["weight"] > 0
    table = recipes(TABLE)
    assert all(recipe.reconstruction["range"] is None for recipe in table.values())


def test_chosen_is_the_first_of_each_label():
    assert chosen(IMAGES).tolist() == [0, 1, 2] and chosen(IMAGES, 2).tolist() == [0, 1]
    assert chosen(TABLE).tolist() == list(range(8)) and chosen(TABLE, 3).tolist() == [0, 1, 2]


@pytest.mark.parametrize(("code_dim", "over_complete"), [(6, 6), (0, 6), (3, -1)])
def test_code_dims_that_make_no_comparison(tmp_path, code_dim, over_complete):
    (tmp_path / "results.json").write_text("old")
    with pytest.raises(InputError, match="--code-dim and --over-complete") as error:
        compare(IMAGES, TRAINING, tmp_path, command="", code_dim=code_dim, over_complete=over_complete)
    assert "\n" not in str(error.value)
    assert [p.name for p in tmp_path.iterdir()] == ["results.json"]


def test_too_few_examples_leave_an_older_comparison(tmp_path):
    (tmp_path / "results.json").write_text("old")
    with pytest.raises(InputError, match="fewer than a batch"):
        compare(IMAGES, Training(epochs=1, batch_size=48), tmp_path, command="", code_dim=3, over_complete=6)
    assert [p.name for p in tmp_path.iterdir()] == ["results.json"]


def test_progress_is_asked_for_each_model(tmp_path):
    asked = []

    def progress(name):
        asked.append(name)
        if len(asked) == 2:
            raise KeyboardInterrupt   # as a user would: the first run is whole
        return [JsonLines(tmp_path / "log.jsonl")]
    with pytest.raises(KeyboardInterrupt):
        compare(IMAGES, TRAINING, tmp_path / "out", command="", code_dim=3, over_complete=6, progress=progress)
    assert asked == NAMES[:2] and (tmp_path / "log.jsonl").read_text()
    assert runs.load(tmp_path / "out" / NAMES[0]).config["status"] == "done"


def test_what_is_ill_is_logged_and_stands_on_the_page(tmp_path, caplog):
    """A step of size 100 saturates; the run is kept, with what is wrong beside it."""
    training = Training(epochs=1, batch_size=16, learning_rate=100.0, validation=0.0)
    recipe = Recipe("standard", {"name": "dense", "shape": [8, 8, 1], "code_dim": 3})
    trained = train_run(recipe, IMAGES, training, tmp_path, command="aejax train")
    with caplog.at_level(logging.WARNING, "aejax"):
        page = write_report({"standard": trained}, IMAGES, training, tmp_path, command="aejax train",
                            corruption=corruption_of(IMAGES), title="A model")
    found = json.loads((tmp_path / "results.json").read_text())["findings"]["standard"]
    assert {"saturated units", "saturated outputs"} <= {finding["name"] for finding in found}
    assert len(caplog.messages) == len(found) and caplog.messages[0].startswith("standard: saturated units: ")
    text = page.read_text()
    assert "<h2>Findings</h2>" in text and all(finding["name"] in text for finding in found)
    assert runs.load(tmp_path).config["status"] == "done"
