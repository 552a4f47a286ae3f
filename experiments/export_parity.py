"""Does an exported file compute what JAX computes? Five kinds of autoencoder, each part, StableHLO and ONNX.

Trained briefly on mnist_mini, which decides nothing here; written by `aejax.export.checked`, read back by `jax.export`
and by onnxruntime, and compared on 256 test images, all at once and one alone. The score is ½‖x − x̂‖², its threshold
the 95 % quantile of training images'. What cannot be written has a row that says so.

Command: AEJAX_ONNX_PYTHON=onnx-env/bin/python python -m experiments.export_parity   (about 3 minutes on one core)
Result: experiments/results/export_parity.json
"""

import dataclasses
import tempfile
from pathlib import Path

import numpy as np
import tyro

from aejax import data, detection, runs
from aejax.applications.detectors import fit_detector
from aejax.data import Dataset
from aejax.errors import CheckFailedError
from aejax.export import checked, onnx_files
from aejax.export.graphs import PARTS
from aejax.recipes import Recipe
from aejax.types import InputError
from aejax.workflows import Training, train_run
from experiments._record import BaseConfig, Record


@dataclasses.dataclass(frozen=True)
class Config(BaseConfig):
    """Sizes; `--smoke` takes few images, two kinds and StableHLO alone."""

    code_dim: int = 16
    widths: tuple[int, ...] = (128,)
    channels: tuple[int, ...] = (8, 16)
    epochs: int = 2
    seed: int = 0


def recipes(config: Config, shape: tuple[int, ...]) -> dict[str, Recipe]:
    """What is exported, by kind."""
    dense = {"name": "dense", "shape": list(shape), "code_dim": config.code_dim, "widths": list(config.widths)}
    convolutional = {"name": "convolutional", "shape": list(shape), "code_dim": config.code_dim,
                     "channels": list(config.channels)}
    sigmoid = {"name": "squared_error", "activation": "sigmoid"}
    return {"dense": Recipe("standard", dense, sigmoid), "convolutional": Recipe("standard", convolutional, sigmoid),
            "denoising": Recipe("denoising", dense, sigmoid, {"name": "masking_noise", "rate": 0.5}),
            "contractive": Recipe("contractive", dense, sigmoid, options={"weight": 0.1}),
            "variational": Recipe("variational", dense, {"name": "cross_entropy"})}


def main(config: Config) -> Record:
    """Trains one kind after the other, and exports each of its parts in each format."""
    record = Record("export_parity", config)
    dataset, formats = data.load("mnist_mini"), checked.FORMATS
    if config.smoke:
        config = dataclasses.replace(config, widths=(), channels=(2,), code_dim=3, epochs=1)
        dataset = dataclasses.replace(dataset, train=dataset.train[:128], test=dataset.test[:20],
                                      train_labels=None, test_labels=None)
        formats = ("stablehlo",)
    if "onnx" in formats:
        onnx_files.interpreter()   # before anything is trained
    kinds = recipes(config, dataset.shape)
    for kind in ("dense", "convolutional") if config.smoke else kinds:
        settings = {"recipe": dataclasses.asdict(kinds[kind]), "epochs": config.epochs, "seed": config.seed,
                    "formats": formats, "data": dataset.digest}
        if all([record.done(f"{kind}, {part}, {format}", settings) for part in PARTS for format in formats]):
            continue
        with tempfile.TemporaryDirectory() as folder:
            _export(record, settings, config, dataset, kind, kinds[kind], Path(folder), formats)
    return record


def _export(record: Record, settings: dict, config: Config, dataset: Dataset, kind: str, recipe: Recipe, folder: Path,
            formats: tuple[str, ...]) -> None:
    """Rows of one kind."""
    train_run(recipe, dataset, Training(epochs=config.epochs, batch_size=64, seed=config.seed), folder / kind,
              command="")
    run = runs.load(folder / kind)
    detector, few = fit_detector("reconstruction", run.ae, run.params, dataset.train[:1]), dataset.train[:1000]
    scores = np.sort(detector.score(run.ae, run.params, few))
    decision = detection.Decision(detector, "quantile", 0.05, float(np.quantile(scores, 0.95)), scores)
    detection.save(run.path, decision, {})
    for part in PARTS:
        for format in formats:
            try:
                report = checked.export_run(run, part, format, folder / f"{part}.{format}", test=dataset.test,
                                            decision=decision if part == "score" else None)
            except (InputError, CheckFailedError) as error:
                print(f"{kind}, {part}, {format}: {error}")
                found = {"written": ("files", [0.0])}
            else:
                found = {"written": ("files", [1.0]), "size": ("bytes", [float(report["bytes"])]),
                         **{f"difference of {name}": ("", [value])
                            for name, value in report["compared"]["largest_difference"].items()}}
                if "opset" in report:
                    found["opset"] = ("", [float(report["opset"])])
            record.add(f"{kind}, {part}, {format}", settings, found, seeds=[config.seed],
                       n=min(256, len(dataset.test)))


if __name__ == "__main__":
    main(tyro.cli(Config))
