"""Flags of the verbs that ask about the latent space."""

import dataclasses
from typing import Annotated

from tyro.conf import Positional, arg

from aejax.flags.common import Name, Place, Size


@dataclasses.dataclass(frozen=True, kw_only=True)
class SuggestCodeDim:
    """Suggest a width of the code: intrinsic dimension, components of PCA, and with --sweep the knee of trained ones.

    Prints a table, and one recommended value with its reason.
    """

    data: Positional[Annotated[str, arg(metavar="NAME|PATH")]]
    """A name or a path, as for --data of train."""
    data_dir: Place = None
    """Folder with IDX files or prepared sets; AEJAX_DATA_DIR if not given."""
    size: Size = None
    """Resize pictures, for example 32x32."""
    label_column: Name = None
    """Column of a table that holds the label."""
    neighbours: int = 10
    """Neighbours that an estimate of the intrinsic dimension looks at."""
    seed: int = 0
    """Of splits, of the points that look for neighbours, and the first of the sweep."""
    sweep: bool = False
    """Train autoencoders of widths 2, 4, 8 … and recommend the knee of their validation error."""
    epochs: int = 10
    """Of the sweep: passes over the training data."""
    seeds: int = 2
    """Of the sweep: seeds of every width."""


VERBS = {"suggest-code-dim": SuggestCodeDim}
