"""Flags of the verbs that go from captions to pictures and back."""

import dataclasses
from pathlib import Path
from typing import Annotated

from tyro.conf import Positional, arg

from aejax.flags.common import OPTIONAL, Int, Place

_Run = Positional[Annotated[Path, arg(metavar="RUN")]]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Captions:
    """Train a run that draws what a caption says, on compositions of real pictures: aejax imagine then draws.

    The captions are those of a small grammar, for example "two small dark sneakers at the left, one bag upside down at
    the right"; docs/captions.md has all of it.
    """

    data: Annotated[str, arg(metavar="mnist_mini|mnist|fashion_mnist")] = "mnist_mini"
    """Whose pictures are put together."""
    data_dir: Place = None
    """Folder with IDX files or prepared sets; AEJAX_DATA_DIR if not given."""
    compositions: int = 40_000
    """Pictures to train on."""
    epochs: int = 12
    """Passes over them."""
    batch_size: int = 64
    """Examples a step."""
    learning_rate: float = 3e-3
    """Of Adam, at most."""
    seed: int = 0
    """Of parameters, noise, order and pictures."""
    output: Path = Path("runs/captions")
    """Run folder."""
    overwrite: bool = False
    """Replace the run that --output already holds."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Imagine:
    """Draw a picture of a caption, for example "a dark coat above two bright sandals".

    Every word must be known to the run; a sentence that its grammar does not have is drawn all the same.
    """

    run: _Run
    """Run folder of aejax captions."""
    caption: Positional[Annotated[str, arg(metavar="CAPTION")]]
    """What to draw."""
    output: Annotated[Path, arg(metavar="FILE")] = Path("imagined.png")
    """Where the picture goes."""
    seed: Annotated[Int, arg(help_behavior_hint=OPTIONAL)] = None
    """Draws what the caption leaves open; the most typical picture if not given."""
    spread: float = 1.0
    """With --seed: how far from the typical picture, in standard deviations."""
    overwrite: bool = False
    """Replace --output."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Describe:
    """Say what pictures show, in the words of the run: of all captions the one whose code is nearest."""

    run: _Run
    """Run folder of aejax captions."""
    pictures: Positional[Annotated[Path, arg(metavar="PICTURES")]]
    """A picture of 56x56 pixels, a folder of such pictures, or an .npy file."""


VERBS = {"captions": Captions, "imagine": Imagine, "describe": Describe}
