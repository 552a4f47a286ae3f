"""What the verbs do, in one module for each family; the module of `aejax.flags` of that name holds the flags."""

import importlib
from typing import Any

from aejax.flags import FAMILY_OF


def run(verb: str, flags: Any, command: str) -> None:
    """Imports the verb's family, and no other, and does what `flags` say; `command` is what was typed."""
    common = importlib.import_module(f"{__name__}.common")
    family = importlib.import_module(f"{__name__}.{FAMILY_OF[verb]}")
    common.keep_compiled_programs()
    getattr(family, verb.replace("-", "_"))(flags, command=command)
