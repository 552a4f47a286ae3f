"""Flags of the verbs that make pictures small, and large again."""

import dataclasses
from pathlib import Path
from typing import Annotated

from tyro.conf import Positional, arg

Run = Positional[Annotated[Path, arg(metavar="RUN")]]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Compress:
    """Compress pictures by a run into one file, and say how many bits a pixel takes, beside PNG and zlib."""

    run: Run
    """Run folder of aejax train quantised."""
    pictures: Positional[Annotated[Path, arg(metavar="PICTURES")]]
    """A picture, a folder of pictures, or an .npy or .npz file of uint8."""
    output: Path = Path("pictures.aej")
    """The file."""
    lossless: bool = False
    """Keep every pixel's exact value; needs a run that was trained with --pixel-epochs."""
    pixels: bool = False
    """The same by a run that was trained with --levels too: keep every pixel in so many grey levels."""
    overwrite: bool = False
    """Replace --output."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Decompress:
    """Give back the pictures of a compressed file, under their names, or the array that they came as."""

    run: Run
    """The run that the file was compressed with."""
    file: Positional[Annotated[Path, arg(metavar="FILE")]]
    """What aejax compress wrote."""
    output: Path = Path("decompressed")
    """Folder for the pictures."""
    overwrite: bool = False
    """Replace pictures that --output already holds."""


VERBS = {"compress": Compress, "decompress": Decompress}
