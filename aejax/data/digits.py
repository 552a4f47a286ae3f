"""`mnist_mini`: real handwritten digits that come with the library, so that all runs without a network."""

from pathlib import Path

import numpy as np
from jaxtyping import Int, UInt8

from aejax.data.dataset import Dataset

PATH = Path(__file__).parent / "embedded" / "mnist_mini.npz"
PER_CLASS = (1000, 200)   # training, test
NAMES = tuple("0123456789")


def select(images: UInt8[np.ndarray, "n h w"], labels: Int[np.ndarray, " n"] | UInt8[np.ndarray, " n"],
           per_class: int) -> tuple[np.ndarray, np.ndarray]:
    """The first `per_class` images of each label, all in their original order: how the embedded set was made.

    >>> select(np.zeros((4, 2, 2), np.uint8), np.array([1, 1, 0, 1]), 1)[1].tolist()
    [1, 0]
    """
    chosen = np.concatenate([np.flatnonzero(labels == label)[:per_class] for label in np.unique(labels)])
    chosen.sort()
    return images[chosen], labels[chosen]


def load_digits() -> Dataset:
    """10,000 training and 2,000 test digits of MNIST, equally many of each: uint8 (N, 28, 28, 1)."""
    with np.load(PATH, allow_pickle=False) as file:
        arrays = {name: file[name] for name in file.files}
    return Dataset(
        train=arrays["train"][..., None], train_labels=arrays["train_labels"].astype(np.int32),
        test=arrays["test"][..., None], test_labels=arrays["test_labels"].astype(np.int32),
        name="mnist_mini", label_names=NAMES,
        source="mnist_mini: 12,000 digits of MNIST that come with aejax (CC BY-SA 3.0)")
