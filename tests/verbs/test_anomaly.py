"""`aejax anomaly fit` and `aejax anomaly score`, within this process."""

import contextlib
import io
import json
import shutil

import numpy as np
import pytest
from PIL import Image
from pyarrow import csv, parquet

RNG = np.random.default_rng(0)
BARS = np.zeros((200, 8, 8), np.uint8)
BARS[np.arange(200), RNG.integers(0, 8, 200)] = RNG.integers(100, 256, (200, 1))
CELLS = RNG.normal(size=(240, 2)) @ RNG.normal(size=(2, 4)) + 0.1 * RNG.normal(size=(240, 4)) + [5, 50, 0, 1]
KINDS = np.where(np.arange(240) % 4, "good", "bad")
CELLS[KINDS == "bad", 1] += 9 * RNG.normal(size=60)
SHORT = ("--epochs", 30, "--batch-size", 16, "--learning-rate", 0.005, "--widths", "16")


def write_cells(path, columns=("a", "b", "c", "d", "kind")):
    by_name = dict(zip("abcd", CELLS.T, strict=True)) | {"kind": KINDS}
    rows = zip(*(by_name[name] for name in columns), strict=True)
    path.write_text(",".join(columns) + "\n" + "\n".join(",".join(map(str, row)) for row in rows))
    return path


@pytest.fixture(scope="module")
def fitted(tmp_path_factory, aejax, logger_as_it_was):
    """A run on pictures ("bars") and one on a table ("cells"), and what fitting them printed."""
    folder = tmp_path_factory.mktemp("fitted")
    np.save(folder / "bars.npy", BARS)
    write_cells(folder / "cells.csv")
    printed = {}
    for name, data, more in (("bars", "bars.npy", ("--alpha", 0.1)),
                             ("cells", "cells.csv", ("--label-column", "kind", "--normal-label", "good", "--score",
                                                     "joint"))):
        out = io.StringIO()
        with logger_as_it_was(), contextlib.redirect_stdout(out), contextlib.redirect_stderr(io.StringIO()):
            assert aejax("anomaly", "fit", "--data", folder / data, "--output", folder / name, *SHORT, *more) == 0
        printed[name] = out.getvalue()
    return folder, printed


def pictures(folder, count=6):
    folder.mkdir()
    for i in range(count):
        Image.fromarray(BARS[i]).save(folder / f"bar{i}.png")
    Image.fromarray(RNG.integers(0, 256, (8, 8), np.uint8)).save(folder / "noise.png")
    return folder


def test_fit_leaves_a_run_that_says_what_to_expect(fitted, is_png):
    folder, printed = fitted
    assert {path.name for path in (folder / "cells").iterdir()} == {
        "config.json", "metrics.jsonl", "params.safetensors", "threshold.json", "detector.safetensors", "figures"}
    assert is_png(folder / "cells" / "figures" / "scores.png")
    written = json.loads((folder / "cells" / "threshold.json").read_text())
    assert (written["score"], written["method"], written["alpha"]) == ("joint", "conformal", 0.05)
    assert written["columns"] == ["a", "b", "c", "d"] and written["normal_label"] == "good"
    learnt = 180 * 0.8   # about: the split by seed does not look at labels
    assert written["calibration"]["count"] == pytest.approx(0.2 * learnt, abs=3)
    text = printed["cells"].splitlines()
    assert "false alarms in 1,000 normal data expected (95% between" in text[0]
    assert text[1].endswith("AUROC 1.0000") and text[-1] == str(folder / "cells")
    bars = json.loads((folder / "bars" / "threshold.json").read_text())
    assert bars["calibration"]["count"] == 32 and bars["alpha"] == 0.1 and bars["map"]["high"] > bars["map"]["low"]


