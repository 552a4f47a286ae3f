"""A small classifier of MNIST and one of Fashion-MNIST, with committed weights: what pictures are measured with.

Its features say how far a made picture is from real ones, its probabilities how sure one can be of what it shows.
`experiments/classifier.py` trains it; each file of weights states the accuracy on the 10,000 test images.
"""

import functools
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from flax import linen as nn
from flax import traverse_util
from jaxtyping import Array, Float, Int
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save as serialise

from aejax.autoencoder import check_data, to_range
from aejax.data.published import LABELS
from aejax.files import atomic
from aejax.networks.convolution import Convolution
from aejax.types import ArrayLike, InputError, Params

SHAPE = (28, 28, 1)
FEATURES = 64
WEIGHTS = Path(__file__).parent / "weights"
NAMES = {"mnist": "mnist", "mnist_mini": "mnist", "fashion_mnist": "fashion_mnist"}   # data -> whose classifier
CHUNK = 500   # images at once, which bounds memory


class Classifier(NamedTuple):
    """Pure functions of images, uint8 or floats in [0, 1] of shape (B, 28, 28, 1).

    Attributes:
      name: of the data that it was trained on, their training part alone.
      label_names: of the classes, in the order of the probabilities.
      accuracy: share of the test images that it labels rightly.
      features: images -> (B, 64), not negative: the last hidden layer.
      probabilities: images -> (B, 10).
    """

    name: str
    label_names: tuple[str, ...]
    accuracy: float
    features: Callable[[ArrayLike], Array]
    probabilities: Callable[[ArrayLike], Array]


class ClassifierNetwork(nn.Module):
    """2×2 pixels as four channels, three 3×3 convolutions down to 4×4×48, a dense layer of features, logits."""

    def setup(self):
        self.convolutions = [Convolution(32), Convolution(64, stride=2), Convolution(48, stride=2)]
        self.hidden, self.out = nn.Dense(FEATURES), nn.Dense(10)

    def features(self, x: Float[Array, "batch 28 28 1"]) -> Float[Array, "batch features"]:
        """The last hidden layer, after its relu."""
        x = x.reshape(-1, 14, 2, 14, 2).transpose(0, 1, 3, 2, 4).reshape(-1, 14, 14, 4)
        for convolution in self.convolutions:
            x = jax.nn.relu(convolution(x))
        return jax.nn.relu(self.hidden(x.reshape(x.shape[0], -1)))

    def __call__(self, x: Float[Array, "batch 28 28 1"]) -> Float[Array, "batch classes"]:
        return self.out(self.features(x))


NETWORK = ClassifierNetwork()


@functools.cache
def load(data: str) -> Classifier:
    """The classifier of a data set, by its name.

    Args:
      data: "mnist" (or "mnist_mini", digits of the same set) or "fashion_mnist".

    Raises:
      InputError: no classifier for these data; and from its functions: images of another shape, or values outside
        [0, 1].

    >>> digits = load("mnist")
    >>> digits.features(np.zeros((3, 28, 28, 1), np.uint8)).shape
    (3, 64)
    """
    if data not in NAMES:
        raise InputError(f"no classifier for {data!r}: there is one for each of {', '.join(NAMES)}")
    name = NAMES[data]
    params, facts = read_weights(WEIGHTS / f"{name}.safetensors")
    return Classifier(name, LABELS[name], float(facts["accuracy"]), features=functools.partial(features, params),
                      probabilities=lambda images: jax.nn.softmax(logits(params, images), axis=1))


def features(params: Params, images: ArrayLike) -> Float[Array, "batch features"]:
    """The last hidden layer of a network with these parameters."""
    return _apply(params, _enter(images), method="features")


def logits(params: Params, images: ArrayLike) -> Float[Array, "batch classes"]:
    """Logarithms of the probabilities, each image's up to a number of its own."""
    return _apply(params, _enter(images), method="__call__")


@functools.partial(jax.jit, static_argnames="method")
def _apply(params: Params, images: Array, *, method: str) -> Array:
    def one(image: Array) -> Array:
        return NETWORK.apply({"params": params}, to_range(image, (0.0, 1.0))[None], method=method)[0]
    return jax.lax.map(one, images, batch_size=CHUNK)


def _enter(images: ArrayLike) -> Array:
    if images.shape[1:] != SHAPE or images.shape[0] == 0:
        raise InputError(f"images of shape {images.shape}: the classifier takes {('batch', *SHAPE)}")
    if images.dtype != np.uint8 and not jnp.issubdtype(images.dtype, jnp.floating):
        raise InputError(f"images of {images.dtype}: the classifier takes uint8, or floats in [0, 1]")
    check_data(images, (0.0, 1.0))
    return jnp.asarray(images, None if images.dtype == np.uint8 else jnp.float32)


def write_weights(path: Path, params: Params, facts: dict[str, str]) -> int:
    """Writes parameters as float16, with what is to be known about them; returns the size in bytes."""
    flat = {name: np.ascontiguousarray(leaf, np.float16)
            for name, leaf in traverse_util.flatten_dict(params, sep="/").items()}
    content = serialise(flat, metadata=facts)
    with atomic(path) as temporary:
        temporary.write_bytes(content)
    return len(content)


def read_weights(path: Path) -> tuple[Params, dict[str, str]]:
    """Parameters as float32, and the facts, of a file of `write_weights`.

    Raises:
      InputError: missing or damaged.
    """
    try:
        with safe_open(path, framework="numpy") as file:
            flat = {name: jnp.asarray(file.get_tensor(name), jnp.float32) for name in file.keys()}   # noqa: SIM118
            return traverse_util.unflatten_dict(flat, sep="/"), dict(file.metadata() or {})
    except (SafetensorError, OSError) as error:
        raise InputError(f"{path}: no weights of a classifier ({error}): install aejax again") from error


def entropy(probabilities: Float[ArrayLike, "batch classes"]) -> Float[Array, " batch"]:
    """−Σ p log p, in nats: 0 where one class is certain, log 10 = 2.30 where all ten are equally likely.

    >>> print(entropy(jnp.array([[1.0, 0.0], [0.5, 0.5]])).round(3))
    [0.    0.693]
    """
    return jnp.sum(jax.scipy.special.entr(probabilities), axis=1)


@jax.jit
def nearest(x: Float[ArrayLike, "batch features"], references: Float[ArrayLike, "n features"],
            ) -> tuple[Float[Array, " batch"], Int[Array, " batch"]]:
    """Euclidean distance of each row to the nearest reference, and which one that is.

    >>> distance, index = nearest(jnp.array([[0.0, 3.0]]), jnp.array([[9.0, 9.0], [4.0, 0.0]]))
    >>> float(distance[0]), int(index[0])
    (5.0, 1)
    """
    lengths = jnp.sum(jnp.square(references), axis=1)

    def one(row: Array) -> tuple[Array, Array]:
        index = jnp.argmin(lengths - 2 * references @ row)
        return jnp.linalg.norm(row - references[index]), index   # of the difference: nothing cancels
    return jax.lax.map(one, jnp.asarray(x), batch_size=256)
