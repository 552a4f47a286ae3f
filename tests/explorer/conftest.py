"""Small runs with random parameters, data of theirs, a server in a thread, and one browser."""

from pathlib import Path

import jax
import numpy as np
import pytest

from aejax.data import Dataset
from aejax.explorer import scene as scenes
from aejax.explorer import server as servers
from aejax.explorer.operations import Operations
from aejax.recipes import Recipe, build
from aejax.runs import Run
from experiments import _browser

SQUARED = {"name": "squared_error", "activation": "tanh"}


def random_run(variant="standard", network=None, reconstruction=SQUARED, shape=(6, 5, 1), **parts):
    """A run as `runs.load` gives it, of parameters that were drawn."""
    network = {"name": "dense", "shape": list(shape), "code_dim": 4} | (network or {})
    network = {name: value for name, value in network.items() if value is not None}
    recipe = Recipe(variant, network, reconstruction, **parts)
    ae = build(recipe)
    rng = np.random.default_rng(0)
    params = jax.tree.map(lambda leaf: leaf + rng.normal(0, 0.2, leaf.shape).astype(np.float32),
                          jax.jit(ae.init)(jax.random.key(0), np.zeros((1, *shape), np.float32)))
    config = {"data": {"shape": list(shape), "name": "bars", "standardiser": None}}
    return Run(Path("runs") / variant, config, recipe, ae, params)


def random_data(shape=(6, 5, 1), count=40, **parts):
    """Images of noise with two labels, or a table."""
    rng = np.random.default_rng(1)
    if len(shape) == 1:
        x, limits = rng.normal(size=(2, count, *shape)).astype(np.float32), None
    else:
        x, limits = rng.integers(0, 256, (2, count, *shape)).astype(np.uint8), (0.0, 1.0)
    labels = np.arange(count, dtype=np.int32) % 2
    return Dataset(**{"train": x[0], "train_labels": labels, "test": x[1], "test_labels": labels, "name": "bars",
                      "label_names": ("even", "odd"), "range": limits} | parts)


def table_run():
    return random_run(shape=(5,), network={"code_dim": 2},
                      reconstruction={"name": "squared_error", "activation": "identity", "range": None})


@pytest.fixture(scope="session")
def make_run():
    return random_run


@pytest.fixture(scope="session")
def make_data():
    return random_data


@pytest.fixture(scope="session")
def run():
    return random_run()


@pytest.fixture(scope="session")
def table():
    return table_run()


@pytest.fixture(scope="session")
def data():
    return random_data()


@pytest.fixture(scope="session")
def composed(run, data):
    """The scene of `run`, and its prior."""
    return scenes.compose(run, data)


@pytest.fixture(scope="session")
def operations(run, data, composed):
    return Operations(run, scenes.scale_of(run, data), composed[1])


@pytest.fixture(scope="session")
def in_thread():
    return _browser.serving


@pytest.fixture(scope="session")
def port(operations, composed):
    """Where `run` is served."""
    with _browser.serving(servers.application(operations, composed[0])) as number:
        yield number


@pytest.fixture(scope="session")
def browser():
    """One headless browser for all tests."""
    if _browser.find() is None:
        pytest.skip(f"no browser here: one of {', '.join(_browser.NAMES)} on the PATH")
    with _browser.started() as found:
        yield found
