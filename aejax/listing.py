"""The runs in a folder side by side, from their own files: nothing is loaded that computes."""

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

COLUMNS = ("run", "variant", "network", "code", "data", "epochs", "seconds", "val_loss", "mse", "psnr")
_BEST_LAST = ("psnr",)   # of which more is better
_PLACES = {"seconds": "{:.1f}", "val_loss": "{:.5g}", "mse": "{:.5f}", "psnr": "{:.2f}"}


def summaries(folder: Path) -> tuple[list[dict[str, Any]], list[str]]:
    """What the runs in `folder`, and in its folders, are, a row each with `COLUMNS`; and what is wrong with the others.

    mse and psnr are of test data, from the results.json of the run or of the comparison that it is part of; val_loss is
    the least of all epochs. What a run has not is None.
    """
    rows, damaged = [], []
    for config in sorted((*folder.glob("config.json"), *folder.glob("*/config.json"), *folder.glob("*/*/config.json"))):
        name = config.parent.relative_to(folder).as_posix()
        try:
            rows.append(summary(config.parent) | {"run": name if name != "." else folder.resolve().name})
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            damaged.append(f"{config.parent} is damaged ({type(error).__name__}: {error})")
    unfinished = {path.parent for path in (*folder.glob("*/metrics.jsonl"), *folder.glob("*/*/metrics.jsonl"))
                  if not (path.parent / "config.json").is_file()}
    damaged += [f"{path} is not finished: --resume goes on where it has checkpoints" for path in sorted(unfinished)]
    return rows, damaged


def summary(path: Path) -> dict[str, Any]:
    """One run's row, but for its name."""
    config = json.loads((path / "config.json").read_text())
    recipe, training = config["recipe"], config["training"]
    logs = epochs(path)
    losses = [line["val_loss"] for line in logs if math.isfinite(line.get("val_loss", math.nan))]
    found = _measured(path)
    return {"run": path.name, "variant": recipe["variant"], "network": recipe["network"]["name"],
            "code": recipe["network"].get("code_dim"), "data": config["data"]["name"],
            "epochs": len(logs) or training["epochs"], "seconds": config.get("seconds"),
            "val_loss": min(losses, default=None), "mse": found.get("mse"), "psnr": found.get("psnr"),
            "status": config.get("status", "done")}


def ordered(rows: Sequence[Mapping[str, Any]], column: str) -> list[dict[str, Any]]:
    """By a column, the best first, and last what has it not."""
    there = [dict(row) for row in rows if row[column] is not None]
    return sorted(there, key=lambda row: row[column], reverse=column in _BEST_LAST) + [
        dict(row) for row in rows if row[column] is None]


def table(rows: Sequence[Mapping[str, Any]]) -> list[list[str]]:
    """Cells for people, a head above; the status stands behind the name of a run that did not end well."""
    lines = [list(COLUMNS)]
    for row in rows:
        cells = ["-" if row[name] is None else _PLACES.get(name, "{}").format(row[name]) for name in COLUMNS]
        if row["status"] != "done":
            cells[0] += " (diverged)"
        lines.append(cells)
    return lines


def _measured(path: Path) -> Mapping[str, Any]:
    """The row of a run in its own results.json, or in that of the folder above."""
    for place, name in ((path, None), (path.parent, path.name)):
        if (place / "results.json").is_file():
            rows = json.loads((place / "results.json").read_text()).get("rows", [])   # a sweep's has none
            rows = [row for row in rows if not row.get("baseline") and name in (None, row.get("name"))]
            if rows:
                return rows[0]
    return {}


def epochs(path: Path) -> list[dict[str, Any]]:
    """The lines of a run's metrics.jsonl, one an epoch; none where it has no such file."""
    file = path / "metrics.jsonl"
    return [json.loads(line) for line in file.read_text().splitlines()] if file.is_file() else []
