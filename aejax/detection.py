"""A run that tells odd data from normal ones: threshold.json and detector.safetensors beside its parameters."""

import dataclasses
import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float
from safetensors import SafetensorError
from safetensors.numpy import load as parse
from safetensors.numpy import save as serialise

from aejax import runs
from aejax.applications.detectors import SCORES, Detector, ScoreMap
from aejax.applications.thresholds import FalseAlarms, conformal_p_values, false_alarms
from aejax.files import atomic
from aejax.recipes import build_corruption
from aejax.types import InputError

_PREFIX = "fitted/"   # of the score's arrays in detector.safetensors


@dataclasses.dataclass(frozen=True, eq=False)
class Decision:
    """A score, the threshold above which a datum is flagged, and the held-out normal scores behind it.

    Attributes:
      detector: the score.
      method: one of `thresholds.THRESHOLDS`.
      alpha: accepted rate of false alarms; None for "mad".
      threshold: what lies above it is flagged.
      calibration_scores: (n,), of normal data that the model has not seen, in rising order.
      score_map: the scale of maps; None where the data are no pictures.
      columns: of the table that the run was trained on; empty for other data.
    """

    detector: Detector
    method: str
    alpha: float | None
    threshold: float
    calibration_scores: Float[np.ndarray, " n"]
    score_map: ScoreMap | None = None
    columns: tuple[str, ...] = ()

    def p_values(self, scores: Float[np.ndarray, " m"]) -> Float[np.ndarray, " m"]:
        """Conformal p-values, (m,): small where odd."""
        return conformal_p_values(scores, self.calibration_scores)

    def false_alarms(self, count: int = 1000) -> FalseAlarms:
        """How many of `count` fresh normal data will be flagged."""
        return false_alarms(self.calibration_scores, self.threshold, count=count)


def save(path: Path, decision: Decision, facts: Mapping[str, Any]) -> None:
    """Writes detector.safetensors, then threshold.json, which holds its digest and `facts` about the data."""
    arrays = {_PREFIX + name: np.asarray(value, order="C") for name, value in decision.detector.fitted.items()}
    content = serialise(arrays | {"calibration_scores": np.sort(np.asarray(decision.calibration_scores, np.float64))})
    with atomic(path / "detector.safetensors") as temporary:
        temporary.write_bytes(content)
    scores = decision.calibration_scores
    summary = {"count": len(scores), "least": scores.min(), "median": np.median(scores), "largest": scores.max(),
               "mean": scores.mean(), "std": scores.std()}
    runs.write_json(path / "threshold.json", {
        "score": decision.detector.name, "flagged": "score > threshold", "threshold": decision.threshold,
        "method": decision.method, "alpha": decision.alpha, "calibration": summary,
        "false_alarms": decision.false_alarms()._asdict(),
        "map": decision.score_map and decision.score_map._asdict(), "columns": decision.columns, **facts,
        "detector_sha256": hashlib.sha256(content).hexdigest()})


def source_of(run: runs.Run) -> dict[str, Any] | None:
    """The arguments of `data.load` for the data of a run of pictures that were all taken for normal; None of others.

    Of a table they come in other units than those of the part that the run was fitted to.
    """
    try:
        written = json.loads((run.path / "threshold.json").read_text())
        all_normal, source = written["normal_label"] is None, written["source"]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return dict(source) if all_normal and isinstance(source, dict) and len(run.shape) == 3 else None


def load(path: str | Path) -> tuple[runs.Run, Decision]:
    """Reads a run and its decision back.

    Raises:
      InputError: no run there, one without a threshold, or files that are damaged or do not fit together.
    """
    run = runs.load(path)
    place, weights = run.path / "threshold.json", run.path / "detector.safetensors"
    for part in (place, weights):
        if not part.is_file():
            raise InputError(f"{run.path} cannot score ({part.name} is missing): make a run that can with aejax "
                             "anomaly fit")
    content = weights.read_bytes()
    try:
        written = json.loads(place.read_text())
        if hashlib.sha256(content).hexdigest() != written["detector_sha256"]:
            raise InputError(f"{weights} is not the file that threshold.json describes (sha256 differs): fit the run "
                             "again")
        arrays = parse(content)
        corruption = run.recipe.corruption and build_corruption(run.recipe.corruption)
        detector = Detector(written["score"], {name.removeprefix(_PREFIX): value for name, value in arrays.items()
                                               if name.startswith(_PREFIX)}, corruption)
        decision = Decision(detector, written["method"], written["alpha"], float(written["threshold"]),
                            arrays["calibration_scores"], written["map"] and ScoreMap(**written["map"]),
                            tuple(written["columns"]))
    except (OSError, ValueError, KeyError, TypeError, AttributeError, SafetensorError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"{place} is damaged ({error!r:.80}): fit the run again") from error
    if detector.name not in SCORES:
        raise InputError(f"{place}: unknown score {detector.name!r}: it was fitted by another version of aejax")
    return run, decision
