"""Runs of five kinds on the small pictures of all tests, and one on a table; a threshold for it."""

import jax
import numpy as np
import pytest

from aejax import detection, runs
from aejax.applications.detectors import fit_detector
from aejax.recipes import Recipe, build

DENSE = {"name": "dense", "shape": [6, 5, 1], "code_dim": 4}
SIGNED = {"name": "squared_error", "activation": "tanh", "range": [-1.0, 1.0]}
RECIPES = {
    "dense": Recipe("standard", {**DENSE, "widths": [7], "activation": "gelu"}, SIGNED),
    "convolutional": Recipe("standard", {"name": "convolutional", "shape": [6, 5, 1], "code_dim": 4, "channels": [4]}),
    "denoising": Recipe("denoising", DENSE, corruption={"name": "masking_noise", "rate": 0.5}),
    "contractive": Recipe("contractive", DENSE, options={"weight": 0.1}),
    "variational": Recipe("variational", DENSE, {"name": "cross_entropy"}),
}
TABLE = Recipe("standard", {"name": "dense", "shape": [3], "code_dim": 2}, {
    "name": "squared_error", "activation": "identity", "range": None})


def save(folder, recipe, x, **data):
    """Writes a run with parameters as they are before training."""
    shape = list(x.shape[1:])
    folder.mkdir()
    runs.save(folder, recipe, build(recipe).init(jax.random.key(1), x[:1]), {"command": "", "data": {
        "shape": shape, "standardiser": None, "load": None} | data})
    return runs.load(folder)


@pytest.fixture(scope="session", params=RECIPES)
def run(request, images, tmp_path_factory):
    """A run on pictures, of each kind."""
    return save(tmp_path_factory.mktemp(request.param) / request.param, RECIPES[request.param], images)


@pytest.fixture(scope="session")
def rows():
    """A table of three columns of quite different size, in its own units."""
    return np.random.default_rng(0).normal([50, -3e4, 0.1], [10, 2e3, 0.02], (40, 3)).astype(np.float32)


@pytest.fixture(scope="session")
def table(rows, tmp_path_factory):
    """A run on the table, which it was standardised for."""
    scale = {"mean": rows.mean(axis=0), "std": rows.std(axis=0)}
    return save(tmp_path_factory.mktemp("table") / "table", TABLE, (rows - scale["mean"]) / scale["std"],
                standardiser={name: value.tolist() for name, value in scale.items()})


@pytest.fixture(scope="session")
def judged():
    """Gives a run a detector and a threshold: the decision."""
    def judge(run, name, x):
        detector = fit_detector(name, run.ae, run.params, x)
        found = np.sort(detector.score(run.ae, run.params, x))
        decision = detection.Decision(detector, "quantile", 0.5, float(np.median(found)), found)
        detection.save(run.path, decision, {})
        return decision
    return judge
