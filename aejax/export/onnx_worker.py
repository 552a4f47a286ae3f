"""What runs in the environment with the converter, in a process of its own: see `onnx_files`."""

import json
import sys
from collections.abc import Callable, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np


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


def compute(model: str, given: str, found: str) -> dict[str, Any]:
    """Writes what onnxruntime computes of the arrays in the file `given` to the file `found`."""
    import onnxruntime
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    values = session.run(names, {session.get_inputs()[0].name: np.load(given, allow_pickle=False)})
    np.savez(found, **dict(zip(names, values, strict=True)))
    return {}


TASKS: dict[str, Callable[..., dict[str, Any]]] = {"convert": convert, "compute": compute}


def main(arguments: Sequence[str]) -> None:
    """TASK ANSWER ARGUMENTS…: what the task returns goes to the file ANSWER; what fails is one line, and exit code 1."""
    task, answer, *rest = arguments
    try:
        told = TASKS[task](*rest)
    except Exception as error:   # of whatever kind the converter fell over
        sys.exit(f"{type(error).__name__}: {' '.join(str(error).split())[:300]}")
    Path(answer).write_text(json.dumps(told))
