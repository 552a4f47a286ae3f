"""`aejax reconstruct`."""

import logging
from typing import Any

import numpy as np

from aejax import data as sources
from aejax import figures, metrics
from aejax.applications.reconstruction import reconstruct as reconstruct_images
from aejax.files import write_array, write_picture
from aejax.runs import load
from aejax.types import InputError

logger = logging.getLogger("aejax")


def reconstruct(flags: Any, *, command: str) -> None:
    """`aejax reconstruct RUN PICTURES`: PNG files (or reconstructions.npy for arrays and tables) and a figure."""
    run = load(flags.run)
    inputs = sources.read_inputs(flags.pictures, run.shape, run.config["data"]["standardiser"])
    targets = [flags.output / f"{name}.png" for name in inputs.names] if inputs.pictures else [
        flags.output / "reconstructions.npy"]
    figure = flags.output / "figure.png"
    while figure in targets:   # a picture of that name
        figure = figure.with_name(f"_{figure.name}")
    for target in (*targets, figure) if inputs.pictures else targets:
        if target.exists() and not flags.overwrite:
            raise InputError(f"{target} exists: choose another --output, or add --overwrite")
    for note in inputs.notes:
        logger.info("%s", note)
    outputs = reconstruct_images(run.ae, run.params, inputs.x)
    if not inputs.pictures:
        write_array(targets[0], inputs.restore(outputs))
        print(targets[0].resolve())
        return
    unit = np.clip(metrics.to_unit(outputs, run.ae.range), 0, 1)
    for target, image in zip(targets, unit, strict=True):
        write_picture(target, np.rint(image * 255).astype(np.uint8))
    given = np.asarray(metrics.to_unit(inputs.x, run.ae.range))
    figures.image_rows(figure, [("input", given[:10]), ("reconstruction", unit[:10])])
    error = metrics.mse(given, unit)
    print(f"{len(unit)} pictures, mean squared error {float(error.mean()):.5f} on the [0, 1] scale")
    print(figure.resolve())
