"""Flags of the verb that draws pictures from the latent space."""

import dataclasses
from pathlib import Path
from typing import Annotated

from tyro.conf import Positional, arg

from aejax.flags.common import OPTIONAL, Place, Text


@dataclasses.dataclass(frozen=True, kw_only=True)
class Sample:
    """Draw codes from a prior and decode them: a grid of pictures, the arrays in an .npz file and, of digits and
    clothes, measures in a .json file beside it.

    A prior is fitted to the codes of the run's training data when it is first asked for, and kept in the run.
    """

    run: Positional[Annotated[Path, arg(metavar="RUN")]]
    """Run folder."""
    data_dir: Place = None
    """Folder with IDX files or prepared sets; AEJAX_DATA_DIR if not given."""
    number: Annotated[int, arg(aliases=("-n",))] = 64
    """How many."""
    prior: Annotated[str | None, arg(metavar="normal|gaussian|mixture|flow|autoregressive",
                                     help_behavior_hint=OPTIONAL, help=(
        "N(0, I), the Gaussian of the codes, a mixture of Gaussians (scikit-learn), a coupling flow, or, for "
        "a codebook, a model of its indices. If not given, N(0, I) for variants that are trained towards it, "
        "else what the run holds."))] = None
    components: Text = None
    """Of a mixture: their number, or several to choose from on held-out codes; 5,10,20 if not given."""
    temperature: float = 1.0
    """Below 1 samples keep to what is likely, above 1 they stray from it."""
    seed: int = 0
    """Of the samples. A prior is fitted with the run's own seed."""
    refit: bool = False
    """Fit the prior again, though the run holds one."""
    examples: int = 10_000
    """Samples and test pictures that measures are taken of, at most; 0 for no measures."""
    output: Annotated[Path, arg(metavar="FILE")] = Path("samples.png")
    """The grid; its name with .npz and .json is taken too."""
    overwrite: bool = False
    """Replace them."""


VERBS = {"sample": Sample}
