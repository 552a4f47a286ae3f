"""What runs in the environment with the converter, in a process of its own: see `onnx_files`."""

import json
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np


def main(run: str, part: str, target: str, given: str, found: str) -> None:
    """Converts, reads the file back and computes; a failure is one line on stderr, and exit code 1.

    Args:
      run, part, target: folder of the run, what of it, and the ONNX file to write.
      given: .npz file of batches.
      found: .npz file to write: "facts", as JSON, and "0 code" for the output "code" of the first batch …
    """
    try:
        facts = convert(run, part, target)
        with np.load(given, allow_pickle=False) as batches:
            outputs = {f"{i} {name}": value for i, batch in enumerate(batches.values())
                       for name, value in compute(target, batch).items()}
    except Exception as error:   # of whatever kind the converter fell over
        sys.exit(f"{type(error).__name__}: {' '.join(str(error).split())[:300]}")
    np.savez(found, facts=json.dumps(facts), **outputs)


def convert(run: str, part: str, target: str) -> dict[str, Any]:
    """Writes the part of the run as an ONNX file; its facts."""
    import jax
    import jax2onnx

    from aejax import detection, runs
    from aejax.export.graphs import graph
    read, decision = detection.load(run) if part == "score" else (runs.load(run), None)
    made = graph(read, part, decision)
    # A convolution asks what platform it is lowered for, and ONNX is none: it takes what all but the CPU take.
    with mock.patch.object(jax.lax, "platform_dependent", lambda *x, default, **platforms: default(*x)):
        model = jax2onnx.to_onnx(made.function, [made.spec("batch")], model_name=f"aejax_{part}",
                                 input_names=[made.input], output_names=made.outputs)
    Path(target).write_bytes(model.SerializeToString())
    opset = next(entry.version for entry in model.opset_import if entry.domain in ("", "ai.onnx"))
    return {"opset": opset, "operators": sorted({node.op_type for node in model.graph.node}),
            "converter": {name: version(name) for name in ("jax2onnx", "onnx", "onnxruntime", "jax", "flax")}}


def compute(model: str, x: np.ndarray) -> dict[str, np.ndarray]:
    """What onnxruntime computes of a batch by the file `model`: {output: (B, …)}."""
    import onnxruntime
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    return dict(zip(names, session.run(names, {session.get_inputs()[0].name: x}), strict=True))
