"""The converter is found or named, what it says is told, and onnxruntime alone computes what JAX computes."""

import importlib.util
import os
import subprocess
import sys

import numpy as np
import pytest

from aejax.export import checked, onnx_files
from aejax.export.graphs import examples, reference
from aejax.types import InputError

HERE = all(importlib.util.find_spec(name) for name in ("jax2onnx", "onnxruntime"))
there = pytest.mark.skipif(not HERE and not os.environ.get(onnx_files.VARIABLE), reason=(
    f"no converter to ONNX: neither jax2onnx here nor {onnx_files.VARIABLE} (docs/export.md)"))
ALONE = """
import sys
for name in ("aejax", "jax", "flax", "jax2onnx", "onnx"):
    sys.modules[name] = None   # an import of it fails
import numpy as np, onnxruntime
session = onnxruntime.InferenceSession(sys.argv[1])
(given,) = session.get_inputs()
print(given.name, given.type, given.shape)
np.savez(sys.argv[3], *session.run(None, {given.name: np.load(sys.argv[2])}))
"""


def alone(model, x, folder):
    """What a process with onnxruntime and nothing else computes, and its line about the input."""
    np.save(folder / "x.npy", x)
    done = subprocess.run([onnx_files.interpreter(), "-c", ALONE, model, folder / "x.npy", folder / "y.npz"],
                          capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout, list(np.load(folder / "y.npz").values())


@there
def test_onnxruntime_alone_computes_the_same(run, images, tmp_path):
    report = checked.export_run(run, "reconstruct", "onnx", tmp_path / "model.onnx", test=images)
    assert report["opset"] >= 17 and report["converter"]["onnxruntime"]
    x = examples(run, "reconstruct", images)[:5]   # another number than it was compared on
    said, (found,) = alone(tmp_path / "model.onnx", x, tmp_path)
    assert said.startswith("image tensor(uint8) ['batch', 6, 5, 1]")
    np.testing.assert_allclose(found, reference(run, "reconstruct", x)["reconstruction"], atol=1e-5)


@there
def test_a_score_and_its_flag_travel(table, rows, judged, tmp_path):
    decision = judged(table, "mahalanobis", (rows - rows.mean(axis=0)) / rows.std(axis=0))
    checked.export_run(table, "score", "onnx", tmp_path / "model.onnx", test=rows, decision=decision)
    _, (score, anomaly) = alone(tmp_path / "model.onnx", rows[:7], tmp_path)
    np.testing.assert_allclose(score, reference(table, "score", rows[:7], decision)["score"], rtol=1e-4, atol=1e-4)
    np.testing.assert_array_equal(anomaly, score > decision.threshold)


def absent(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    monkeypatch.delenv(onnx_files.VARIABLE, raising=False)


def test_without_a_converter_the_error_says_how_to_get_one(monkeypatch):
    absent(monkeypatch)
    with pytest.raises(InputError) as told:
        onnx_files.interpreter()
    message = str(told.value)
    assert all(command in message for command in onnx_files.SETUP) and len(onnx_files.SETUP) == 3
    assert "aejax[onnx]" in message and onnx_files.VARIABLE in message and "\n" not in message


def test_the_variable_names_a_program(monkeypatch, tmp_path):
    absent(monkeypatch)
    monkeypatch.setenv(onnx_files.VARIABLE, sys.executable)
    assert onnx_files.interpreter() == sys.executable
    for wrong in (tmp_path, tmp_path / "nothing"):
        monkeypatch.setenv(onnx_files.VARIABLE, str(wrong))
        with pytest.raises(InputError, match="is no program"):
            onnx_files.interpreter()
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: name)
    assert onnx_files.interpreter() == sys.executable   # the converter is here


def test_what_the_converter_says_last_is_told(run, tmp_path):
    python = tmp_path / "python"
    python.write_text("#!/bin/sh\necho one >&2; echo no such primitive >&2; exit 1\n")
    python.chmod(0o755)
    with pytest.raises(InputError, match=r"encoder of .* cannot be written as ONNX .* \(no such primitive\)"):
        onnx_files.convert(str(python), run.path, "encoder", tmp_path / "model.onnx", [np.zeros((1, 30), np.uint8)])
