"""Runs of captions: trained on compositions of a data set, and read back for `imagine` and `describe`."""

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import jax
import numpy as np
import optax

from aejax import figures, runs
from aejax.applications.captions import captioned, imagine, tokens_of
from aejax.data import Dataset
from aejax.data.captions import SIDE, Pictures, make
from aejax.data.grammar import LONGEST, Vocabulary
from aejax.networks import FromCaption
from aejax.recipes import Recipe
from aejax.trackers import JsonLines
from aejax.train import NonFiniteLossError, TrainState, fit
from aejax.types import Autoencoder, Callback, Captioned, InputError, Params
from aejax.workflows import Training

SHOWN = 8   # captions of the run's figure


@dataclasses.dataclass(frozen=True)
class CaptionRun:
    """A run of captions read back: its folder, its configuration, the autoencoder, its parameters and its words."""

    path: Path
    config: Mapping[str, Any]
    ae: Autoencoder
    params: Params
    vocabulary: Vocabulary


def optimizer_of(learning_rate: float, steps: int) -> optax.GradientTransformation:
    """Adam, its rate rising over the first tenth of the steps (200 at most) and falling to 0 by a cosine."""
    return optax.adam(optax.warmup_cosine_decay_schedule(0.0, learning_rate, min(200, steps // 10), max(steps, 1)))


def fit_captions(network: FromCaption, vocabulary: Vocabulary, pictures: Pictures, training: Training,
                 callbacks: Sequence[Callback] = ()) -> tuple[TrainState, Mapping[str, list[float]]]:
    """Trains `captioned(network)` on pictures; validation, patience and devices of `training` do not count."""
    x = Captioned(tokens_of(vocabulary, pictures.captions), pictures.images)
    steps = training.epochs * (len(pictures.images) // training.batch_size)
    return fit(captioned(network, steps=steps), x, optimizer=optimizer_of(training.learning_rate, steps),
               key=jax.random.key(training.seed), epochs=training.epochs, batch_size=training.batch_size,
               callbacks=callbacks)


def train_captions(data: Dataset, training: Training, path: Path, *, compositions: int, command: str,
                   source: Mapping[str, Any] | None = None, network: Mapping[str, Any] | None = None,
                   callbacks: Sequence[Callback] = ()) -> CaptionRun:
    """Trains into the folder `path`: config.json, metrics.jsonl, params.safetensors, figures/captions.png.

    Args:
      data: a set whose classes `grammar.NOUNS` names; objects come from its training part, those of the figure from
        its test part.
      training: as of `fit_captions`.
      compositions: pictures to train on, drawn by the seed.
      source: arguments of `data.load`.
      network: fields of `FromCaption` that differ from their defaults.

    Raises:
      InputError: other data, or fewer compositions than a batch; nothing is written then.
    """
    vocabulary = Vocabulary(data.name)
    if compositions < training.batch_size:
        raise InputError(f"--compositions {compositions} are fewer than a batch of {training.batch_size}")
    recipe = Recipe(runs.CAPTIONS, {"name": "from_caption", "words": len(vocabulary), **(network or {})},
                    {"name": "cross_entropy"}, options={"words_of": data.name})
    drawing = _network(recipe)
    ae = captioned(drawing)
    config = {"command": command, "training": dataclasses.asdict(training), "seed": training.seed,
              "compositions": compositions,
              "data": {"name": data.name, "source": data.source, "sha256": data.digest, "shape": (SIDE, SIDE, 1),
                       "range": ae.range, "notes": data.notes, "load": source, "standardiser": None}}
    pictures = make(vocabulary, data.train, data.train_labels, compositions, seed=training.seed)
    with runs.held(path):
        runs.clear(path)
        try:
            state, history = fit_captions(drawing, vocabulary, pictures, training,
                                          (*callbacks, JsonLines(path / "metrics.jsonl")))
        except NonFiniteLossError as error:
            runs.save(path, recipe, error.state.params, {"status": str(error), **config})
            raise
        params = state.params
        runs.save(path, recipe, params, {"status": "done", "seconds": round(sum(history["seconds"]), 2),
                                         "steps": int(state.step), **config})
        run = CaptionRun(path, config, ae, params, vocabulary)
        draw(run, make(vocabulary, data.test, data.test_labels, SHOWN, seed=training.seed + 1, held=None))
    return run


def draw(run: CaptionRun, pictures: Pictures) -> None:
    """figures/captions.png: each caption with a real composition, the picture imagined of it, and three draws."""
    columns = [pictures.images / np.float32(255), imagine(run.ae, run.params, run.vocabulary, pictures.captions)]
    columns += [imagine(run.ae, run.params, run.vocabulary, pictures.captions, key=jax.random.key(seed))
                for seed in range(3)]
    figures.image_rows(run.path / "figures" / "captions.png",
                       list(zip(pictures.captions, np.stack(columns, axis=1), strict=True)), cell=1.0,
                       title="a real composition, the most typical picture, three draws")


def load_captions(path: str | Path) -> CaptionRun:
    """Reads a run of captions back.

    Raises:
      InputError: no run there, another kind of run, or damaged files.
    """
    path, config, recipe = runs.opened(path)
    if recipe.variant != runs.CAPTIONS:
        raise InputError(f"{path} is no run of captions but of a {recipe.variant} autoencoder: train one with aejax "
                         "captions --output FOLDER")
    try:
        ae, vocabulary = captioned(_network(recipe)), Vocabulary(recipe.options["words_of"])
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(f"{path / 'config.json'} is damaged ({error}): train the run again") from error
    pair = Captioned(jax.ShapeDtypeStruct((1, LONGEST), np.int32), jax.ShapeDtypeStruct((1, SIDE, SIDE, 1), np.float32))
    return CaptionRun(path, config, ae, runs.read_params(path / "params.safetensors", ae, pair), vocabulary)


def _network(recipe: Recipe) -> FromCaption:
    return FromCaption(**{name: value for name, value in recipe.network.items() if name != "name"})
