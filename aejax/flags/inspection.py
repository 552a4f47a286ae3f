"""Flags of the verbs that look at runs and results."""

import dataclasses
from pathlib import Path
from typing import Annotated

from tyro.conf import Positional, arg

from aejax.flags.common import OPTIONAL, Place


@dataclasses.dataclass(frozen=True, kw_only=True)
class Evaluate:
    """Measure a run on held-out data, beside its baselines."""

    run: Positional[Annotated[Path, arg(metavar="RUN")]]
    """Run folder."""
    data: Annotated[str | None, arg(metavar="NAME|PATH", help_behavior_hint=OPTIONAL)] = None
    """Other data than the run was trained on."""
    data_dir: Place = None
    """Folder with IDX files or prepared sets; AEJAX_DATA_DIR if not given."""
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
