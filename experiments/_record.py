"""What every experiment shares: its configuration, and rows that are written at once and skipped on the next start."""

import dataclasses
import hashlib
import json
import shlex
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from aejax.files import atomic
from aejax.runs import environment

RESULTS = Path(__file__).parent / "results"


@dataclasses.dataclass(frozen=True)
class BaseConfig:
    """Flags of every experiment."""

    smoke: bool = False
    """Smallest sizes: checks that the script runs, measures nothing."""
    data_dir: Path | None = None
    """Folder with the full data sets; AEJAX_DATA_DIR if not given."""
    output: Path | None = None
    """Folder for the results; experiments/results if not given."""


class Record:
    """results/<question>.json: each finished row is written at once; a row of the same configuration is not repeated.

    A smoke run does not touch full results: it writes <question>.smoke.json where there are some.
    """

    def __init__(self, question: str, config: BaseConfig):
        folder = config.output or RESULTS
        self.path = folder / f"{question}.json"
        if config.smoke and self.path.exists() and not json.loads(self.path.read_text())["smoke"]:
            self.path = folder / f"{question}.smoke.json"
        old = json.loads(self.path.read_text()) if self.path.exists() else {}
        keep = old.get("smoke") == config.smoke
        self.rows: list[dict[str, Any]] = old["rows"] if keep else []
        self.minutes = old["minutes"] if keep else 0.0
        self.head = {"question": question, "command": shlex.join(["python", "-m", f"experiments.{question}"]),
                     **environment(), "smoke": config.smoke}
        self.since = time.perf_counter()

    def done(self, name: str, settings: Mapping[str, Any]) -> bool:
        """Whether rows of this name were measured with these very settings; says so."""
        found = any(row["name"] == name and row["config"] == _digest(settings) for row in self.rows)
        if found:
            print(f"{name}: already in {self.path.name}", file=sys.stderr)
        return found

    def add(self, name: str, settings: Mapping[str, Any], values: Mapping[str, tuple[str, Sequence[float]]], *,
            seeds: Sequence[int], n: int) -> None:
        """Adds one row per metric, {metric: (unit, value per seed)}, replaces older rows of this name, writes."""
        self.rows = [row for row in self.rows if row["name"] != name]
        for metric, (unit, each) in values.items():
            sd = None if len(each) < 2 else float(np.std(each, ddof=1)) if np.ptp(each) else 0.0   # no rounding error
            self.rows.append({"name": name, "metric": metric, "unit": unit, "value": float(np.mean(each)), "sd": sd,
                              "each": [float(v) for v in each], "seeds": list(seeds), "n": n,
                              "config": _digest(settings)})
            print(f"{name}: {metric} {self.rows[-1]['value']:.5g} ± {sd or 0:.2g} {unit}", file=sys.stderr)
        self.minutes += (time.perf_counter() - self.since) / 60
        self.since = time.perf_counter()
        self.write()

    def write(self) -> None:
        """A line for each row, so that files stay small and their changes readable."""
        head = json.dumps({**self.head, "minutes": round(self.minutes, 2)}, indent=1)
        rows = ",\n".join(f"  {json.dumps(row, allow_nan=False)}" for row in self.rows)
        with atomic(self.path) as temporary:
            temporary.write_text(f'{head[:-2]},\n "rows": [\n{rows}\n ]\n}}\n')


def _digest(settings: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(settings, sort_keys=True, default=str).encode()).hexdigest()[:12]
