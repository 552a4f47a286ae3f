import json

import numpy as np
import pytest

from aejax import pretrained
from aejax.export import checked, onnx_files


def test_a_published_run_is_a_run(aejax, made, tmp_path, capsys, noise):
    assert aejax("publish", made / "run", "--output", "model", "--license", "apache-2.0") == 0
    folder = tmp_path / "model"
    assert capsys.readouterr().out.splitlines()[-1] == str(folder)
    card = (folder / "README.md").read_text()
    assert "license: apache-2.0" in card and "PCA" in card and str(made) not in card
    np.save("noise.npy", noise)
    assert aejax("evaluate", "model", "--data", "noise.npy", "--json") == 0
    assert json.loads(capsys.readouterr().out)["rows"]
    assert aejax("evaluate", "model") == 2   # it does not say where its data lay
    assert "name them with --data" in capsys.readouterr().err


def test_a_folder_is_replaced_when_told(aejax, made, capsys):
    assert aejax("publish", made / "run", "--output", "model") == 0
    assert aejax("publish", made / "run", "--output", "model") == 2
    assert "already holds a run" in capsys.readouterr().err
    assert aejax("publish", made / "run", "--output", "model", "--overwrite") == 0


@pytest.mark.parametrize(("flags", "message"), [
    (("--public",), "add --hub OWNER/NAME"), (("--hub", "model"), "is no name of a repository")])
def test_what_does_not_fit_is_refused(aejax, made, capsys, flags, message):
    assert aejax("publish", made / "run", "--output", "model", *flags) == 2
    assert message in capsys.readouterr().err


def test_the_upload_s_address_comes_last(aejax, made, tmp_path, capsys, monkeypatch):
    sent = {}
    monkeypatch.setattr(pretrained, "push_to_hub", lambda folder, repository, **options: sent.update(
        folder=folder, repository=repository, **options) or "http://hub/owner/name")
    assert aejax("publish", made / "run", "--output", "model", "--hub", "owner/name", "--public") == 0
    assert capsys.readouterr().out.splitlines()[-1] == "http://hub/owner/name"
    assert sent == {"folder": tmp_path / "model", "repository": "owner/name", "private": False}


@pytest.mark.parametrize("part", ["encoder", "decoder", "reconstruct"])
def test_a_part_is_exported_and_compared(aejax, made, tmp_path, capsys, part):
    assert aejax("export", made / "run", "--part", part, "--output", "out/part.stablehlo") == 0
    *words, path = capsys.readouterr().out.splitlines()
    assert path == str(tmp_path / "out" / "part.stablehlo") and "of the test part" in words[-1]
    report = json.loads((tmp_path / "out" / "part.stablehlo.json").read_text())
    assert report["part"] == part and max(report["compared"]["largest_difference"].values()) <= 1e-4


def test_a_table_s_score_is_exported(aejax, made, tmp_path, capsys, small):
    assert aejax("export", made / "cells", "--part", "score", "--output", "score") == 2
    assert "cannot score" in capsys.readouterr().err
    assert aejax("anomaly", "fit", "--data", made / "cells.csv", "--output", "odd", "--alpha", 0.3, *small) == 0
    assert aejax("export", "odd", "--part", "score", "--output", "score") == 0
    told = capsys.readouterr()
    assert "random data within range" in told.err and "random data within range" in told.out
    assert aejax("export", "odd", "--part", "score", "--output", "score", "--data", made / "cells.csv",
                 "--overwrite") == 0
    report = json.loads((tmp_path / "score.json").read_text())
    assert report["score"] == "mahalanobis" and report["compared"]["of"] == "the test part"


def test_exported_files_are_replaced_when_told(aejax, made, tmp_path, capsys):
    flags = ("export", made / "run", "--part", "encoder", "--output", "part")
    assert aejax(*flags) == 0
    (tmp_path / "part").write_text("mine")
    assert aejax(*flags) == 2 and "part exists" in capsys.readouterr().err
    assert (tmp_path / "part").read_text() == "mine"
    assert aejax(*flags, "--overwrite") == 0 and (tmp_path / "part").stat().st_size > 1000
    (tmp_path / "part").unlink()
    assert aejax(*flags) == 2 and "part.json exists" in capsys.readouterr().err


def test_a_part_that_computes_something_else_is_not_written(aejax, made, tmp_path, capsys, monkeypatch):
    def wrong(*arguments):
        written = checked.write_stablehlo(*arguments)
        return written._replace(outputs=[{name: y + 1e-3 for name, y in batch.items()} for batch in written.outputs])
    monkeypatch.setitem(checked.WRITERS, "stablehlo", wrong)
    assert aejax("export", made / "run", "--part", "encoder", "--output", "out/part") == 1
    assert "does not compute what JAX computes: code differs by up to 0.001" in capsys.readouterr().err
    assert not any((tmp_path / "out").iterdir())


@pytest.mark.parametrize(("flags", "message"), [
    (("--part", "encodr"), "did you mean 'encoder'"),
    (("--part", "encoder", "--format", "onxx"), "did you mean 'onnx'"),
    (("--part", "encoder", "--output", "."), "is a folder: name a file"),
    (("--part", "encoder", "--data", "nowhere"), "nowhere")])
def test_a_bad_export_is_refused(aejax, made, tmp_path, capsys, flags, message):
    assert aejax("export", made / "run", "--output", "out", *flags) == 2
    assert message in capsys.readouterr().err and not any(tmp_path.glob("out*"))


def test_onnx_without_a_converter_is_refused_before_data_are_read(aejax, made, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(onnx_files.importlib.util, "find_spec", lambda name: None)
    monkeypatch.delenv(onnx_files.VARIABLE, raising=False)
    assert aejax("export", made / "run", "--part", "encoder", "--format", "onnx", "--output", "out") == 2
    assert "aejax[onnx]" in capsys.readouterr().err and not any(tmp_path.glob("out*"))
