"""Are transformations directions in the code? Walks learnt for five edits, and what they reach on held-out images.

Autoencoders 784-256-30 from three seeds; walks, linear (z + alpha w) and nonlinear (the step of a small network),
learnt on 6,000 training images with the autoencoder as it is, or jointly with it. On 1,000 test images: the mean
squared error to the image edited by alpha, beside doing nothing and beside the reconstruction of the edited image; the
attribute that the edit changes; and how far the outputs are from real images, in features of the small classifier.

Command: python -m experiments.steering --data-dir FOLDER   (about 10 minutes on 2 cores; resumable)
Result: experiments/results/steering.json, steering_*.png
"""

import dataclasses
import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import tyro

from aejax import data, figures
from aejax.applications import classifier as classifiers
from aejax.applications import steering
from aejax.applications.edits import EDITS
from aejax.train.points import train_points
from experiments._record import BaseConfig, Record
from experiments._trained import NETWORKS, trained

# |alpha| at which errors are measured; walks are trained up to the last. Those of rotation and shift are where the
# errors of doing nothing are known.
ALPHAS = {"rotate": (6, 12, 18, 24, 30), "shift_x": (1, 2, 3, 4), "zoom": (0.1, 0.2, 0.3, 0.4, 0.5),
          "brightness": (0.25, 0.5, 0.75, 1.0), "shift_y": (1, 2, 3, 4)}
MODELS = {f"{walk}{', joint' if joint else ''}": (walk, joint) for joint in (False, True) for walk in steering.WALKS}


@dataclasses.dataclass(frozen=True)
class Config(BaseConfig):
    """Budget of the full run; `--smoke` takes a few digits and one edit."""

    seeds: tuple[int, ...] = (0, 1, 2)
    autoencoder_epochs: int = 8
    epochs: int = 6
    examples: int = 6_000
    learning_rate: float = 3e-3
    batch_size: int = 128
    held_out: int = 1000
    attributes: int = 50   # images whose attribute is measured


def main(config: Config) -> Record:
    """Learns and measures, one edit after the other."""
    record = Record("steering", config)
    if config.smoke:
        config = dataclasses.replace(config, seeds=(0, 1), autoencoder_epochs=1, epochs=1, examples=256, batch_size=64,
                                     held_out=20, attributes=2)
    name = "mnist_mini" if config.smoke else "mnist"
    dataset = data.load(name, data_dir=config.data_dir)
    settings = {**dataclasses.asdict(config), "data": dataset.digest}
    for field in ("output", "data_dir", "smoke"):
        settings.pop(field)
    if config.smoke:
        dataset = dataclasses.replace(dataset, train=dataset.train[:512])
    work = None
    for edit, alphas in list(ALPHAS.items())[:1 if config.smoke else None]:
        more = {**settings, "alphas": alphas}
        if record.done(f"{edit} images edited", more):
            continue
        work = work or Work(config, dataset)
        _edit(record, work, edit, more)
    return record


