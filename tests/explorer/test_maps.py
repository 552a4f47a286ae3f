import warnings

import numpy as np
import pytest

from aejax.applications.reconstruction import pca
from aejax.explorer import maps
from aejax.types import InputError


def test_neighbours_stay_together():
    """Two groups far apart are two groups on the map."""
    rng = np.random.default_rng(0)
    codes = rng.normal(size=(40, 3)).astype(np.float32) + np.repeat([[0], [50]], 20, axis=0).astype(np.float32)
    for name in ("pca", "tsne"):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")   # scikit-learn's own
            places = maps.layout(name, codes, pca(codes, 2))
        assert places.shape == (40, 2) and places.dtype == np.float32
        distance = np.linalg.norm(places[:, None] - places[None], axis=2) + 1e9 * np.eye(40)
        assert (distance.argmin(axis=1) // 20 == np.arange(40) // 20).all()


def test_an_unknown_map_and_a_missing_package(monkeypatch):
    codes = np.eye(3, dtype=np.float32)
    with pytest.raises(InputError, match="unknown map 'isomap'"):
        maps.layout("isomap", codes, pca(codes, 2))
    monkeypatch.setitem(maps.MAPS, "umap", "no_such_module")
    with pytest.raises(InputError, match="pip install umap-learn"):
        maps.layout("umap", codes, pca(codes, 2))
