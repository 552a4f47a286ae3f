"""The judge of `captions`: two small convolutional networks that read a picture as a scene, trained on real ones alone.

The first reads from the whole picture which places hold how many objects, and how large; the second sees 28×28 pixels
around each place where, after the first, an object stands, and reads its class, brightness and rotation.
"""

import functools
from collections.abc import Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax import linen as nn

from aejax.autoencoder import to_range
from aejax.data.captions import centres, compose, draw_scenes
from aejax.data.grammar import BRIGHTNESSES, PLACES, ROTATIONS, SIZES, Group, Scene
from aejax.networks.convolution import Convolution
from aejax.train import fit
from aejax.types import Autoencoder, Key, Params

LAYOUT = {"count": 4, "size": 3}   # logits of a place; 0: nothing is there
LOOK = {"class": 10, "brightness": 2, "rotation": 3}
WINDOW = 28
NOTHING = -1   # read where no object is


class Reading(nn.Module):
    """Squares of `cell` pixels as channels, 3×3 convolutions that halve, a dense layer, logits of `outputs`."""

    outputs: tuple[int, ...]
    cell: int
    channels: tuple[int, ...]
    hidden: int

    @nn.compact
    def __call__(self, x):
        side = x.shape[1] // self.cell
        x = x.reshape(-1, side, self.cell, side, self.cell).swapaxes(2, 3).reshape(-1, side, side, self.cell**2)
        for i, channels in enumerate(self.channels):
            x = jax.nn.relu(Convolution(channels, stride=1 if i == 0 else 2)(x))
        x = jax.nn.relu(nn.Dense(self.hidden)(x.reshape(x.shape[0], -1)))
        return [nn.Dense(size)(x) for size in self.outputs]


PLACED = Reading(tuple(LAYOUT.values()) * len(PLACES), 4, (32, 32), 128)
LOOKED = Reading(tuple(LOOK.values()), 2, (32, 64, 64), 128)


class Judge(NamedTuple):
    """Parameters of both networks."""

    placed: Params
    looked: Params


def truth(scenes: Sequence[Scene]) -> dict[str, np.ndarray]:
    """What there is to read: {attribute: int32 (N, places)}, `NOTHING` where no object is."""
    found = {name: np.full((len(scenes), len(PLACES)), NOTHING, np.int32) for name in (*LAYOUT, *LOOK)}
    for i, scene in enumerate(scenes):
        for group in scene:
            values = {"count": group.count, "size": SIZES.index(group.size), "class": group.noun,
                      "brightness": BRIGHTNESSES.index(group.brightness), "rotation": ROTATIONS.index(group.rotation)}
            for name, value in values.items():
                found[name][i, PLACES.index(group.place)] = value
    return found


