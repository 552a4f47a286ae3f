import json
import shutil

import numpy as np
import pytest


def test_evaluate_is_what_training_reported(aejax, made, capsys):
    assert aejax("evaluate", made / "run", "--json") == 0
    found = json.loads(capsys.readouterr().out)
    expected = json.loads((made / "run" / "results.json").read_text())["rows"]
    assert found["examples"] == 8 and found["data"] == "noise" and found["run"] == str(made / "run")
    assert [row["name"] for row in found["rows"]] == ["run", *[row["name"] for row in expected[1:]]]
    for key in ("mse", "restored_mse", "jacobian_norm", "psnr"):
        assert found["rows"][0][key] == pytest.approx(expected[0][key], rel=1e-4)


def test_evaluate_prints_a_table(aejax, made, capsys):
    assert aejax("evaluate", made / "cells") == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split()[0] == "model" and lines[1].split()[0] == "cells" and "PSNR" not in lines[0]


def test_evaluate_on_other_data(aejax, made, tmp_path, capsys, noise):
    np.save(tmp_path / "other.npy", noise[:10])
    assert aejax("evaluate", made / "run", "--data", "other.npy", "--json") == 0
    assert json.loads(capsys.readouterr().out)["examples"] == 2
    assert aejax("evaluate", made / "run", "--data", made / "cells.csv") == 2


def test_evaluate_says_when_the_data_have_changed(aejax, made, tmp_path, capsys, noise):
    shutil.copytree(made / "run", tmp_path / "run")
    np.save(tmp_path / "noise.npy", noise[:20])
    config = json.loads((tmp_path / "run" / "config.json").read_text())
    config["data"]["load"]["source"] = str(tmp_path / "noise.npy")
    (tmp_path / "run" / "config.json").write_text(json.dumps(config))
    assert aejax("evaluate", "run") == 0
    assert "has changed since the run was trained" in capsys.readouterr().err


def test_gallery_writes_a_page_of_results(aejax, tmp_path, capsys):
    assert aejax("gallery", "--results", tmp_path / "none", "--output", tmp_path / "page.html") == 2
    assert "no results of experiments" in capsys.readouterr().err
    row = {"name": "a", "metric": "b", "unit": "", "value": 1.0, "sd": None, "seeds": [0], "n": 1}
    content = {"command": "python -m experiments.x", "minutes": 1, "smoke": False, "rows": [row]}
    (tmp_path / "x.json").write_text(json.dumps(content))
    assert aejax("gallery", "--results", tmp_path, "--output", tmp_path / "page.html") == 0
    assert capsys.readouterr().out.strip() == str((tmp_path / "page.html").resolve())
    assert "experiments.x" in (tmp_path / "page.html").read_text()


def test_runs_are_listed(aejax, made, capsys):
    assert aejax("runs", made) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split()[:2] == ["run", "variant"] and [line.split()[0] for line in lines[1:]] == ["cells", "run"]
    assert aejax("runs", made, "--sort", "mse", "--json") == 0
    found = json.loads(capsys.readouterr().out)["runs"]
    expected = json.loads((made / "run" / "results.json").read_text())["rows"][0]["mse"]
    assert [row["mse"] for row in found] == sorted(row["mse"] for row in found)
    assert expected in [row["mse"] for row in found]


def test_runs_that_cannot_be_listed_are_named(aejax, tmp_path, capsys):
    assert aejax("runs") == 2
    assert "runs is no folder" in capsys.readouterr().err
    (tmp_path / "runs" / "broken").mkdir(parents=True)
    assert aejax("runs") == 0 and "no finished run" in capsys.readouterr().out
    (tmp_path / "runs" / "broken" / "config.json").write_text("{")
    assert aejax("runs") == 3
    assert "broken is damaged" in capsys.readouterr().err
    assert aejax("runs", "--sort", "pnsr") == 2
    assert "psnr" in capsys.readouterr().err
