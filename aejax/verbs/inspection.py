"""`aejax evaluate` and `aejax gallery`."""

import json
import logging
from typing import Any

from aejax import data as sources
from aejax.compare import corruption_of
from aejax.gallery import write_gallery
from aejax.runs import load
from aejax.types import InputError
from aejax.verbs.common import given, print_table
from aejax.workflows import results

logger = logging.getLogger("aejax")


def evaluate(flags: Any, *, command: str) -> None:
    """`aejax evaluate RUN`: the run's numbers on test data and the baselines', as a table or JSON."""
    run = load(flags.run)
    trained_on = run.config["data"]["load"]
    if flags.data is None and trained_on is None:
        raise InputError(f"{run.path} does not say how its data were loaded: name them with --data")
    arguments = {"size": run.shape[:2] if len(run.shape) == 3 else None} if flags.data else dict(trained_on)
    source = flags.data or arguments.pop("source")
    dataset = sources.load(source, **arguments | given(data_dir=flags.data_dir))
    if dataset.shape != run.shape:
        raise InputError(f"{dataset.name}: examples of shape {dataset.shape}, but {run.path} takes {run.shape}")
    if flags.data is None and dataset.digest != run.config["data"]["sha256"]:
        logger.warning("%s has changed since the run was trained on it (its sha256 differs)", source)
    rows = results({run.path.resolve().name: run}, dataset, run.recipe.corruption or corruption_of(dataset)).rows
    if flags.json:
        print(json.dumps({"run": str(run.path), "data": dataset.name, "examples": len(dataset.test), "rows": rows}))
    else:
        print_table(rows)


def gallery(flags: Any, *, command: str) -> None:
    """`aejax gallery`: the page of all experiments; prints its path."""
    print(write_gallery(flags.results, flags.output))
