"""Codes laid out in the plane."""

import importlib

import numpy as np
from jaxtyping import Float

from aejax.applications.reconstruction import PCA
from aejax.types import InputError

MAPS = {"pca": "", "tsne": "sklearn.manifold", "umap": "umap"}   # and the module that each needs
PACKAGES = {"tsne": "scikit-learn", "umap": "umap-learn"}


def layout(name: str, codes: Float[np.ndarray, "n code"], directions: PCA) -> Float[np.ndarray, "n 2"]:
    """A place in the plane for each code; the same for the same codes.

    "pca": the coordinates along the two leading principal directions. "tsne" (van der Maaten and Hinton 2008) and
    "umap" (McInnes et al. 2018) keep neighbours together; distances between groups mean little there.

    Raises:
      InputError: an unknown name, or its package is not installed.

    >>> codes = np.eye(3, dtype=np.float32)
    >>> layout("pca", codes, PCA(np.zeros(3, np.float32), codes)).shape
    (3, 2)
    """
    if name not in MAPS:
        raise InputError(f"unknown map {name!r}: some of {', '.join(MAPS)}")
    if name == "pca":
        found = directions.encode(codes)[:, :2]
        return np.pad(found, ((0, 0), (0, 2 - found.shape[1]))).astype(np.float32)   # a code of one value: a line
    try:
        module = importlib.import_module(MAPS[name])
    except ImportError:
        raise InputError(f"--map {name} needs {PACKAGES[name]}: pip install {PACKAGES[name]}") from None
    if name == "tsne":
        perplexity = min(30.0, (len(codes) - 1) / 3)
        with importlib.import_module("threadpoolctl").threadpool_limits(1):   # its threads only wait for each other
            return module.TSNE(perplexity=perplexity, init="random", random_state=0).fit_transform(codes)
    return np.asarray(module.UMAP(n_neighbors=min(15, len(codes) - 1), random_state=0).fit_transform(codes), np.float32)