class Work:
    """What all edits share: trained autoencoders, test images, and the classifier with its real images."""

    def __init__(self, config: Config, dataset):
        self.config = config
        self.train, self.test = dataset.train[: config.examples], dataset.test[: config.held_out] / np.float32(255)
        self.ae, self.params = trained(NETWORKS["784-256-30"], dataset.train, seeds=config.seeds,
                                       epochs=config.autoencoder_epochs, batch_size=64 if config.smoke else 256)
        self.judge = classifiers.load(dataset.name)
        self.real = self.judge.features(dataset.train)

    def learn(self, edit: str, walk: str, joint: bool) -> list[steering.Steering]:
        """A walk for each seed's autoencoder, all trained together."""
        config, limit = self.config, float(ALPHAS[edit][-1])
        starts = [steering.initial(self.ae, params, self.train, walk=walk, limit=limit, key=jax.random.key(seed))
                  for seed, params in zip(config.seeds, self.params, strict=True)]
        task = steering.objective(self.ae, edit, walk=walk, joint=joint)
        steps = config.epochs * (len(self.train) // config.batch_size)
        states, _ = train_points(lambda: task, self.train, points={}, seeds=np.array(config.seeds),
                                 optimizer=optax.adam(optax.cosine_decay_schedule(config.learning_rate, steps)),
                                 shuffle_key=jax.random.key(4321), epochs=config.epochs, batch_size=config.batch_size,
                                 params=jax.tree.map(lambda *leaves: jnp.stack(leaves), *starts))
        found = jax.device_get(states.params)
        return [steering.Steering(edit, walk, joint, limit, jax.tree.map(lambda leaf, i=i: leaf[i], found))
                for i in range(len(config.seeds))]

    def distance(self, images: np.ndarray) -> float:
        """Mean distance to the nearest training image, in features."""
        flat = np.clip(images.reshape(-1, *self.test.shape[1:]), 0, 1)
        return float(classifiers.nearest(self.judge.features(flat), self.real)[0].mean())


def _edit(record: Record, work: Work, edit: str, settings) -> None:
    """All rows of one edit; "images edited", written last, says that they are complete."""
    config, test = work.config, work.test
    sizes = ALPHAS[edit]
    alphas = np.array([-size for size in sizes[::-1]] + [0] + list(sizes), np.float32)
    targets = steering.edited(work.ae, edit, test, alphas)
    n, few = len(test), slice(config.attributes)
    unedited = np.repeat(test[:, None], len(alphas), axis=1)
    record.add(f"{edit} no edit", settings, _errors(unedited, targets, alphas), seeds=[0], n=n)
    plain = [steering.ceiling(work.ae, params, edit, test, alphas) for params in work.params]
    values = _together([_errors(images, targets, alphas) | _attributes(edit, images[few], alphas)
                        | {"off-manifold": ("feature unit", [work.distance(images[:, [0, -1]])])} for images in plain])
    record.add(f"{edit} edited image reconstructed", settings, values, seeds=config.seeds, n=n)
    rows = [("image edited", targets[0]), ("reconstructed", plain[0][0])]
    for label, (walk, joint) in list(MODELS.items())[3 if config.smoke else 0:]:
        each = []
        for learnt in work.learn(edit, walk, joint):
            walked = steering.steer(work.ae, learnt, test, alphas)
            middle = walked[:, len(sizes)]
            own = steering.edited(work.ae, edit, middle, alphas)   # Jahanian's target: the edited reconstruction
            away, still = (np.delete(np.square(x - own), len(sizes), axis=1).mean() for x in (walked, middle[:, None]))
            each.append(_errors(walked, targets, alphas) | _attributes(edit, walked[few], alphas)
                        | {"off-manifold": ("feature unit", [work.distance(walked[:, [0, -1]])]),
                           "to the edited reconstruction, over no edit": ("", [away / still])})
            if len(each) == 1:
                rows.append((label, walked[0]))
        record.add(f"{edit} {label}", settings, _together(each), seeds=config.seeds, n=n)
    figures.image_rows(record.path.with_name(f"{record.path.stem}_{edit}.png"), rows,
                       title=f"{edit}: alpha from {alphas[0]:g} to {alphas[-1]:g} {EDITS[edit].unit}")
    _draw(record, edit)
    values = _attributes(edit, targets[few], alphas) | {
        "off-manifold": ("feature unit", [work.distance(targets[:, [0, -1]])]),
        "off-manifold at 0": ("feature unit", [work.distance(test)])}
    record.add(f"{edit} images edited", settings, values, seeds=[0], n=n)


def _errors(images: np.ndarray, targets: np.ndarray, alphas: np.ndarray) -> dict[str, tuple[str, list[float]]]:
    """Mean squared error for each |alpha|, over both signs."""
    each = np.square(images - targets).mean(axis=(0, 2, 3, 4))
    return {f"error at {size:g}": ("[0, 1]²", [float(each[np.abs(alphas) == size].mean())])
            for size in np.unique(np.abs(alphas))}


def _attributes(edit: str, images: np.ndarray, alphas: np.ndarray) -> dict[str, tuple[str, list[float]]]:
    """The attribute against alpha, a mean over images, and of how many images it never falls along the walk."""
    reference = jnp.asarray(images[:, len(alphas) // 2])
    found = np.stack([np.asarray(_attribute(jnp.asarray(images[:, i]), reference, edit=edit))
                      for i in range(len(alphas))], axis=1)
    values: dict[str, tuple[str, list[float]]] = {
        f"attribute at {alpha:g}": (EDITS[edit].attribute_unit, [float(found[:, i].mean())])
        for i, alpha in enumerate(alphas)}
    mean = found.mean(axis=0)
    return values | {"images whose attribute never falls": ("%", [100 * float((np.diff(found) >= 0).all(1).mean())]),
                     "mean attribute rises throughout": ("", [float((np.diff(mean) > 0).all())])}


@functools.partial(jax.jit, static_argnames="edit")
def _attribute(images, reference, *, edit: str):
    return EDITS[edit].attribute(images, reference)


def _together(each: list[dict[str, tuple[str, list[float]]]]) -> dict[str, tuple[str, Any]]:
    return {metric: (unit, [values[metric][1][0] for values in each]) for metric, (unit, _) in each[0].items()}


def _draw(record: Record, edit: str) -> None:
    """Errors against |alpha|, of all walks and both baselines."""
    curves = {}
    for label in ("no edit", *MODELS, "edited image reconstructed"):
        rows = [row for row in record.rows if row["name"] == f"{edit} {label}" and row["metric"].startswith("error at")]
        if not rows:
            continue
        curves[label] = ([float(row["metric"].split()[-1]) for row in rows], [row["value"] for row in rows],
                         [row["sd"] or 0.0 for row in rows])
    figures.spreads(record.path.with_name(f"{record.path.stem}_{edit}_errors.png"), curves,
                    x=f"|alpha| ({EDITS[edit].unit})", y="mean squared error to the edited image")


if __name__ == "__main__":
    main(tyro.cli(Config, description=__doc__))
