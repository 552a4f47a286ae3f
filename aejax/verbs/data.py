"""`aejax data check`."""

import json
from pathlib import Path
from typing import Any

import numpy as np

from aejax import data as sources
from aejax import figures, metrics
from aejax.types import InputError
from aejax.verbs.common import load, size


def data(flags: Any, *, command: str) -> None:
    """`aejax data check PATH`: what is in the data, and what is wrong with them."""
    found = sources.check(flags.path, size=size(flags.size), label_column=flags.label_column, data_dir=flags.data_dir)
    if flags.json:
        print(json.dumps(found))
    else:
        for name, value in found.items():
            if name != "warnings":
                print(f"{name.replace('_', ' '):<20} {json.dumps(value) if isinstance(value, (dict, list)) else value}")
        for warning in found["warnings"]:
            print(f"warning: {warning}")
    if flags.output or (not flags.json and found["kind"] == "images"):
        try:
            dataset = load(flags, source=flags.path)
        except InputError as error:   # such data are what a check is for: the report stands, only the grid is missing
            if flags.output:
                raise
            return print(f"no grid of samples: {error}")
        if len(dataset.shape) != 3:
            raise InputError(f"{flags.path}: no images, so there is no grid to draw: leave --output out")
        path = flags.output or Path("data-check.png")
        pick = np.unique(np.linspace(0, len(dataset.train) - 1, 48).astype(int))
        names = None if dataset.train_labels is None else [
            str(label if dataset.label_names is None else dataset.label_names[label])
            for label in dataset.train_labels[pick]]
        figures.samples(path, np.asarray(metrics.to_unit(dataset.train[pick], dataset.range)), labels=names)
        print(path.resolve())
