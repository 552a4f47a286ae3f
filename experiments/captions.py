"""Do pictures show what a caption says, where what it says was never seen together?

Captions of a grammar over compositions of real objects (docs/captions.md). A network trained on training combinations
and training objects draws captions of held-out combinations: its typical picture, and a draw of what captions leave
open. A judge reads class, count, place, size, brightness and rotation; it never saw a generated picture, being trained
on compositions, of all combinations, of the same training objects. Its own accuracy on compositions of real test
objects of the same captions is what pictures are held against. Baselines: the training picture whose caption shares
most with the one that is asked for; mean pictures of classes, pasted. Both read captions with the grammar's own parser,
and the second uses the very layout that composed the data, none of which the network is told. The way back: real
test compositions described by the caption of the nearest code, beside the caption of the nearest training picture.
Nothing is chosen on test objects or held-out combinations.

Command: python -m experiments.captions --data-dir FOLDER   (about 35 minutes on one core; resumable)
Result: experiments/results/captions.json, captions.png and captions_mnist.png
"""

import dataclasses
import functools

import jax
import numpy as np
import tyro

from aejax import data, figures
from aejax.applications.captions import captioned, describe, imagine
from aejax.captioning import fit_captions
from aejax.data.captions import Pictures, make
from aejax.data.grammar import Scene, Vocabulary, scenes
from aejax.networks import FromCaption
from aejax.types import Autoencoder, Params
from aejax.workflows import Training
from experiments import _captions_baselines as baselines
from experiments._captions_reader import Judge, accuracies, read, train_judge, truth
from experiments._record import BaseConfig, Record

TITLES = {"mnist": "MNIST", "mnist_mini": "digits", "fashion_mnist": "Fashion-MNIST"}
SHOWN = 6   # captions of a figure


@dataclasses.dataclass(frozen=True)
class Config(BaseConfig):
    """`--smoke` takes a few hundred digits and captions, one epoch."""

    seeds: tuple[int, ...] = (0, 1, 2)
    """Of the network; each draws training compositions of its own."""
    compositions: int = 40_000
    """Pictures that a network is trained on."""
    epochs: int = 12
    """Passes over them."""


@dataclasses.dataclass(frozen=True)
class Task:
    """What all rows of a data set share: the words, the objects, the test pictures and who reads them."""

    dataset: data.Dataset
    vocabulary: Vocabulary
    config: Config
    test: Pictures
    """Held-out combinations of test objects."""
    size: int
    """Compositions to train a network on."""
    training: Training

    @functools.cached_property
    def judge(self) -> Judge:
        """Trained when it is first asked."""
        count, epochs = (300, 1) if self.config.smoke else (20_000, 6)
        return train_judge(self.dataset.train, self.dataset.train_labels, count=count, epochs=epochs,
                           batch_size=min(128, count), seed=1000)

    @property
    def title(self) -> str:
        """Of the data set."""
        return TITLES[self.dataset.name]

    def compositions(self, seed: int) -> Pictures:
        """What a network of this seed is trained on."""
        return make(self.vocabulary, self.dataset.train, self.dataset.train_labels, self.size, seed=seed)


def main(config: Config) -> Record:
    """Measures one data set after the other."""
    record = Record("captions", config)
    for name in ("mnist_mini",) if config.smoke else ("fashion_mnist", "mnist"):
        task = task_of(data.load(name, data_dir=config.data_dir), config)
        settings = {"data": task.dataset.digest, "test": len(task.test.captions), "size": task.size}
        rows_of_baselines(record, task, settings)
        for seed in config.seeds[:1] if config.smoke else config.seeds:
            rows_of_ours(record, task, seed, settings | {"training": dataclasses.asdict(task.training)})
    return record


def task_of(dataset: data.Dataset, config: Config) -> Task:
    """The sizes of a smoke, or of the full experiment."""
    vocabulary = Vocabulary(dataset.name)
    test, size = (SHOWN, 64) if config.smoke else (2000, config.compositions)
    pictures = make(vocabulary, dataset.test, dataset.test_labels, test, seed=2000, held=True)
    training = Training(epochs=1 if config.smoke else config.epochs, batch_size=64, learning_rate=3e-3)
    return Task(dataset, vocabulary, config, pictures, size, training)


