"""`aejax data check`."""

import dataclasses
import json
import shlex
from pathlib import Path
from typing import Any

import numpy as np

from aejax import data as sources
from aejax import figures, metrics
from aejax.types import InputError
from aejax.verbs.common import load, size

GRID = 48          # samples
LARGEST_PATCH = 64
SHOWN_SIZES = 5


def data(flags: Any, *, command: str) -> None:
    """`aejax data check PATH`: what is in the data, what is wrong with them, and what to type next."""
    found = sources.check(flags.path, size=size(flags.size), label_column=flags.label_column, data_dir=flags.data_dir)
    if flags.output and found["kind"] != "images":
        raise InputError(f"{flags.path}: no images, so there is no grid to draw: leave --output out")
    following = _next(flags, found)
    if flags.json:
        print(json.dumps(found | {"next": following}))
    else:
        for name, value in found.items():
            if name != "warnings":
                print(f"{name.replace('_', ' '):<20} {_sizes(value) if name == 'sizes' else _text(value)}".rstrip())
        for warning in found["warnings"]:
            print(f"warning: {warning}")
    if flags.output or (not flags.json and found["kind"] == "images"):
        _draw(flags, found)
    if not flags.json:
        for line in following:
            print(f"next: {line}")


def _draw(flags: Any, found: dict[str, Any]) -> None:
    """A grid of samples; pictures of unequal sizes in the size that most of them have."""
    path = flags.output or Path("data-check.png")
    try:
        dataset = load(dataclasses.replace(flags, size=flags.size or _usual(found)), source=flags.path)
    except InputError as error:   # such data are what a check is for: the report stands, only the grid is missing
        if flags.output:
            raise
        return print(f"no grid of samples: {error}")
    pick = np.unique(np.linspace(0, len(dataset.train) - 1, GRID).astype(int))
    names = None if dataset.train_labels is None else [
        str(label if dataset.label_names is None else dataset.label_names[label])
        for label in dataset.train_labels[pick]]
    figures.samples(path, np.asarray(metrics.to_unit(dataset.train[pick], dataset.range)), labels=names)
    print(path.resolve())


def _usual(found: dict[str, Any]) -> str | None:
    """The size of at least half of the pictures, or else a small square."""
    if not found["sizes"]:
        return None
    size, count = next(iter(found["sizes"].items()))
    return size if 2 * count >= sum(found["sizes"].values()) else _square(found)


def _square(found: dict[str, Any]) -> str:
    """`LARGEST_PATCH`, or less where a picture is smaller: it lies inside of every picture."""
    side = min(LARGEST_PATCH, *(int(side) for text in found["sizes"] for side in text.split("x")))
    return f"{side}x{side}"


def _next(flags: Any, found: dict[str, Any]) -> list[str]:
    """Commands to type, or what has to be done to the data before there are any."""
    if any(warning.startswith("cannot be trained on") for warning in found["warnings"]):
        return ["mend what the warnings name, and check again"]
    options = [f"--{name.replace('_', '-')}={value}" for name in ("size", "label_column", "data_dir")
               if (value := getattr(flags, name)) is not None]
    train = ["aejax", "train", "denoising", "--data", flags.path, *options]
    if not found["sizes"]:
        return [shlex.join(train)]
    whole = f"--size={_usual(found)}"
    return [shlex.join([*train, "--network=unet", f"--patches={_square(found)}", "--corruption=gaussian_noise",
                        "--std=0.2", "--blind", "--epochs=1", "--batch-size=32"]),
            shlex.join(["aejax", "compare", *train[3:], whole]),
            shlex.join(["aejax", "data", "check", flags.path, *options, whole])]


def _sizes(value: dict[str, int] | None) -> str:
    """The most frequent ones with their counts; of more than these, how many and from where to where."""
    if value is None or len(value) <= SHOWN_SIZES:
        return _text(value)
    sides = np.array([[int(side) for side in text.split("x")] for text in value])
    return (f"{len(value)} different, height {sides[:, 0].min()} to {sides[:, 0].max()}, "
            f"width {sides[:, 1].min()} to {sides[:, 1].max()}")


def _text(value: Any) -> str:
    """What people read: nothing of JSON's marks."""
    if value is None:
        return "-"
    if isinstance(value, dict):
        nested = any(isinstance(part, dict) for part in value.values())
        return ("; " if nested else ", ").join(f"{key}{':' if nested else ''} {_text(part)}"
                                               for key, part in value.items())
    if isinstance(value, list):
        return (" x " if all(isinstance(part, int) for part in value) else "; ").join(map(_text, value)) or "-"
    return f"{value:.6g}" if isinstance(value, float) else str(value)