def train_judge(images: np.ndarray, labels: np.ndarray, *, count: int, epochs: int, batch_size: int, seed: int,
                ) -> Judge:
    """Trains both networks on `count` compositions of these pictures, of all combinations alike."""
    scenes = draw_scenes(count, seed=seed, held=None)
    pictures, wanted = compose(scenes, images, labels, seed=seed), truth(scenes)
    layout = np.stack([np.maximum(wanted["count"], 0), wanted["size"] + 1], axis=2).reshape(count, -1)
    owner, objects = objects_of(wanted)
    look = np.stack([wanted[name][owner] for name in LOOK], axis=1)
    key = jax.random.key(seed)
    placed = _train(PLACED, pictures, layout, max(1, epochs // 2), batch_size, key)
    return Judge(placed, _train(LOOKED, windows(pictures, owner[0], objects), look, epochs, batch_size, key))


def objects_of(found: dict[str, np.ndarray]) -> tuple[tuple[np.ndarray, np.ndarray], np.ndarray]:
    """(picture, place) and the middle (row, column) of every object that `count` says is there."""
    owner, middles = [], []
    for i, place in np.argwhere(found["count"] > 0):
        count = int(found["count"][i, place])
        for middle in centres(Group(0, PLACES[place], 1 if PLACES[place] == "middle" else count)):
            owner.append((i, place))
            middles.append(middle)
    rows = np.array(owner, int).reshape(-1, 2)
    return (rows[:, 0], rows[:, 1]), np.array(middles, int).reshape(-1, 2)


def windows(images: np.ndarray, pictures: np.ndarray, middles: np.ndarray) -> np.ndarray:
    """(K, 28, 28, 1): what surrounds each object, black outside of the canvas."""
    half = WINDOW // 2
    wide = np.pad(images, ((0, 0), (half, half), (half, half), (0, 0)))
    found = np.zeros((len(pictures), WINDOW, WINDOW, 1), images.dtype)
    for k, (i, (row, column)) in enumerate(zip(pictures, middles, strict=True)):
        found[k] = wide[i, row: row + WINDOW, column: column + WINDOW]
    return found


def _train(network: Reading, images: np.ndarray, labels: np.ndarray, epochs: int, batch_size: int, key: Key) -> Params:
    def loss(params, key, batch):
        logits = network.apply({"params": params}, to_range(batch["image"], (0.0, 1.0)))
        errors = [optax.softmax_cross_entropy_with_integer_labels(each, batch["labels"][:, i]).mean()
                  for i, each in enumerate(logits)]
        total = sum(errors)
        return total, {"loss": total}
    task = Autoencoder(lambda key, x: network.init(key, jnp.zeros((1, *images.shape[1:])))["params"], None, None, loss,
                       (0.0, 1.0))
    rate = optax.cosine_decay_schedule(2e-3, epochs * (len(images) // batch_size))
    state, _ = fit(task, {"image": images, "labels": labels}, optimizer=optax.adam(rate), key=key, epochs=epochs,
                   batch_size=batch_size)
    return jax.device_get(state.params)


@functools.partial(jax.jit, static_argnames="network")
def _log_probabilities(params, images, *, network):
    logits = network.apply({"params": params}, to_range(images, (0.0, 1.0)))
    return [jax.nn.log_softmax(each) for each in logits]


def _apply(network: Reading, params: Params, images: np.ndarray, size: int = 200) -> list[np.ndarray]:
    parts = []
    for i in range(0, len(images), size):
        batch = images[i: i + size]
        padded = np.concatenate([batch, np.zeros((size - len(batch), *images.shape[1:]), images.dtype)])
        parts.append([np.asarray(each)[:len(batch)] for each in _log_probabilities(params, padded, network=network)])
    return [np.concatenate(each) for each in zip(*parts, strict=True)]


def read(judge: Judge, images: np.ndarray) -> dict[str, np.ndarray]:
    """What the judge reads in pictures (N, 56, 56, 1), uint8 or floats in [0, 1], as `truth` says it.

    The objects of a group are read together: their log-probabilities are added.
    """
    each = [np.argmax(values, axis=1) for values in _apply(PLACED, judge.placed, images)]
    found = {name: np.stack(each[i::len(LAYOUT)], axis=1) for i, name in enumerate(LAYOUT)}
    found["size"] = found["size"] - 1
    found |= {name: np.full(found["count"].shape, NOTHING) for name in LOOK}
    owner, middles = objects_of(found)
    found["count"] = np.where(found["count"] > 0, found["count"], NOTHING)
    if len(middles):
        for name, values in zip(LOOK, _apply(LOOKED, judge.looked, windows(images, owner[0], middles)), strict=True):
            summed = np.zeros((*found["count"].shape, values.shape[1]))
            np.add.at(summed, owner, values)
            found[name][owner] = np.argmax(summed, axis=2)[owner]
    return found


def accuracies(found: dict[str, np.ndarray], wanted: dict[str, np.ndarray]) -> dict[str, float]:
    """Shares, in %, that are read as they should be.

    "position": pictures of which exactly the right places are occupied; "class", "count" …: groups that are read so at
    their place; "scene": pictures of which class, count and position are all right.
    """
    there = wanted["count"] > 0
    position = ((found["count"] > 0) == there).all(axis=1)
    right = {name: found[name] == wanted[name] for name in ("class", "count", "size", "brightness", "rotation")}
    scene = (right["class"] & right["count"]).all(axis=1)
    return {**{name: 100 * float(values[there].mean()) for name, values in right.items()},
            "position": 100 * float(position.mean()), "scene": 100 * float(scene.mean())}
