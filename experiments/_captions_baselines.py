"""The baselines of `captions`: pictures looked up, pictures pasted, and captions looked up."""

from collections.abc import Sequence

import numpy as np

from aejax.data.captions import compose
from aejax.data.grammar import Scene
from experiments._captions_reader import truth

WEIGHTS = {"class": 10, "count": 10, "size": 1, "brightness": 1, "rotation": 1}   # what is judged counts first


def by_attributes(scenes: Sequence[Scene], training: Sequence[Scene]) -> np.ndarray:
    """(N,): for each scene the training scene that agrees with it in most attributes, class, count and place first.

    Every place counts: an object too many or at another place is a difference as a wrong class is.
    """
    wanted, others = _attributes(scenes), _attributes(training)
    return np.concatenate([np.argmax(part @ others.T, axis=1) for part in _parts(wanted)])


def by_pixels(images: np.ndarray, training: np.ndarray) -> np.ndarray:
    """(N,): for each picture the training picture at the smallest Euclidean distance."""
    flat, others = (x.reshape(len(x), -1).astype(np.float32) / 255 for x in (images, training))
    return np.concatenate([np.argmin(0.5 * np.square(others).sum(axis=1) - part @ others.T, axis=1)
                           for part in _parts(flat)])


def pasted_means(scenes: Sequence[Scene], images: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """The mean training picture of each class in place of objects, laid out by the composer itself."""
    means = np.stack([images[labels == label].mean(axis=0) for label in range(10)])
    return compose(scenes, np.rint(means).astype(np.uint8), np.arange(10), seed=0)


def _attributes(scenes: Sequence[Scene]) -> np.ndarray:
    """A column for each attribute, place and value, so that products count what agrees."""
    parts = [np.sqrt(WEIGHTS[name]) * (values[..., None] == np.arange(-1, 10))
             for name, values in truth(scenes).items()]
    return np.concatenate(parts, axis=2).reshape(len(scenes), -1).astype(np.float32)


def _parts(rows: np.ndarray) -> list[np.ndarray]:
    """Of a hundred rows, so that a table of distances fits into memory."""
    return np.array_split(rows, -(-len(rows) // 100))
