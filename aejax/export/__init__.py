"""Models that travel: programs of JAX, and parts of a run, as StableHLO or ONNX; see docs/export.md."""

from aejax.export.programs import PLATFORMS, Program, load, lower, programs

__all__ = ["PLATFORMS", "Program", "load", "lower", "programs"]
