"""A file is read back before it takes its place; StableHLO is loaded by JAX alone, without aejax."""

import json
import subprocess
import sys

import numpy as np
import pytest

from aejax.errors import CheckFailedError
from aejax.export import checked
from aejax.export.graphs import examples, reference
from aejax.types import InputError

ALONE = """
import sys
for name in ("aejax", "flax", "optax"):
    sys.modules[name] = None   # an import of it fails
from pathlib import Path
import numpy as np
from jax import export
for file in Path(sys.argv[1]).glob("*.stablehlo"):
    program = export.deserialize(bytearray(file.read_bytes()))
    found = program.call(np.load(file.with_suffix(".npy")))
    np.savez(file.with_suffix(".npz"), *found)
"""


def test_jax_alone_computes_the_same(run, images, tmp_path):
    for part in ("encoder", "decoder", "reconstruct"):
        report = checked.export_run(run, part, "stablehlo", tmp_path / f"{part}.stablehlo", test=images)
        assert report["compared"]["examples"] == 64 and report["compared"]["of"] == "the test part"
        np.save(tmp_path / f"{part}.npy", examples(run, part, images)[:5])   # another number than it was compared on
    done = subprocess.run([sys.executable, "-c", ALONE, tmp_path], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    for part in ("encoder", "decoder", "reconstruct"):
        x = np.load(tmp_path / f"{part}.npy")
        (expected,), (found,) = reference(run, part, x).values(), np.load(tmp_path / f"{part}.npz").values()
        np.testing.assert_allclose(found, expected, atol=1e-5)


def test_a_score_and_its_flag_travel(table, rows, judged, tmp_path):
    decision = judged(table, "mahalanobis", (rows - rows.mean(axis=0)) / rows.std(axis=0))
    report = checked.export_run(table, "score", "stablehlo", tmp_path / "score", test=rows, decision=decision)
    assert [(out["name"], out["dtype"]) for out in report["outputs"]] == [("score", "float32"), ("anomaly", "bool")]
    assert report["threshold"] == decision.threshold and report["input"]["name"] == "row"


def test_the_report_is_the_file_beside(run, images, tmp_path):
    report = checked.export_run(run, "encoder", "stablehlo", tmp_path / "model", test=images)
    assert json.loads((tmp_path / "model.json").read_text()) == json.loads(json.dumps(report))
    assert report["bytes"] == (tmp_path / "model").stat().st_size
    assert report["input"] == {"name": "image", "shape": ["batch", 6, 5, 1], "dtype": "uint8"}
    assert report["outputs"] == [{"name": "code", "shape": ["batch", 4], "dtype": "float32"}]
    assert {"aejax", "jax", "python"} <= set(report["versions"]) and report["compared"]["tolerance"] == 1e-4
    words = checked.in_words(report)
    assert "64 examples of the test part" in words and "image: uint8, batch×6×5×1" in words
    assert sorted(path.name for path in tmp_path.iterdir()) == ["model", "model.json"]


@pytest.mark.parametrize("wrong", [lambda y: y + 2e-4, lambda y: y * np.nan, lambda y: y[:, :2], lambda y: -y])
def test_what_differs_is_not_written(run, images, tmp_path, monkeypatch, wrong):
    def writer(*arguments):
        written = checked.write_stablehlo(*arguments)
        return written._replace(outputs=[{name: wrong(y) for name, y in batch.items()} for batch in written.outputs])
    monkeypatch.setitem(checked.WRITERS, "stablehlo", writer)
    (tmp_path / "old").write_text("old")
    for name in ("new", "old"):
        with pytest.raises(CheckFailedError, match="code differs by up to .* nothing is written"):
            checked.export_run(run, "encoder", "stablehlo", tmp_path / name, test=images)
    assert [path.name for path in tmp_path.iterdir()] == ["old"] and (tmp_path / "old").read_text() == "old"


def test_only_the_batch_of_one_is_wrong(run, images, tmp_path, monkeypatch):
    def writer(*arguments):
        written = checked.write_stablehlo(*arguments)
        return written._replace(outputs=[{name: y + (len(y) == 1) for name, y in batch.items()}
                                         for batch in written.outputs])
    monkeypatch.setitem(checked.WRITERS, "stablehlo", writer)
    with pytest.raises(CheckFailedError, match="differs by up to"):
        checked.export_run(run, "encoder", "stablehlo", tmp_path / "new", test=images)


def test_a_difference_is_in_units_of_what_a_place_holds():
    expected = np.array([[1000.0, 0.5], [-2000.0, 0.25]])
    assert checked.difference(expected + [[0, 0.5], [0, 0]], expected) == 0.5
    assert checked.difference(expected + [[20, 0], [0, 0]], expected) == pytest.approx(0.01)
    assert checked.difference(np.array([True, False]), np.array([True, True])) == 1
    assert checked.difference(expected[:1], expected) == np.inf


def test_a_place_that_cannot_be_written(run, images, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="cannot be written"):
        checked.export_run(run, "encoder", "stablehlo", tmp_path / "file" / "model", test=images)
