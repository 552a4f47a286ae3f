"""One file per named autoencoder; each defines the function of its own name, found here without a list to keep."""

import importlib
import pkgutil

NAMES = tuple(sorted(module.name for module in pkgutil.iter_modules(__path__)))

for _name in NAMES:   # after the import, so that the function and not its module answers to the name
    globals()[_name] = getattr(importlib.import_module(f"{__name__}.{_name}"), _name)

__all__ = ["NAMES", *NAMES]
