"""`aejax publish` and `aejax export`."""

import logging
from typing import Any

import numpy as np

from aejax import detection, pretrained, runs
from aejax.export import checked, onnx_files
from aejax.export.graphs import PARTS
from aejax.recipes import nearest
from aejax.types import InputError
from aejax.verbs.common import data_of, refuse_to_replace

logger = logging.getLogger("aejax")


def publish(flags: Any, *, command: str) -> None:
    """`aejax publish RUN --output FOLDER`: the last line is the folder, or with --hub the repository's address."""
    if flags.public and flags.hub is None:
        raise InputError("--public is about a repository: add --hub OWNER/NAME")
    folder = pretrained.save_pretrained(flags.run, flags.output, license=flags.license, overwrite=flags.overwrite)
    print(folder)
    if flags.hub is not None:
        print(pretrained.push_to_hub(folder, flags.hub, private=not flags.public))


def export(flags: Any, *, command: str) -> None:
    """`aejax export RUN --part PART --output FILE`: what was measured in words; the last line is the file."""
    part, format = nearest(flags.part, PARTS, "part"), nearest(flags.format, checked.FORMATS, "format")
    target = flags.output.expanduser()
    if target.is_dir():
        raise InputError(f"--output {target} is a folder: name a file")
    refuse_to_replace((target, checked.report_path(target)), flags.overwrite)
    if format == "onnx":
        onnx_files.interpreter()   # before data are read
    run, decision = detection.load(flags.run) if part == "score" else (runs.load(flags.run), None)
    report = checked.export_run(run, part, format, target, test=_test_part(run, flags), decision=decision)
    print(checked.in_words(report))
    print(target.resolve())


def _test_part(run: runs.Run, flags: Any) -> np.ndarray | None:
    """The test part that the flags or the run name, tables in their units; None, and said so, where there is none."""
    try:
        dataset = data_of(run, data=flags.data, data_dir=flags.data_dir)
    except InputError as reason:
        if flags.data is not None:
            raise
        logger.warning("compared on random data within range: %s", reason)
        return None
    return dataset.test if dataset.standardiser is None else dataset.standardiser.invert(dataset.test)
