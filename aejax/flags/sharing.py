"""Flags of the verbs that give a run away, whole or a part of it."""

import dataclasses
from pathlib import Path
from typing import Annotated

from tyro.conf import Positional, arg

from aejax.flags.common import OPTIONAL, DataOfRunFlags, Name


@dataclasses.dataclass(frozen=True, kw_only=True)
class Publish:
    """Write a run as a folder to give away: parameters, configuration without your paths, numbers, a model card.

    Every verb that reads a run reads it. With --hub it is uploaded as well, as a private repository.
    """

    run: Positional[Annotated[Path, arg(metavar="RUN")]]
    """Run folder."""
    output: Annotated[Path, arg(metavar="FOLDER")]
    """Where it goes; the card has this name."""
    license: Annotated[Name, arg(metavar="SPDX")] = None
    """Of the parameters, for the card: apache-2.0, cc-by-4.0 …"""
    hub: Annotated[str | None, arg(metavar="OWNER/NAME", help_behavior_hint=OPTIONAL, help=(
        "Upload it to this repository of the Hugging Face hub, or of HF_ENDPOINT, as HF_TOKEN or the client's "
        "own login allow."))] = None
    public: bool = False
    """Make a new repository one that everyone can see."""
    overwrite: bool = False
    """Replace a run that --output already holds."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Export(DataOfRunFlags):
    """Write a part of a run as one file that runs without aejax: StableHLO for JAX, ONNX for most other runtimes.

    It takes bytes of pictures, or rows of a table in its own units, any number at once. The file is read back and
    compared with JAX on 256 test data; what differs by more than 1e-4 is not written, exit code 1.
    """

    run: Positional[Annotated[Path, arg(metavar="RUN")]]
    """Run folder."""
    part: Annotated[str, arg(metavar="encoder|decoder|reconstruct|score")]
    """What of it; score is that of a run of `aejax anomaly fit`, beside whether it is above the threshold."""
    format: Annotated[str, arg(metavar="stablehlo|onnx")] = "stablehlo"
    """onnx needs an environment with the converter, see docs/export.md."""
    output: Annotated[Path, arg(metavar="FILE")]
    """Where it goes; what is known of it goes beside it, to FILE.json."""
    overwrite: bool = False
    """Replace these files."""


VERBS = {"publish": Publish, "export": Export}
