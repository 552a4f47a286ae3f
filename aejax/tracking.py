"""TensorBoard and Weights & Biases, beside the metrics.jsonl that every run has: optional, and local unless asked."""

import abc
import importlib
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import jax
import numpy as np
from flax import traverse_util

from aejax.applications.reconstruction import reconstruct
from aejax.metrics import to_unit
from aejax.train.parallel import local
from aejax.types import Autoencoder, Callback, InputError, Params

SHOWN = 8   # examples in a grid
PACKAGES = {"tensorboard": "tensorboardX", "wandb": "wandb"}   # by extra, word of --track, and folder of the run


class Tracker(Callback, abc.ABC):
    """Sends metrics each epoch, and every so many epochs a grid of examples and histograms of the parameters.

    The grid has examples above, what the autoencoder makes of them below, on the [0, 1] scale. Where several processes
    train together there are metrics alone: the parameters lie on all of them.

    Args:
      folder: where files go.
      ae: reconstructs the examples; None: no grid.
      examples: of pictures, (N, H, W, C) as data; the first eight are shown.
      every: epochs between grids, and between histograms.

    Raises:
      InputError: `every` below 1; a package that is not installed.
    """

    extra: str | None = None   # that installs what it writes with

    def __init__(self, folder: str | Path, *, ae: Autoencoder | None = None, examples: np.ndarray | None = None,
                 every: int = 1):
        if every < 1:
            raise InputError(f"every is a number of epochs from 1 on, got {every}")
        self.package = None if self.extra is None else _package(self.extra)
        self.folder, self.ae, self.every = Path(folder), ae, every
        self.examples = None if examples is None or examples.ndim != 4 else examples[:SHOWN]

    def on_epoch_end(self, epoch: int, logs: Mapping[str, float], state: Any) -> None:
        self.scalars({_group(name): float(value) for name, value in logs.items()}, epoch)
        if state is not None and epoch % self.every == 0 and jax.process_count() == 1:
            params = jax.device_get(local(state.params))
            for name, leaf in traverse_util.flatten_dict(dict(params), sep="/").items():
                self.histogram(f"parameters/{name}", leaf.ravel(), epoch)
            if self.ae is not None and self.examples is not None:
                self.image("reconstructions", grid(self.ae, params, self.examples), epoch)

    def on_train_end(self, history: Mapping[str, list[float]]) -> None:
        self.close()

    @abc.abstractmethod
    def scalars(self, values: Mapping[str, float], step: int) -> None:
        """Numbers by name."""

    @abc.abstractmethod
    def histogram(self, name: str, values: np.ndarray, step: int) -> None:
        """How values (N,) are distributed."""

    @abc.abstractmethod
    def image(self, name: str, picture: np.ndarray, step: int) -> None:
        """A picture, uint8, (H, W, 1 or 3)."""

    @abc.abstractmethod
    def close(self) -> None:
        """Nothing comes any more."""


class TensorBoard(Tracker):
    """Event files in `folder`, written without TensorFlow: tensorboard --logdir folder shows them."""

    extra = "tensorboard"

    def on_train_begin(self, info: Mapping[str, Any]) -> None:
        done = len(info.get("history", {}).get("loss", ()))   # of a resumed run: what came later was lost
        self.writer = self.package.SummaryWriter(str(self.folder), purge_step=done or None)

    def scalars(self, values: Mapping[str, float], step: int) -> None:
        for name, value in values.items():
            self.writer.add_scalar(name, value, step)

    def histogram(self, name: str, values: np.ndarray, step: int) -> None:
        self.writer.add_histogram(name, values, step)

    def image(self, name: str, picture: np.ndarray, step: int) -> None:
        self.writer.add_image(name, picture, step, dataformats="HWC")

    def close(self) -> None:
        self.writer.close()


class WeightsAndBiases(Tracker):
    """A run of Weights & Biases in `folder`: offline, so that nothing leaves the machine, unless WANDB_MODE says else.

    Args:
      folder, ae, examples, every: as for `Tracker`.
      project, name: what the run is called there.
      config: settings to show with it.
    """

    extra = "wandb"

    def __init__(self, folder: str | Path, *, project: str = "aejax", name: str | None = None,
                 config: Mapping[str, Any] | None = None, **options: Any):
        super().__init__(folder, **options)
        self.facts = {"project": project, "name": name, "config": dict(config or {})}

    def on_train_begin(self, info: Mapping[str, Any]) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        self.run = self.package.init(mode=os.environ.get("WANDB_MODE", "offline"), dir=str(self.folder), **self.facts)
        history = info.get("history", {})   # of a resumed run: every run of W&B is whole
        for epoch, values in enumerate(zip(*history.values(), strict=True)):
            self.scalars({_group(name): value for name, value in zip(history, values, strict=True)}, epoch)

    def scalars(self, values: Mapping[str, float], step: int) -> None:
        self.run.log(dict(values), step=step)

    def histogram(self, name: str, values: np.ndarray, step: int) -> None:
        self.run.log({name: self.package.Histogram(values)}, step=step)

    def image(self, name: str, picture: np.ndarray, step: int) -> None:
        self.run.log({name: self.package.Image(picture)}, step=step)

    def close(self) -> None:
        self.run.finish()


def grid(ae: Autoencoder, params: Params, examples: np.ndarray) -> np.ndarray:
    """uint8 (2 H, N W, C): examples above, their reconstructions below, cut to the [0, 1] scale."""
    outputs = reconstruct(ae, params, examples)
    both = np.stack([np.asarray(to_unit(x, ae.range)) for x in (examples, outputs)])
    rows, n, height, width, channels = both.shape
    pixels = np.rint(255 * np.clip(both, 0, 1)).astype(np.uint8)
    return pixels.transpose(0, 2, 1, 3, 4).reshape(rows * height, n * width, channels)


def check(names: Sequence[str]) -> None:
    """Refuses names of trackers that there are not, or whose package is not installed."""
    for name in names:
        if name not in PACKAGES:
            raise InputError(f"unknown tracker {name!r}: one of {', '.join(PACKAGES)}")
        _package(name)


def trackers(names: Sequence[str], folder: Path, *, ae: Autoencoder, examples: np.ndarray, config: Mapping[str, Any],
             ) -> list[Tracker]:
    """The trackers of these names, each in a folder of that name below `folder`, whose name is the run's.

    Raises:
      InputError: as `check`.
    """
    check(names)
    made: list[Tracker] = []
    for name in dict.fromkeys(names):
        place = {"folder": folder / name, "ae": ae, "examples": examples}
        made.append(TensorBoard(**place) if name == "tensorboard" else WeightsAndBiases(
            name=folder.resolve().name, config=config, **place))
    return made


def _group(name: str) -> str:
    """Of training and of validation: train/loss, val/loss."""
    return f"val/{name[4:]}" if name.startswith("val_") else f"train/{name}"


def _package(extra: str) -> ModuleType:
    try:
        return importlib.import_module(PACKAGES[extra])
    except ImportError:
        raise InputError(f"tracking by {extra} needs {PACKAGES[extra]}, which is not installed: pip install "
                         f"'aejax[{extra}]'") from None
