"""Flags of the verbs that give pictures back."""

import dataclasses
from pathlib import Path
from typing import Annotated, Literal

from tyro.conf import Positional, arg

from aejax.flags.common import OPTIONAL, Float, Int

Run = Positional[Annotated[Path, arg(metavar="RUN")]]
Pictures = Positional[Annotated[Path, arg(metavar="PICTURES")]]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Reconstruct:
    """Reconstruct pictures by a run: one PNG for each, and figure.png, which shows input above reconstruction."""

    run: Run
    """Run folder."""
    pictures: Pictures
    """A picture, a folder of pictures, or an .npy, .npz, .csv or .parquet file."""
    output: Path = Path("reconstructions")
    """Folder for the results."""
    overwrite: bool = False
    """Replace results that --output already holds."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Denoise:
    """Denoise pictures of any size by a run that was trained against noise.

    Each comes back under its name, in its mode (grey, colour, palette, transparency, 16 bits) and the right way up;
    contact_sheet.png shows before and after.
    """

    run: Run
    """Run folder, for example of aejax train denoising --network unet --corruption gaussian_noise --std 0.2 --blind."""
    pictures: Pictures
    """A picture, or a folder of pictures."""
    output: Path = Path("denoised")
    """Folder for the results; for a single picture also the name of its file."""
    overwrite: bool = False
    """Replace results that --output already holds."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Inpaint:
    """Fill in what a mask or a box hides of a picture; all other pixels stay as they are.

    The picture comes back under its name and in its mode; contact_sheet.png shows before and after.
    """

    run: Run
    """Run folder, for example of aejax train denoising --network unet --corruption hidden_regions."""
    picture: Positional[Annotated[Path, arg(metavar="PICTURE")]]
    """The picture."""
    mask: Annotated[Path | None, arg(metavar="FILE", help_behavior_hint=OPTIONAL)] = None
    """A picture of the same size: white where the picture is known, black where it is to be filled in."""
    invert_mask: bool = False
    """The mask is white where the picture is to be filled in."""
    box: Annotated[str | None, arg(metavar="X,Y,W,H", help_behavior_hint=OPTIONAL)] = None
    """Instead of a mask, a box to be filled in: its left and upper border, width and height in pixels."""
    method: Annotated[Literal["pass", "projection", "energy"], arg(help=(
        "pass: one pass of the network; projection: several, the known pixels put back after each; energy: "
        "the code whose picture is nearest to the known pixels and probable among the run's training data (no "
        "unet)."))] = "pass"
    steps: Int = None
    """Of projection (10 if not given) or energy (200)."""
    restarts: Int = None
    """Starts of energy, of which the best counts; 4 if not given."""
    prior_weight: Float = None
    """Weight of the codes' probability in energy; 0.02 if not given."""
    output: Path = Path("inpainted")
    """Folder for the results, or the name of the picture's file."""
    overwrite: bool = False
    """Replace results that --output already holds."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Upscale:
    """Enlarge pictures by a run that was trained on coarse ones.

    Each comes back under its name and in its mode; contact_sheet.png shows input, bicubic interpolation and result.
    """

    run: Run
    """Run folder, for example of aejax train denoising --network unet --corruption downsample --factor 4."""
    pictures: Pictures
    """A picture, or a folder of pictures."""
    factor: Int = None
    """How many times as wide and as high; what the run was trained for if not given."""
    consistent: bool = False
    """Move the result to the nearest whose averages over factor x factor pixels are the input."""
    output: Path = Path("upscaled")
    """Folder for the results; for a single picture also the name of its file."""
    overwrite: bool = False
    """Replace results that --output already holds."""


VERBS = {"reconstruct": Reconstruct, "denoise": Denoise, "inpaint": Inpaint, "upscale": Upscale}
