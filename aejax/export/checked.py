"""A part of a run as a file, which is read back and compared with JAX before it takes its place."""

import platform
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from jax import export

import aejax
from aejax import detection, runs
from aejax.errors import CheckFailedError
from aejax.export import onnx_files
from aejax.export.graphs import Graph, examples, graph, reference
from aejax.export.programs import PLATFORMS, Program, load, lower
from aejax.files import atomic

TOLERANCE = 1e-4
Outputs = Mapping[str, np.ndarray]


class Written(NamedTuple):
    """What a writer says of its file, and what the file, read back, computes of each batch."""

    facts: Mapping[str, Any]
    outputs: Sequence[Outputs]


def write_stablehlo(run: runs.Run, part: str, graph: Graph, path: Path, batches: Sequence[np.ndarray]) -> Written:
    """Writes what `jax.export` serialises, for every platform."""
    (count,) = export.symbolic_shape("batch")
    exported = lower(Program(graph.function, (graph.spec(count),)))
    path.write_bytes(exported.serialize())
    call = load(path.read_bytes())
    return Written({"platforms": PLATFORMS, "calling_convention": exported.calling_convention_version},
                   [dict(zip(graph.outputs, map(np.asarray, call(x)), strict=True)) for x in batches])


def write_onnx(run: runs.Run, part: str, graph: Graph, path: Path, batches: Sequence[np.ndarray]) -> Written:
    """Writes what the converter makes of it, in an environment of its own; it is read back by onnxruntime there."""
    return Written(*onnx_files.convert(onnx_files.interpreter(), run.path, part, path, batches))


WRITERS = {"stablehlo": write_stablehlo, "onnx": write_onnx}
FORMATS = tuple(WRITERS)


def export_run(run: runs.Run, part: str, format: str, output: Path, *, test: np.ndarray | None = None,
               decision: detection.Decision | None = None) -> dict[str, Any]:
    """Writes one part of a run to `output`, and what is known of the file to `report_path(output)`; returns that.

    The file is read back, and computes `examples` twice, all at once and the first one alone. The largest difference
    from what JAX computes is taken of outputs in units of the largest magnitude that the place of the output has among
    the examples, where that is above 1: of pictures on the [0, 1] scale it is the plain difference.

    Args:
      run: with its folder, which a converter reads.
      part: one of `graphs.PARTS`.
      format: one of `FORMATS`.
      output: what is there is replaced, but only by a file that agrees.
      test: as for `examples`.
      decision: of the part "score".

    Raises:
      InputError: what cannot be exported, or no converter.
      CheckFailedError: the file computes something else; nothing is written.
    """
    made = graph(run, part, decision)
    x = examples(run, part, test)
    expected = reference(run, part, x, decision)
    with atomic(output) as temporary, atomic(report_path(output)) as beside:
        facts, (found, alone) = WRITERS[format](run, part, made, temporary, (x, x[:1]))
        worst = {name: max(difference(found[name], expected[name]),
                           difference(alone[name], expected[name][:1], scale=magnitude(expected[name])))
                 for name in made.outputs}
        report = {
            "run": run.path.name, "variant": run.recipe.variant, "part": part, "format": format,
            "file": output.name, "bytes": temporary.stat().st_size,
            "input": {"name": made.input, "shape": ["batch", *made.shape], "dtype": made.dtype.name},
            "outputs": [{"name": name, "shape": ["batch", *found[name].shape[1:]], "dtype": found[name].dtype.name}
                        for name in made.outputs],
            **({} if decision is None else {"score": decision.detector.name, "threshold": decision.threshold}),
            "compared": {"examples": len(x), "of": "random data within range" if test is None else "the test part",
                         "largest_difference": worst, "tolerance": TOLERANCE},
            "versions": {"aejax": aejax.__version__, "python": platform.python_version(), "jax": version("jax"),
                         "jaxlib": version("jaxlib")}, **facts}
        if not max(worst.values()) <= TOLERANCE:   # NaN is no agreement
            name = max(worst, key=lambda name: np.inf if np.isnan(worst[name]) else worst[name])
            raise CheckFailedError(f"{part} of {run.path} as {format} does not compute what JAX computes: {name} "
                                   f"differs by up to {worst[name]:.2g} (tolerance {TOLERANCE:g}); nothing is written")
        runs.write_json(beside, report)
    return report


def report_path(output: Path) -> Path:
    """Where what is known of an exported file lies."""
    return output.with_name(f"{output.name}.json")


def magnitude(expected: np.ndarray) -> np.ndarray:
    """(1, …): the largest magnitude of each place of an output, at least 1."""
    return np.maximum(1, np.abs(expected.astype(np.float64)).max(axis=0, keepdims=True))


def difference(found: np.ndarray, expected: np.ndarray, scale: np.ndarray | None = None) -> float:
    """The largest difference, in units of `magnitude`; of flags 0 or 1; infinite where the shapes are not the same.

    >>> difference(np.array([[0.5, 101.0]]), np.array([[0.25, 100.0]]))
    0.25
    """
    if found.shape != expected.shape:
        return float("inf")
    scale = magnitude(expected) if scale is None else scale
    return float(np.max(np.abs(found.astype(np.float64) - expected) / scale))


def in_words(report: Mapping[str, Any]) -> str:
    """The report in two sentences."""
    compared, given = report["compared"], report["input"]
    worst = ", ".join(f"{name} {value:.2g}" for name, value in compared["largest_difference"].items())
    more = f", opset {report['opset']}" if "opset" in report else ""
    size = "×".join(["batch", *map(str, given["shape"][1:])])
    return (f"{report['part']} as {report['format']}{more}, {report['bytes']:,} bytes; takes {given['name']}: "
            f"{given['dtype']}, {size}\n"
            f"read back, on {compared['examples']} examples of {compared['of']}, it differs from JAX by at most: "
            f"{worst} (tolerance {compared['tolerance']:g})")
