import json
import os
import subprocess
import sys

import pytest

from aejax import doctor


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
