"""A training from shards on disk, to be killed by `experiments.survival`: `aejax train` reads its data into memory."""

import dataclasses
import logging
import sys
from pathlib import Path

import jax
import numpy as np
import optax
import tyro

from aejax import data
from aejax.recipes import Recipe, build
from aejax.runs import save
from aejax.trackers import JsonLines
from aejax.train import fit
from aejax.train.checkpoints import Checkpoints


@dataclasses.dataclass(frozen=True)
class Config:
    """What `aejax train` would be told."""

    shards: Path
    output: Path
    epochs: int
    batch_size: int
    code_dim: int
    learning_rate: float
    patience: int
    checkpoint_every: int
    validation: int = 1000   # examples, the last ones


def main(config: Config) -> None:
    """Trains a denoising network, or goes on; writes metrics.jsonl, params.safetensors and, last, config.json."""
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    logging.getLogger("absl").setLevel(logging.WARNING)
    shards = data.open_shards(config.shards)
    cut = len(shards) - config.validation
    recipe = Recipe("denoising", {"name": "dense", "shape": list(shards.shape), "code_dim": config.code_dim},
                    {"name": "squared_error", "activation": "sigmoid"})
    checkpoint = Checkpoints(config.output / "checkpoints", every=config.checkpoint_every, resume=True,
                             configuration={name: str(value) for name, value in dataclasses.asdict(config).items()})
    state, _ = fit(build(recipe), shards.take(np.arange(cut)), optimizer=optax.adam(config.learning_rate),
                   key=jax.random.key(0), epochs=config.epochs, batch_size=config.batch_size,
                   validation=shards.gather(np.arange(cut, len(shards))), patience=config.patience,
                   callbacks=[JsonLines(config.output / "metrics.jsonl")], checkpoint=checkpoint)
    save(config.output, recipe, state.params, {"steps": int(state.step), "data": {"shape": list(shards.shape)}})


if __name__ == "__main__":
    main(tyro.cli(Config, description=__doc__))
