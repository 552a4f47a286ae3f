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


@dataclasses.dataclass(frozen=True, kw_only=True)
class Runs:
    """List the runs in a folder side by side: what was trained, on what, for how long, and how good it is."""

    folder: Positional[Annotated[Path, arg(metavar="[FOLDER]")]] = Path("runs")
    """Where runs are, the folders of aejax compare among them."""
    sort: Annotated[str, arg(metavar="COLUMN")] = "run"
    """run, variant, network, code, data, epochs, seconds, val_loss, mse or psnr: best or least first."""
    json: bool = False
    """Print JSON instead of a table."""


VERBS = {"runs": Runs, "evaluate": Evaluate, "gallery": Gallery}
