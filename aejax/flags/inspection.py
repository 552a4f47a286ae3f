"""Flags of the verbs that look at runs and results."""

import dataclasses
from pathlib import Path
from typing import Annotated

from tyro.conf import Positional, arg

from aejax.flags.common import DataOfRunFlags


@dataclasses.dataclass(frozen=True, kw_only=True)
class Evaluate(DataOfRunFlags):
    """Measure a run on held-out data, beside its baselines."""

    run: Positional[Annotated[Path, arg(metavar="RUN")]]
    """Run folder."""
    json: bool = False
    """Print JSON instead of a table."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Gallery:
    """Write one page of all experiments: question, figures, numbers."""

    results: Annotated[Path, arg(metavar="FOLDER")] = Path("experiments/results")
    """Folder of results, as the experiments write them."""
    output: Annotated[Path, arg(metavar="FILE")] = Path("gallery.html")
    """The page to write."""


VERBS = {"evaluate": Evaluate, "gallery": Gallery}
