"""Flags of the verbs that look at this machine."""

import dataclasses


@dataclasses.dataclass(frozen=True, kw_only=True)
class Doctor:
    """Say what this machine and installation are, and check that a training step computes here what it should.

    Ends with 1 where that check fails on some kind of device.
    """

    json: bool = False
    """Print JSON instead of text."""


VERBS = {"doctor": Doctor}
