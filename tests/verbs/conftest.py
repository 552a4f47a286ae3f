"""The command line inside this process, and what its tests share: data, and two trained runs."""

import contextlib
import io
import logging

import numpy as np
import pytest
from PIL import Image

from aejax.cli import main

RNG = np.random.default_rng(0)
IMAGES = RNG.integers(0, 256, (40, 8, 8), np.uint8)
TABLE = RNG.normal(50, 10, (30, 3))
SMALL = ("--epochs", 1, "--batch-size", 8, "--code-dim", 2)


@pytest.fixture(autouse=True)
def alone(tmp_path, monkeypatch):
    """A folder, a cache and an environment of the test's own; the logger as it was."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("AEJAX_DATA_DIR", "TFDS_DATA_DIR"):
        monkeypatch.delenv(name, raising=False)
    with logger_kept():
        yield


@contextlib.contextmanager
def logger_kept():
    logger = logging.getLogger("aejax")
    kept = logger.handlers, logger.propagate, logger.level
    try:
        yield
    finally:
        logger.handlers, logger.propagate = kept[:2]
        logger.setLevel(kept[2])


def run(*arguments):
    return main([str(argument) for argument in arguments])


@pytest.fixture(scope="session")
def aejax():
    """`aejax("train", "standard", …)` returns the exit code."""
    return run


@pytest.fixture(scope="session")
def logger_as_it_was():
    """A context that gives the logger back as it was, for fixtures that live longer than a test."""
    return logger_kept


@pytest.fixture(scope="session")
def small():
    """Flags of the shortest training."""
    return SMALL


@pytest.fixture(scope="session")
def noise():
    """40 grey pictures, uint8 (40, 8, 8); also noise.npy of `made`."""
    return IMAGES


@pytest.fixture(scope="session")
def cells():
    """A table, (30, 3); also cells.csv of `made`."""
    return TABLE


@pytest.fixture(scope="session")
def made(tmp_path_factory):
    """A folder with data, a run on pictures ("run") and one on a table ("cells")."""
    folder = tmp_path_factory.mktemp("made")
    np.save(folder / "noise.npy", IMAGES)
    (folder / "cells.csv").write_text("a,b,c\n" + "\n".join(",".join(map(repr, row)) for row in TABLE.tolist()))
    (folder / "pictures").mkdir()
    for name, image in zip("ab", IMAGES, strict=False):
        Image.fromarray(image).save(folder / "pictures" / f"{name}.png")
    with logger_kept(), contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        assert run("train", "denoising", "--data", folder / "noise.npy", "--output", folder / "run", *SMALL) == 0
        assert run("train", "standard", "--data", folder / "cells.csv", "--output", folder / "cells", *SMALL) == 0
    return folder


@pytest.fixture
def is_png():
    """Whether a file begins as PNG files do."""
    return lambda path: path.read_bytes().startswith(b"\x89PNG")


@pytest.fixture
def mixed_pictures(tmp_path):
    """Makes the folder mixed, with two pictures of unequal size."""
    def make():
        (tmp_path / "mixed").mkdir()
        Image.fromarray(IMAGES[0]).save(tmp_path / "mixed" / "a.png")
        Image.fromarray(IMAGES[0, :4, :6]).save(tmp_path / "mixed" / "b.png")
    return make


@pytest.fixture
def bad_inputs(tmp_path, mixed_pictures):
    """Makes files of every kind that must be refused."""
    def make():
        mixed_pictures()
        (tmp_path / "empty").mkdir()
        (tmp_path / "damaged").mkdir()
        for name in "ab":
            Image.fromarray(RNG.integers(0, 256, (64, 64), np.uint8)).save(tmp_path / "damaged" / f"{name}.png")
        (tmp_path / "damaged" / "b.png").write_bytes((tmp_path / "damaged" / "a.png").read_bytes()[:900])
        np.savez(tmp_path / "none.npz")
        np.savez(tmp_path / "two.npz", a=IMAGES, b=IMAGES)
        floats = IMAGES / np.float32(255)
        np.save(tmp_path / "large.npy", floats * 3)
        floats[3, 2, 1] = np.nan
        np.save(tmp_path / "nan.npy", floats)
        np.save(tmp_path / "few.npy", IMAGES[:9])
        (tmp_path / "a file").write_text("mine")
    return make
