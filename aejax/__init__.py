"""Autoencoders in JAX: an autoencoder is four pure functions."""

import importlib

__version__ = "0.1.0"

_MODULES = ("autoencoder", "bottlenecks", "corruptions", "data", "estimators", "jacobian", "losses", "metrics",
            "networks", "train", "types", "variants")


def __getattr__(name: str):
    """Imports a submodule on first use, so that `import aejax` (and `aejax --help`) loads no JAX."""
    if name in _MODULES:
        return importlib.import_module(f"{__name__}.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
