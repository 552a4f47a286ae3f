"""`aejax publish`."""

from typing import Any

from aejax import pretrained
from aejax.types import InputError


def publish(flags: Any, *, command: str) -> None:
    """`aejax publish RUN --output FOLDER`: the last line is the folder, or with --hub the repository's address."""
    if flags.public and flags.hub is None:
        raise InputError("--public is about a repository: add --hub OWNER/NAME")
    folder = pretrained.save_pretrained(flags.run, flags.output, license=flags.license, overwrite=flags.overwrite)
    print(folder)
    if flags.hub is not None:
        print(pretrained.push_to_hub(folder, flags.hub, private=not flags.public))
