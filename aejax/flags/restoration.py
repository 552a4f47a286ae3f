"""Flags of the verbs that give pictures back."""

import dataclasses
from pathlib import Path
from typing import Annotated

from tyro.conf import Positional, arg


@dataclasses.dataclass(frozen=True, kw_only=True)
class Reconstruct:
    """Reconstruct pictures by a run: one PNG for each, and figure.png, which shows input above reconstruction."""

    run: Positional[Annotated[Path, arg(metavar="RUN")]]
    """Run folder."""
    pictures: Positional[Annotated[Path, arg(metavar="PICTURES")]]
    """A picture, a folder of pictures, or an .npy, .npz, .csv or .parquet file."""
    output: Path = Path("reconstructions")
    """Folder for the results."""
    overwrite: bool = False
    """Replace results that --output already holds."""


VERBS = {"reconstruct": Reconstruct}
