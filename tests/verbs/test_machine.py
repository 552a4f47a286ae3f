import json
import os
import shutil
import subprocess
import sys

import pytest

from aejax import doctor, workflows
from aejax.loss_courses import Finding
from aejax.training_doctor import LOOKED_FOR


def test_doctor_prints_aligned_text(aejax, capsys):
    assert aejax("doctor") == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines if not line.startswith(" ")] == [
        "versions", "extras", "machine", "devices", "numbers", "environment", "compiled", "data", "self-test"]
    assert any("ok: cpu (cpu)" in line for line in lines)
    assert any(line.split()[-2:] == ["python", sys.version.split()[0]] for line in lines)


def test_doctor_json_and_exit_code(aejax, capsys, monkeypatch):
    assert aejax("doctor", "--json") == 0
    assert json.loads(capsys.readouterr().out)["failed"] == []
    by_hand = doctor._by_hand
    monkeypatch.setattr(doctor, "_by_hand", lambda *given: {n: v + 1e-4 for n, v in by_hand(*given).items()})
    assert aejax("doctor", "--json") == 1
    out, err = capsys.readouterr()
    (failed,) = json.loads(out)["failed"]
    assert "cpu (cpu)" in failed and err.splitlines()[-1] == f"aejax: {failed}"


def test_doctor_takes_no_other_flag(aejax):
    with pytest.raises(SystemExit) as end:
        aejax("doctor", "--jsn")
    assert end.value.code == 2


def test_doctor_in_a_process_of_its_own_without_a_place_for_its_cache(tmp_path):
    (tmp_path / "file").touch()
    environment = {**os.environ, "XDG_CACHE_HOME": str(tmp_path / "file"), "MPLCONFIGDIR": str(tmp_path)}
    environment.pop("JAX_COMPILATION_CACHE_DIR", None)
    done = subprocess.run([sys.executable, "-m", "aejax.cli", "doctor", "--json"], capture_output=True, text=True,
                          env=environment, timeout=300)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["compile_cache"]["hits"] is False and found["failed"] == []
    assert "compiled programs are not kept" in done.stderr and "Not a directory" in done.stderr


def test_doctor_of_a_run(aejax, made, capsys):
    before = {path: path.stat().st_mtime_ns for path in (made / "run").rglob("*")}
    assert aejax("doctor", made / "run", "--json") == 0
    found = json.loads(capsys.readouterr().out)
    assert found["run"] == str(made / "run") and found["history"] and found["looked_for"] == [*LOOKED_FOR]
    assert found["findings"] == json.loads((made / "run" / "results.json").read_text())["findings"]["denoising"]
    assert aejax("doctor", made / "cells") == 0
    assert capsys.readouterr().out
    assert before == {path: path.stat().st_mtime_ns for path in (made / "run").rglob("*")}


def test_doctor_of_a_run_prints_findings_or_what_it_looked_for(aejax, made, tmp_path, capsys, monkeypatch):
    shutil.copytree(made / "run", tmp_path / "run")
    ill = Finding("dead units", "3 of 4 units", 0.75, "lower --learning-rate")
    monkeypatch.setattr(workflows, "examine", lambda *_: [ill])
    assert aejax("doctor", "run") == 0
    assert capsys.readouterr().out == "dead units: 3 of 4 units\n  what to do: lower --learning-rate\n"
    monkeypatch.setattr(workflows, "examine", lambda *_: [])
    (tmp_path / "run" / "metrics.jsonl").unlink()
    assert aejax("doctor", "run") == 0
    first, *lines, last = capsys.readouterr().out.splitlines()
    assert first == "nothing found; looked for" and "no metrics.jsonl" in last
    assert [line.strip().split("  ")[0] for line in lines] == [*LOOKED_FOR]


def test_doctor_refuses_what_is_no_run(aejax, made, tmp_path, capsys):
    for arguments, part in ((["absent"], "no finished run"), (["--data", "mnist_mini"], "aejax doctor RUN")):
        assert aejax("doctor", *arguments) == 2
        assert part in capsys.readouterr().err
    shutil.copytree(made / "run", tmp_path / "run")
    for text in ("{", "[1]\n", '{"loss": 1}\n{"val_loss": 1}\n'):
        (tmp_path / "run" / "metrics.jsonl").write_text(text)
        assert aejax("doctor", "run") == 2
        assert "metrics.jsonl is damaged" in capsys.readouterr().err
