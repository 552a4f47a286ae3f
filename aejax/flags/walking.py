"""Flags of the verbs that walk through the latent space of a run."""

import dataclasses
from pathlib import Path
from typing import Annotated

from tyro.conf import Positional, arg

from aejax.flags.common import OPTIONAL, DataOfRunFlags, Float, Place

_Run = Positional[Annotated[Path, arg(metavar="RUN")]]


@dataclasses.dataclass(frozen=True, kw_only=True)
class OfRun(DataOfRunFlags):
    """Which examples, and where the results go."""

    overwrite: bool = False
    """Replace results that --output already holds."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Interpolate(OfRun):
    """Go from one example to another, in pixels and in the code: strip.png, and the arrays in interpolation.npz."""

    run: _Run
    """Run folder."""
    a: Positional[Annotated[str, arg(metavar="A")]]
    """Number of a test example, from 0, or a file with one picture."""
    b: Positional[Annotated[str, arg(metavar="B")]]
    """Likewise."""
    steps: int = 11
    """Images of a path, both ends included."""
    path: Annotated[str, arg(metavar="all|pixel|linear|slerp|geodesic")] = "all"
    """Which paths, with commas between."""
    output: Path = Path("interpolation")
    """Folder for the results."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Steer(OfRun):
    """Learn a transformation as a walk in the code: strip.png over alpha, the arrays in steering.npz, and the walk in
    steering.safetensors."""

    run: _Run
    """Run folder."""
    edit: Annotated[str, arg(metavar="rotate|shift_x|shift_y|zoom|brightness")]
    """What the walk is to do: turn (degrees), move right or down (pixels), enlarge or brighten 2^alpha times."""
    alpha: Annotated[str | None, arg(metavar="LIST|LOW:HIGH:COUNT", help_behavior_hint=OPTIONAL)] = None
    """Numbers with commas between, or a range, written --alpha=-30:30:7; the trained range if not given."""
    index: Annotated[str, arg(metavar="LIST")] = "0,1,2,3,4"
    """Which test examples are shown, from 0."""
    pictures: Place = None
    """Pictures to show instead: a file or a folder."""
    walk: Annotated[str, arg(metavar="linear|nonlinear")] = "linear"
    """linear: z + alpha w; nonlinear: the step of a small network, eight times."""
    joint: bool = False
    """Train the autoencoder with the walk; the run stays as it is."""
    limit: Float = None
    """Largest alpha in training; by default 30 degrees, 4 pixels, 0.5 for zoom, 1 for brightness."""
    examples: int = 10_000
    """Training examples to learn from, at most."""
    epochs: int = 10
    """Passes over them."""
    seed: int = 0
    """Of parameters, order and alpha."""
    output: Path = Path("steering")
    """Folder for the results."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Mix(OfRun):
    """Mix the styles of images, by a run of aejax train VARIANT --network style: a picture of three tables, whose rows
    keep the styles of A and take those of B, the columns, in the coarse, the middle or the fine layers."""

    run: _Run
    """Run folder."""
    a: Positional[Annotated[str, arg(metavar="A")]]
    """Numbers of test examples with commas between, or a picture or a folder of pictures."""
    b: Positional[Annotated[str, arg(metavar="B")]]
    """Likewise."""
    psi: float = 1.0
    """Draws all styles towards the mean of the training images' ones: 0 the mean, 1 as they are."""
    output: Path = Path("mix.png")
    """Picture to write."""


VERBS = {"interpolate": Interpolate, "steer": Steer, "mix": Mix}
