import json

import pytest

from aejax import listing


def made(folder, losses=(3.0, 2.0), results=None, **changes):
    folder.mkdir(parents=True)
    config = {"recipe": {"variant": "standard", "network": {"name": "dense", "code_dim": 5}}, "status": "done",
              "seconds": 1.25, "training": {"epochs": 9}, "data": {"name": "digits"}} | changes
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "metrics.jsonl").write_text("".join(json.dumps({"loss": 1, "val_loss": loss}) + "\n" for loss in losses))
    if results is not None:
        (folder / "results.json").write_text(json.dumps({"rows": results}))


def test_a_run_is_a_row(tmp_path):
    baseline = {"name": "PCA", "mse": 0.1, "baseline": True}
    made(tmp_path / "a", results=[{"name": "x", "mse": 0.5, "psnr": 3.0}, baseline])
    rows, damaged = listing.summaries(tmp_path)
    assert damaged == [] and rows == [{
        "run": "a", "variant": "standard", "network": "dense", "code": 5, "data": "digits", "epochs": 2,
        "seconds": 1.25, "val_loss": 2.0, "mse": 0.5, "psnr": 3.0, "status": "done"}]
    assert listing.table(rows)[1] == ["a", "standard", "dense", "5", "digits", "2", "1.2", "2", "0.50000", "3.00"]


def test_runs_of_a_comparison_find_their_row(tmp_path):
    for name in ("tied", "sparse"):
        made(tmp_path / "demo" / name)
    (tmp_path / "demo" / "results.json").write_text(json.dumps({"rows": [
        {"name": "sparse", "mse": 0.25}, {"name": "tied", "mse": 0.75}]}))
    rows, _ = listing.summaries(tmp_path)
    assert {row["run"]: row["mse"] for row in rows} == {"demo/sparse": 0.25, "demo/tied": 0.75}
    assert [row["run"] for row in listing.summaries(tmp_path / "demo" / "tied")[0]] == ["tied"]


def test_what_cannot_be_read_is_named(tmp_path):
    made(tmp_path / "good", losses=())
    made(tmp_path / "wrong", data=None)
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "config.json").write_text("{")
    (tmp_path / "going").mkdir()
    (tmp_path / "going" / "metrics.jsonl").write_text("")
    rows, damaged = listing.summaries(tmp_path)
    assert [row["run"] for row in rows] == ["good"] and rows[0]["val_loss"] is None and rows[0]["epochs"] == 9
    assert [line.split()[0].rsplit("/", 1)[1] for line in damaged] == ["broken", "wrong", "going"]
    assert "is not finished" in damaged[-1]


@pytest.mark.parametrize(("column", "expected"), [("psnr", "cab"), ("val_loss", "abc"), ("run", "abc")])
def test_the_best_comes_first_and_what_is_missing_last(column, expected):
    rows = [{"run": "a", "psnr": 1.0, "val_loss": 1.0}, {"run": "b", "psnr": None, "val_loss": 2.0},
            {"run": "c", "psnr": 9.0, "val_loss": None}]
    assert "".join(row["run"] for row in listing.ordered(rows, column)) == expected


def test_a_run_that_diverged_is_marked(tmp_path):
    made(tmp_path / "a", losses=(1.0, float("nan")), status="loss is nan at step 3")
    rows, _ = listing.summaries(tmp_path)
    assert rows[0]["val_loss"] == 1.0 and listing.table(rows)[1][0] == "a (diverged)"
