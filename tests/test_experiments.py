"""Every experiment runs at smoke size; results are resumable; nothing smoky was committed."""

import importlib
import json
from pathlib import Path

import pytest

from experiments._record import BaseConfig, Record

FOLDER = Path(__file__).parent.parent / "experiments"
NAMES = sorted(path.stem for path in FOLDER.glob("*.py")
               if not path.stem.startswith("_") and "class Config" in path.read_text())


@pytest.mark.parametrize("name", NAMES)
def test_runs_at_smoke_size(name, tmp_path):
    module = importlib.import_module(f"experiments.{name}")
    record = module.main(module.Config(smoke=True, output=tmp_path))
    written = json.loads((tmp_path / f"{name}.json").read_text())
    assert written["question"] == name and written["smoke"] is True and written["rows"] == record.rows
    for row in written["rows"]:
        assert {"name", "metric", "unit", "value", "sd", "seeds", "n"} <= set(row)
    assert f"experiments.{name}" in module.__doc__ and "minutes" in module.__doc__
    before = (tmp_path / f"{name}.json").stat().st_mtime_ns
    module.main(module.Config(smoke=True, output=tmp_path))   # everything is there: nothing is repeated
    assert (tmp_path / f"{name}.json").stat().st_mtime_ns == before


@pytest.mark.parametrize("path", sorted((FOLDER / "results").glob("*.json")), ids=lambda path: path.stem)
def test_committed_results_are_full(path):
    results = json.loads(path.read_text())
    assert results["smoke"] is False and results["rows"] and path.stem in NAMES
    assert path.stat().st_size < 300_000


def test_rows_are_written_at_once_and_kept(tmp_path):
    config = BaseConfig(output=tmp_path)
    record = Record("question", config)
    record.add("model", {"d": 1}, {"mse": ("unit", [1.0, 3.0])}, seeds=[0, 1], n=5)
    again = Record("question", config)
    assert again.done("model", {"d": 1}) and not again.done("model", {"d": 2}) and not again.done("other", {"d": 1})
    assert again.rows[0]["value"] == 2.0 and again.rows[0]["sd"] == pytest.approx(2**0.5)
    again.add("model", {"d": 2}, {"mse": ("unit", [4.0])}, seeds=[0], n=5)
    rows = json.loads((tmp_path / "question.json").read_text())["rows"]
    assert [row["value"] for row in rows] == [4.0]


def test_smoke_leaves_full_results_alone(tmp_path):
    Record("question", BaseConfig(output=tmp_path)).add("m", {}, {"mse": ("", [1.0])}, seeds=[0], n=1)
    smoke = Record("question", BaseConfig(output=tmp_path, smoke=True))
    smoke.add("m", {}, {"mse": ("", [2.0])}, seeds=[0], n=1)
    assert json.loads((tmp_path / "question.json").read_text())["rows"][0]["value"] == 1.0
    assert (tmp_path / "question.smoke.json").exists()
