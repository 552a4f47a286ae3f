"""Flags of the verbs that look at data."""

import dataclasses
from typing import Annotated, Literal

from tyro.conf import Positional, arg

from aejax.flags.common import Name, Place, Size


@dataclasses.dataclass(frozen=True, kw_only=True)
class Data:
    """Report shape, range, missing values, duplicates and class balance of data, and draw a grid of samples."""

    action: Positional[Literal["check"]]
    """What to do."""
    path: Positional[Annotated[str, arg(metavar="NAME|PATH")]]
    """A name or a path, as for --data of train."""
    data_dir: Place = None
    """Folder with IDX files or prepared sets; AEJAX_DATA_DIR if not given."""
    size: Size = None
    """Resize pictures, for example 32x32."""
    label_column: Name = None
    """Column of a table that holds the label."""
    json: bool = False
    """Print JSON instead of text."""
    output: Place = None
    """PNG file for the grid of samples; data-check.png if not given, none with --json."""


VERBS = {"data": Data}
