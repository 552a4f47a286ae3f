"""Which of the lecture's autoencoders reconstructs, and which restores? The notebook's comparison on full MNIST.

784→30→784 and 784→500→784, tanh both, MSE in [-1, 1], Adam 1e-3, batch 256, 20 epochs, dropout mask of rate ½ that
doubles what it keeps, no validation split, weights drawn as the notebook's library does; three seeds; measured on the
10,000 test images. Each model beside PCA of the same width and the best linear map from masked to clean.

Command: python -m experiments.compare_autoencoders --data-dir FOLDER   (about 12 minutes on 2 cores)
Result: experiments/results/compare_autoencoders.json and .png
"""

import dataclasses

import numpy as np
import tyro

from aejax import data, figures, metrics
from aejax.applications.reconstruction import reconstruct
from aejax.compare import NOTEBOOK_MASK, chosen, recipes
from aejax.measuring import baselines, measure, test_arrays
from aejax.workflows import Training, train
from experiments._record import BaseConfig, Record

RANGE = (-1.0, 1.0)
UNITS = {"mse": "[0, 1]²", "signed_mse": "[-1, 1]²", "psnr": "dB", "restored_mse": "[0, 1]²",
         "restored_signed_mse": "[-1, 1]²", "restored_psnr": "dB", "jacobian_norm": "code unit / [-1, 1]",
         "parameters": "", "seconds": "s"}


@dataclasses.dataclass(frozen=True)
class Config(BaseConfig):
    """Settings of the notebook; `--smoke` takes fewer digits, one epoch and one seed."""

    seeds: tuple[int, ...] = (0, 1, 2)
    epochs: int = 20
    batch_size: int = 256


def main(config: Config) -> Record:
    """Trains every model for every seed and records its test errors."""
    record = Record("compare_autoencoders", config)
    seeds, epochs = (config.seeds[:1], 1) if config.smoke else (config.seeds, config.epochs)
    dataset = data.load("mnist_mini" if config.smoke else "mnist", data_dir=config.data_dir)
    if config.smoke:
        dataset = dataclasses.replace(dataset, train=dataset.train[:512], test=dataset.test[:64],
                                      test_labels=dataset.test_labels[:64])
    shown = {}
    common = {"epochs": epochs, "batch_size": config.batch_size, "seeds": seeds, "data": dataset.digest}
    arrays = {seed: test_arrays(dataset, NOTEBOOK_MASK, RANGE, seed) for seed in seeds}
    if not record.done("PCA-30", common):
        found = [baselines(dataset, NOTEBOOK_MASK, RANGE, *arrays[seed], (30, 500), seed) for seed in seeds]
        for rows in zip(*(rows for rows, _ in found), strict=True):
            _add(record, rows[0]["name"], common, rows, seeds, len(dataset.test))
        shown["best linear map"] = found[-1][1]["linear denoiser"][1]
    for name, recipe in recipes(dataset).items():
        settings = {"recipe": dataclasses.asdict(recipe), **common}
        if record.done(name, settings):
            continue
        rows = []
        for seed in seeds:
            training = Training(epochs=epochs, batch_size=config.batch_size, seed=seed, validation=0.0)
            trained = train(recipe, dataset, training)
            rows.append({**measure(recipe, trained.ae, trained.params, *arrays[seed]), "seconds": trained.seconds})
        shown[name] = reconstruct(trained.ae, trained.params, arrays[seeds[-1]][1])
        _add(record, name, settings, rows, seeds, len(dataset.test))
    if len(shown) == len(recipes(dataset)) + 1:
        _draw(record, shown, dataset, *arrays[seeds[-1]])
    return record


def _add(record: Record, name: str, settings, rows, seeds, n: int) -> None:
    values = {metric: (unit, [row[metric] for row in rows]) for metric, unit in UNITS.items()
              if rows[0].get(metric) is not None}
    record.add(name, settings, values, seeds=seeds, n=n)


def _draw(record: Record, shown, dataset, clean: np.ndarray, noisy: np.ndarray) -> None:
    """The figure of the README: masked digits and what each model makes of them, last seed."""
    pick = chosen(dataset)
    linear = shown.pop("best linear map")
    outputs = {"test digit": clean, "half of it masked": noisy, **shown, "best linear map": linear}
    figures.image_rows(record.path.with_suffix(".png"), [
        (name, np.asarray(metrics.to_unit(images[pick], RANGE))) for name, images in outputs.items()])


if __name__ == "__main__":
    main(tyro.cli(Config, description=__doc__))