def test_a_table_is_scored_with_contributions_that_add_up(fitted, aejax, tmp_path, capsys):
    folder, _ = fitted
    path = write_cells(tmp_path / "fresh.csv", ("kind", "d", "b", "a", "c"))   # another order
    assert aejax("anomaly", "score", folder / "cells", path, "--label-column", "kind", "--output", "out.parquet") == 0
    table = parquet.read_table("out.parquet").to_pydict()
    parts = [f"contribution_{name}" for name in "abcd"] + ["code_contribution"]
    assert [*table] == ["row", "score", "p_value", "anomaly", *parts] and table["row"] == [*range(1, 241)]
    np.testing.assert_allclose(sum(np.array(table[name]) for name in parts), table["score"], rtol=1e-5)
    flagged, bad = np.array(table["anomaly"]) == 1, KINDS == "bad"
    assert flagged[bad].mean() > 0.6 and flagged[~bad].mean() < 0.2
    np.testing.assert_array_equal(flagged, np.array(table["p_value"]) <= 0.05 + 1e-12)
    blamed = np.array([table[name] for name in parts])[:, bad & flagged].argmax(axis=0)
    assert (blamed == 1).mean() > 0.5   # column b is what was spoilt
    assert f"{flagged.sum()} of 240 flagged" in capsys.readouterr().out
    assert aejax("anomaly", "score", folder / "cells", path, "--label-column", "kind", "--output", "out.csv") == 0
    np.testing.assert_allclose(csv.read_csv("out.csv").to_pydict()["score"], table["score"], rtol=1e-6)


def test_pictures_are_named_and_shown(fitted, aejax, tmp_path, is_png):
    folder, _ = fitted
    assert aejax("anomaly", "score", folder / "bars", pictures(tmp_path / "photos"), "--output", "s.csv") == 0
    table = csv.read_csv("s.csv").to_pydict()
    assert table["file"] == [*(f"bar{i}.png" for i in range(6)), "noise.png"]
    assert np.argmax(table["score"]) == 6 and table["anomaly"][6] == 1 and sum(table["anomaly"]) <= 3
    assert is_png(tmp_path / "s.png")
    np.save("bars.npy", BARS[:3])
    assert aejax("anomaly", "score", folder / "bars", "bars.npy", "--output", "array.csv") == 0
    found = csv.read_csv("array.csv").to_pydict()
    assert found["row"] == [1, 2, 3] and not (tmp_path / "array.png").exists()
    np.testing.assert_allclose(found["score"], table["score"][:3], rtol=1e-4)


def test_exit_codes(fitted, aejax, tmp_path, capsys):
    folder, _ = fitted
    photos = pictures(tmp_path / "photos")
    assert aejax("anomaly", "score", folder / "bars", photos, "--fail-on-anomaly") == 1
    assert "are odd: see scores.csv" in capsys.readouterr().err and (tmp_path / "scores.csv").exists()
    assert aejax("anomaly", "score", folder / "bars", photos) == 2   # exists
    (photos / "broken.png").write_bytes((photos / "bar0.png").read_bytes()[:40])
    assert aejax("anomaly", "score", folder / "bars", photos, "--overwrite") == 3
    message = capsys.readouterr().err.splitlines()[-1]
    assert "1 picture skipped" in message and "broken.png" in message
    assert len(csv.read_csv("scores.csv")) == 7
    (photos / "noise.png").unlink()
    one = tmp_path / "one.npy"
    np.save(one, np.repeat(BARS[:1], 2, axis=0))   # learnt, or much like what was
    assert aejax("anomaly", "score", folder / "bars", one, "--output", "one.csv", "--fail-on-anomaly") == 0


