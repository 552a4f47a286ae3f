"""The flags of each verb, in one module for each family; the module of `aejax.verbs` of that name does the work.

A module's VERBS maps what is typed to a dataclass. Nothing here imports JAX, so that `aejax --help` is quick.
"""

import importlib

FAMILIES = (   # in the order of `aejax --help`
    "training",
    "inspection",
    "restoration",
    "anomaly",
    "compression",
    "latent",
    "walking",
    "generation",
    "captions",
    "explore",
    "data",
    "sharing",
    "machine",
)
_MODULES = {family: importlib.import_module(f"{__name__}.{family}") for family in FAMILIES}
VERBS: dict[str, type] = {verb: flags for module in _MODULES.values() for verb, flags in module.VERBS.items()}
FAMILY_OF: dict[str, str] = {verb: family for family, module in _MODULES.items() for verb in module.VERBS}
