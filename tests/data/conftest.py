"""What the tests of aejax.data share: no network, no cache but their own, and one way to look at an error."""

import contextlib
import gzip
import os

import numpy as np
import pytest

from aejax.data import download, idx, published
from aejax.files import InputError

FULL_SETS = os.environ.get("AEJAX_DATA_DIR")   # before the fixture below hides it


@pytest.fixture(autouse=True)
def alone(tmp_path_factory, monkeypatch):
    """A home, a cache and an environment of the test's own; every download fails at once."""
    home = tmp_path_factory.mktemp("home")
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("XDG_CACHE_HOME", str(home / "cache"))
    monkeypatch.delenv("AEJAX_DATA_DIR", raising=False)
    monkeypatch.delenv("TFDS_DATA_DIR", raising=False)
    monkeypatch.setattr(published, "SYSTEM", {})

    def offline(url):
        raise OSError("no network in tests")
    monkeypatch.setattr(download, "_check_reachable", offline)


@pytest.fixture
def full_sets():
    if not FULL_SETS:
        pytest.skip("AEJAX_DATA_DIR is not set: no full MNIST to compare with")
    return FULL_SETS


@pytest.fixture
def refused():
    """`with refused("part", …)`: an InputError of one line that holds every part."""
    @contextlib.contextmanager
    def expect(*parts):
        with pytest.raises(InputError) as caught:
            yield
        text = str(caught.value)
        assert "\n" not in text and len(text) < 900, text
        for part in parts:
            assert str(part) in text, text
    return expect


def idx_arrays(train=12, test=5, side=28, seed=0):
    random = np.random.default_rng(seed)
    return tuple(array for n in (train, test) for array in (
        random.integers(0, 256, (n, side, side), np.uint8), random.integers(0, 10, n).astype(np.uint8)))


@pytest.fixture
def write_idx():
    """(folder, arrays=…, packed=True, dots=False) -> the arrays written there as four IDX files."""
    def write(folder, arrays=None, packed=True, dots=False):
        folder.mkdir(parents=True, exist_ok=True)
        arrays = idx_arrays() if arrays is None else arrays
        for name, array in zip(idx.FILES, arrays, strict=True):
            name = name.replace("-idx", ".idx") if dots else name
            # The layout is written out here, so that it does not come from the code under test.
            header = bytes((0, 0, 8, array.ndim)) + b"".join(n.to_bytes(4, "big") for n in array.shape)
            data = header + array.tobytes()
            if packed:
                (folder / f"{name}.gz").write_bytes(gzip.compress(data, mtime=0))
            else:
                (folder / name).write_bytes(data)
        return arrays
    return write
