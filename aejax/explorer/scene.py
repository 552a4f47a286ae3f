"""What the page knows of a run before anything is asked of it, as JSON."""

import base64
import math
from collections.abc import Mapping, Sequence
from typing import Any

import jax.numpy as jnp
import numpy as np

from aejax.applications.anomaly_detection import reconstruction_score
from aejax.applications.inpainting import CodePrior, code_prior
from aejax.applications.reconstruction import encode, pca
from aejax.autoencoder import to_range
from aejax.data import Dataset
from aejax.explorer.maps import layout
from aejax.files import resize
from aejax.runs import Run
from aejax.types import InputError

DIRECTIONS = 8         # sliders
FITTED = 10_000        # training examples, at most, from which directions and the prior are taken
EXAMPLES = 64          # test examples that come at full size
THUMBNAIL = 32         # pixels of the longer side, at most
COLUMNS = 128          # of a table, at most
LABELS = 50            # names for which there is a direction, at most


def check_run(run: Run) -> None:
    """Refuses runs that have no code to walk in, or examples that the page cannot show.

    Raises:
      InputError: in one line.
    """
    if run.ae.reconstruct is not None:
        raise InputError(f"{run.path}: a {run.recipe.network['name']} leads past the code, so that no code describes "
                         "an image: explore a run of a dense or convolutional network")
    image = len(run.shape) == 3 and run.shape[2] in (1, 3)
    if not image and (len(run.shape) != 1 or run.shape[0] > COLUMNS):
        raise InputError(f"{run.path}: examples of shape {run.shape}; the page shows grey or colour images, and tables "
                         f"of up to {COLUMNS} columns")


def scale_of(run: Run, data: Dataset) -> tuple[float, float]:
    """Lowest and highest value of the page's scale: images go from 0 to 1 there, tables stay as they are."""
    if len(run.shape) == 1:
        return 0.0, 1.0
    return run.ae.range or (float(np.min(data.test)), float(np.max(data.test)))


def pack(array: np.ndarray) -> dict[str, Any]:
    """An array for `static/backend.js`: dtype (float32 or uint8), shape, and little-endian bytes in base64.

    >>> pack(np.zeros((1, 2), np.uint8))
    {'dtype': 'uint8', 'shape': [1, 2], 'data': 'AAA='}
    """
    dtype = "uint8" if array.dtype == np.uint8 else "float32"
    content = np.ascontiguousarray(array, "<f4" if dtype == "float32" else np.uint8)
    return {"dtype": dtype, "shape": list(array.shape), "data": base64.b64encode(content.tobytes()).decode()}


def compose(run: Run, data: Dataset, *, points: int = 600, maps: Sequence[str] = ("pca",),
            walks: Mapping[str, tuple[np.ndarray, float, str]] | None = None) -> tuple[dict[str, Any], CodePrior]:
    """The scene, and the Gaussian of the codes that the page samples from.

    Args:
      run: a trained run.
      data: what it was trained on, or other data of its shape.
      points: test examples on the map, drawn by a fixed seed.
      maps: names of `maps.MAPS`.
      walks: learnt directions, {name: (direction in code units per unit, limit, unit)}.

    Raises:
      InputError: as `check_run`; fewer than two examples; a map whose package is not installed.
    """
    check_run(run)
    chosen = _some(len(data.test), points)
    if len(chosen) < 2:
        raise InputError(f"{data.name}: {len(chosen)} test examples are too few for a map: bring at least 2")
    test = np.asarray(to_range(jnp.asarray(data.test[chosen]), run.ae.range))
    codes = encode(run.ae, run.params, test)
    fitted = _some(len(data.train), FITTED)
    train_codes = encode(run.ae, run.params, data.train[fitted])
    prior = code_prior(train_codes)
    directions = pca(train_codes, min(DIRECTIONS, train_codes.shape[1]))
    spread = directions.encode(train_codes).std(axis=0)
    variance = train_codes.var(axis=0).sum()
    low, high = scale_of(run, data)
    page = (test - low) / np.float32(high - low)
    image = len(run.shape) == 3
    labels = None if data.test_labels is None else np.asarray(data.test_labels)[chosen].tolist()
    train_labels = None if data.train_labels is None else np.asarray(data.train_labels)[fitted]
    scene = {
        "title": run.path.resolve().name, "about": _about(run, data), "kind": "image" if image else "table",
        "shape": list(run.shape), "low": low, "high": high, "code_dim": int(codes.shape[1]),
        "mean": pack(directions.mean), "directions": pack(directions.components), "spread": pack(spread),
        "share": [float(s**2 / variance) for s in spread],
        "prior": {"mean": pack(prior.mean), "cholesky": pack(prior.cholesky)},
        "codes": pack(codes), "numbers": chosen.tolist(),
        "maps": [{"name": name, "places": pack(layout(name, codes, directions))} for name in maps],
        "thumbnails": pack(_thumbnails(page)) if image else None,
        "examples": pack(_bytes(page[:EXAMPLES]) if image else page[:EXAMPLES]),
        "errors": pack(np.sort(reconstruction_score(run.ae, run.params, test))),
        "labels": None if labels is None else [_name(data, label) for label in labels],
        "steering": [*_towards(data, train_codes, train_labels), *_learnt(walks or {}, codes.shape[1])],
        "standardiser": run.config["data"].get("standardiser"),
    }
    return scene, prior


def _some(count: int, most: int) -> np.ndarray:
    """Which of `count` examples are looked at: all, or as many as asked for by a fixed seed, in their order."""
    return np.sort(np.random.default_rng(0).permutation(count)[:most])


def _about(run: Run, data: Dataset) -> str:
    network = run.recipe.network
    return f"{run.recipe.variant} autoencoder, {network['name']} network, trained on {run.config['data']['name']}" + (
        "" if data.name == run.config["data"]["name"] else f", shown with {data.name}")


def _bytes(page: np.ndarray) -> np.ndarray:
    return np.rint(np.clip(page, 0, 1) * 255).astype(np.uint8)


def _thumbnails(page: np.ndarray) -> np.ndarray:
    height, width = page.shape[1:3]
    factor = min(1.0, THUMBNAIL / max(height, width))
    size = max(1, math.floor(height * factor)), max(1, math.floor(width * factor))
    return np.stack([resize(image, size) for image in _bytes(page)])


def _name(data: Dataset, label: int) -> str:
    return str(label) if data.label_names is None else str(data.label_names[label])


def _towards(data: Dataset, codes: np.ndarray, labels: np.ndarray | None) -> list[dict[str, Any]]:
    """For each label the way from the mean code to the mean of its codes."""
    present = [] if labels is None else np.unique(labels).tolist()
    if len(present) < 2 or len(present) > LABELS:
        return []
    hint = "1 is the way from the mean code of all to that of {}."
    return [{"name": f"towards {_name(data, label)}", "hint": hint.format(_name(data, label)), "limit": 2.0,
             "direction": pack(codes[labels == label].mean(axis=0) - codes.mean(axis=0))} for label in present]


def _learnt(walks: Mapping[str, tuple[np.ndarray, float, str]], code_dim: int) -> list[dict[str, Any]]:
    found = []
    for name, (direction, limit, unit) in walks.items():
        if direction.shape != (code_dim,):
            raise InputError(f"{name}: a direction of {direction.size} values for codes of {code_dim}")
        found.append({"name": name, "hint": f"In {unit}, as aejax steer learnt it.", "limit": limit,
                      "direction": pack(direction)})
    return found