def rows_of_baselines(record: Record, task: Task, settings: dict) -> None:
    """What the judge reads in real pictures, in pasted means, in looked-up pictures; captions that are looked up."""
    name = f"{task.title}, real compositions"
    if not record.done(name, settings):
        _add(record, name, settings, _read(task, task.test.images))
    name = f"{task.title}, pasted class means"
    if not record.done(name, settings):
        _add(record, name, settings, _read(task, _pasted(task, task.test.scenes)))
    name = f"{task.title}, nearest training caption"
    if not record.done(name, settings):
        pictures = task.compositions(0)
        rows = baselines.by_attributes(task.test.scenes, pictures.scenes)
        _add(record, name, settings, _read(task, pictures.images[rows]))
    name = f"{task.title}, caption of the nearest training picture"
    if not record.done(name, settings):
        pictures = task.compositions(0)
        found = [pictures.scenes[i] for i in baselines.by_pixels(task.test.images, pictures.images)]
        _add(record, name, settings, accuracies(truth(found), truth(task.test.scenes)))


def rows_of_ours(record: Record, task: Task, seed: int, settings: dict) -> None:
    """What the judge reads in pictures of a network, and what the network reads in real pictures."""
    names = [f"{task.title}, {what}, seed {seed}" for what in (
        "typical pictures", "draws", "caption of the nearest code")]
    if all([record.done(name, settings) for name in names]):
        return
    network = FromCaption(words=len(task.vocabulary))
    ae = captioned(network)
    state, history = fit_captions(network, task.vocabulary, task.compositions(seed),
                                  dataclasses.replace(task.training, seed=seed))
    typical, drawn = (imagine(ae, state.params, task.vocabulary, task.test.captions, key=key)
                      for key in (None, jax.random.key(seed)))
    told = _read(task, typical)
    _add(record, names[0], settings, told, {"training": ("minutes", [sum(history["seconds"]) / 60])}, seed)
    _add(record, names[1], settings, _read(task, drawn), seed=seed)
    if seed == task.config.seeds[0]:   # before the last row: what was stopped in between is not taken for done
        draw(record, task, ae, state.params)
    _add(record, names[2], settings, accuracies(truth(_described(ae, state.params, task)), truth(task.test.scenes)),
         seed=seed)


def draw(record: Record, task: Task, ae: Autoencoder, params: Params) -> None:
    """The figure: the first held-out captions, each with real, our and the baselines' pictures."""
    captions, found = task.test.captions[:SHOWN], task.test.scenes[:SHOWN]
    training = task.compositions(0)
    ours = [imagine(ae, params, task.vocabulary, captions, key=key)
            for key in (None, *(jax.random.key(seed) for seed in range(100, 103)))]
    columns = {"real": task.test.images[:SHOWN] / np.float32(255), "typical": ours[0], "a draw": ours[1],
               "another": ours[2], "a third": ours[3],
               "looked up": training.images[baselines.by_attributes(found, training.scenes)] / np.float32(255),
               "pasted means": _pasted(task, found) / np.float32(255)}
    name = "captions_mnist.png" if task.dataset.name == "mnist" else "captions.png"
    figures.image_rows(record.path.with_name(name), list(zip(captions, np.stack(list(columns.values()), axis=1),
                                                             strict=True)), columns=list(columns), cell=0.9)


def _described(ae: Autoencoder, params: Params, task: Task) -> list[Scene]:
    every = list(scenes())[:: 400 if task.config.smoke else 1]
    candidates = [task.vocabulary.write(scene) for scene in every]
    return [task.vocabulary.parse(text) for text in describe(ae, params, task.vocabulary, task.test.images, candidates)]


def _pasted(task: Task, found: list[Scene]) -> np.ndarray:
    return baselines.pasted_means(found, task.dataset.train, task.dataset.train_labels)


def _read(task: Task, images: np.ndarray) -> dict[str, float]:
    return accuracies(read(task.judge, images), truth(task.test.scenes))


def _add(record: Record, name: str, settings: dict, found: dict[str, float], more: dict | None = None,
         seed: int = 0) -> None:
    record.add(name, settings, {metric: ("%", [value]) for metric, value in found.items()} | (more or {}), seeds=[seed],
               n=settings["test"])


if __name__ == "__main__":
    main(tyro.cli(Config, description=__doc__))