@pytest.mark.parametrize(("more", "message"), [
    (("--score", "mahalanobi"), "did you mean 'mahalanobis'"), (("--threshold", "auto"), "unknown threshold 'auto'"),
    (("--alpha", 0.001), "at least 999 are needed"), (("--alpha", 1.5), "--alpha lies between 0 and 1"),
    (("--contamination", 0.0), "leave it out where all data are normal"),
    (("--contamination", 0.1, "--alpha", 0.1), "leave out --alpha"),
    (("--threshold", "mad", "--alpha", 0.1), "--alpha does not apply to --threshold mad"),
    (("--normal-label", "x"), "has no labels"), (("--calibration", 0.0), "--calibration is a fraction"),
    (("--score", "denoising", "--variant", "standard"), "goes with --variant denoising"),
    (("--std", 0.1, "--variant", "standard"), "does not apply to standard"),
    (("--variant", "contractiv"), "did you mean 'contractive'"), (("--widths", "16,x"), "--widths 16,x"),
    (("--score", "likelihood", "--code-dim", 64), "64 units for 64 values"),
    (("--network", "convolutional"), "takes no widths")])
def test_bad_flags_are_one_line_and_leave_nothing(fitted, aejax, tmp_path, capsys, more, message):
    folder, _ = fitted
    assert aejax("anomaly", "fit", "--data", folder / "bars.npy", "--output", tmp_path / "run", *SHORT, *more) == 2
    error = capsys.readouterr().err.splitlines()[-1]
    assert message in error and error.startswith("aejax: "), error
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(("run", "path", "more", "message"), [
    ("cells", "cells.csv", (), "remove it, or if it holds the labels"),
    ("cells", "bars.npy", (), "but the run takes (4,)"), ("bars", "none", (), "no such file or folder"),
    ("cells", "cells.csv", ("--output", "scores.txt"), "ends in .csv or .parquet"),
    (".", "cells.csv", (), "holds several runs"), ("plain", "cells.csv", (), "threshold.json is missing")])
def test_bad_scoring_is_one_line(fitted, aejax, tmp_path, capsys, run, path, more, message):
    folder, _ = fitted
    if run == "plain" and not (folder / "plain").exists():
        shutil.copytree(folder / "cells", tmp_path / "plain")
        (tmp_path / "plain" / "threshold.json").unlink()
        run = tmp_path / "plain"
    assert aejax("anomaly", "score", folder / run, folder / path, *more) == 2
    error = capsys.readouterr().err.splitlines()[-1]
    assert message in error, error
    assert not [path for path in tmp_path.iterdir() if path.suffix in (".csv", ".txt")]


@pytest.mark.parametrize(("more", "method", "alpha"), [
    (("--contamination", 0.2), "quantile", 0.2), (("--threshold", "mad"), "mad", None)])
def test_other_thresholds(fitted, aejax, tmp_path, more, method, alpha):
    folder, _ = fitted
    assert aejax("anomaly", "fit", "--data", folder / "bars.npy", "--output", "run", "--score", "reconstruction",
                 "--epochs", 1, "--batch-size", 16, "--widths", "16", *more) == 0
    written = json.loads((tmp_path / "run" / "threshold.json").read_text())
    assert (written["method"], written["alpha"]) == (method, alpha)


def test_a_label_that_is_not_there(fitted, aejax, capsys):
    folder, _ = fitted
    assert aejax("anomaly", "fit", "--data", folder / "cells.csv", "--label-column", "kind", "--normal-label",
                 "god") == 2
    assert "no label 'god' in cells; did you mean 'good'? it has bad, good" in capsys.readouterr().err


def test_few_pictures_give_ten_steps_an_epoch_and_a_run_that_knows_its_data(fitted, aejax, tmp_path, capsys):
    folder, _ = fitted
    assert aejax("anomaly", "fit", "--data", folder / "bars.npy", "--output", "few", "--epochs", 1, "--widths", 4,
                 "--code-dim", 2) == 0
    printed = capsys.readouterr()
    assert printed.err.splitlines()[-1] == "next: aejax anomaly score few PICTURES --output scores.csv"
    config = json.loads((tmp_path / "few" / "config.json").read_text())
    assert config["training"]["batch_size"] == 8   # of 128 examples
    assert aejax("doctor", "few") == 0 and "part of its training data set the threshold" in capsys.readouterr().err
