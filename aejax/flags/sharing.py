"""Flags of the verb that gives a run away."""

import dataclasses
from pathlib import Path
from typing import Annotated

from tyro.conf import Positional, arg

from aejax.flags.common import OPTIONAL, Name


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


VERBS = {"publish": Publish}
