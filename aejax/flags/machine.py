"""Flags of the verbs that look for what is wrong, with this machine or with a run."""

import dataclasses
from pathlib import Path
from typing import Annotated

from tyro.conf import Positional, arg

from aejax.flags.common import OPTIONAL, DataOfRunFlags


@dataclasses.dataclass(frozen=True, kw_only=True)
class Doctor(DataOfRunFlags):
    """Say what this machine and installation are, and check that a training step computes here what it should.

    Ends with 1 where that check fails on some kind of device. With RUN it says what is ill about that run instead.
    """

    run: Positional[Annotated[Path | None, arg(metavar="[RUN]", help_behavior_hint=OPTIONAL)]] = None
    """Run folder: its units, codes, outputs, losses and data are looked at."""

    json: bool = False
    """Print JSON instead of text."""


VERBS = {"doctor": Doctor}
