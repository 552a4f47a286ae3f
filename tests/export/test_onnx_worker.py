"""What is given to the converter, and that its failure is one line; converters themselves: test_onnx_files."""

import json
import sys
from types import SimpleNamespace

import jax
import numpy as np
import pytest

from aejax.export import onnx_worker


@pytest.fixture
def stand_in(monkeypatch):
    """Modules of the names of the converter's that say what they were given."""
    given = {}

    def to_onnx(function, inputs, **options):
        given.update(options, inputs=inputs, outputs=[out.shape for out in jax.eval_shape(
            function, jax.ShapeDtypeStruct((3, *inputs[0].shape[1:]), inputs[0].dtype))])
        given["program"] = str(jax.make_jaxpr(function)(np.zeros((3, *inputs[0].shape[1:]), inputs[0].dtype)))
        return SimpleNamespace(SerializeToString=lambda: b"model", graph=SimpleNamespace(node=[]),
                               opset_import=[SimpleNamespace(domain="", version=23)])

    class Session:
        def __init__(self, path, providers):
            self.get_inputs = lambda: [SimpleNamespace(name="image")]
            self.get_outputs = lambda: [SimpleNamespace(name="code")]

        def run(self, names, feeds):
            return [feeds["image"].sum(axis=(1, 2, 3))]
    monkeypatch.setitem(sys.modules, "jax2onnx", SimpleNamespace(to_onnx=to_onnx))
    monkeypatch.setitem(sys.modules, "onnxruntime", SimpleNamespace(InferenceSession=Session))
    monkeypatch.setattr(onnx_worker, "version", lambda name: "1")
    return given


def test_the_converter_gets_names_and_any_number_of_examples(run, images, stand_in, tmp_path):
    np.savez(tmp_path / "given.npz", images, images[:1])
    onnx_worker.main(str(run.path), "encoder", str(tmp_path / "model"), str(tmp_path / "given.npz"),
                     str(tmp_path / "found.npz"))
    assert (tmp_path / "model").read_bytes() == b"model"
    assert stand_in["input_names"] == ["image"] and list(stand_in["output_names"]) == ["code"]
    assert stand_in["inputs"][0].shape == ("batch", 6, 5, 1) and stand_in["outputs"] == [(3, 4)]
    assert "platform_index" not in stand_in["program"]   # which converters do not know
    with np.load(tmp_path / "found.npz") as found:
        assert json.loads(found["facts"].item())["opset"] == 23
        np.testing.assert_array_equal(found["0 code"], images.sum(axis=(1, 2, 3)))
        assert found["1 code"].shape == (1,)


def test_a_failure_is_one_line(tmp_path):
    with pytest.raises(SystemExit) as told:
        onnx_worker.main(str(tmp_path), "encoder", *(str(tmp_path / name) for name in ("model", "given", "found")))
    assert "\n" not in told.value.code and ": " in told.value.code
    assert not (tmp_path / "found").exists()
