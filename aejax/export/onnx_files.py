"""ONNX files: the converter and onnxruntime live in an environment of their own, which a process of its own enters.

The hand-over is the name of the part, and paths: the run's folder, the file to write, and .npz files of examples and of
what became of them.
"""

import importlib.util
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

import aejax
from aejax.types import InputError

VARIABLE = "AEJAX_ONNX_PYTHON"
SETUP = ("python3 -m venv onnx-env", "onnx-env/bin/pip install 'aejax[onnx]'",
         "onnx-env/bin/pip install --no-deps jax2onnx==0.17.1")
# The very code that runs here, whatever version of aejax that environment has, and nothing else of this environment.
_START = """
import importlib.util, sys
spec = importlib.util.spec_from_file_location("aejax", sys.argv[1] + "/__init__.py",
                                              submodule_search_locations=[sys.argv[1]])
sys.modules["aejax"] = importlib.util.module_from_spec(spec)
spec.loader.exec_module(sys.modules["aejax"])
from aejax.export import onnx_worker
onnx_worker.main(*sys.argv[2:])
"""


def interpreter() -> str:
    """The Python that has the converter: this one, or the one that AEJAX_ONNX_PYTHON names.

    Raises:
      InputError: neither, with the three commands that make the environment.
    """
    if all(importlib.util.find_spec(name) for name in ("jax2onnx", "onnxruntime")):
        return sys.executable
    named = os.environ.get(VARIABLE)
    if not named:
        raise InputError("ONNX needs the extra onnx in an environment of its own: " + " && ".join(SETUP)
                         + f"; then set {VARIABLE}=onnx-env/bin/python")
    if not os.access(named, os.X_OK) or Path(named).is_dir():
        raise InputError(f"{VARIABLE}={named} is no program: name the python of the environment with jax2onnx")
    return named


def convert(python: str, run: Path, part: str, target: Path, batches: Sequence[np.ndarray],
            ) -> tuple[dict[str, Any], list[dict[str, np.ndarray]]]:
    """Writes a part of the run in the folder `run` to `target`, there.

    Returns:
      Facts about the file; and what onnxruntime, which has read it back, computes of each of `batches`.

    Raises:
      InputError: it failed; with the last line of what it said.
    """
    with tempfile.TemporaryDirectory() as folder:
        given, found = Path(folder) / "given.npz", Path(folder) / "found.npz"
        np.savez(given, *batches)
        done = subprocess.run([python, "-P", "-c", _START, str(Path(aejax.__file__).parent), str(run.resolve()), part,
                               str(target.resolve()), str(given), str(found)],
                              stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
        if done.returncode:
            lines = [line.strip() for line in done.stderr.splitlines() if line.strip()]
            raise InputError(f"{part} of {run} cannot be written as ONNX by {python} "
                             f"({lines[-1] if lines else f'exit code {done.returncode}'}); StableHLO may do")
        with np.load(found, allow_pickle=False) as arrays:
            facts, outputs = json.loads(arrays["facts"].item()), [{} for _ in batches]
            for name in arrays:
                if name != "facts":
                    number, _, output = name.partition(" ")
                    outputs[int(number)][output] = arrays[name]
    return facts, outputs
