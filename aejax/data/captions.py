"""Pictures with captions: real objects of Fashion-MNIST or MNIST, put on a canvas as a sentence says.

The canvas is 56×56, twice the side of a picture, so that two large objects stand side by side, and three small ones.
Objects are real pictures of their class, each drawn at random, turned, resized to 26 or 16 pixels, their brightness
set. A held-out set of combinations (`held_out`) never occurs among training scenes, so that
one can see whether a model puts together what it has only seen apart.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Int, UInt8

from aejax.data.grammar import BRIGHTNESSES, PLACES, RELATIONS, ROTATIONS, SIZES, Group, Scene, Vocabulary
from aejax.errors import InputError
from aejax.files import resize

SIDE = 56
PIXELS = {"small": 16, "large": 26}   # of an object's side
LEVELS = {"dark": 90, "bright": 230}   # of 255: what a tenth of the object's pixels are brighter than
_APART = 3   # classes whose labels differ by so many, of ten, never stand in one picture
_LOOKS = [(brightness, rotation) for rotation in ROTATIONS[1:] for brightness in LEVELS]


class Pictures(NamedTuple):
    """Captions, what they say, and a picture of each.

    Attributes:
      captions: N sentences.
      scenes: what they say.
      images: uint8 (N, 56, 56, 1).
    """

    captions: list[str]
    scenes: list[Scene]
    images: np.ndarray


def held_out(scene: Scene) -> bool:
    """Whether a scene holds a combination that no training scene has.

    These are, of ten classes: ten pairs of classes in one picture, labels 0 and 3, 1 and 4, … 9 and 2; and for each
    class one of four looks, dark or bright, upside down or on its side: each class is seen dark and bright, and turned
    in every way, but never, say, dark and upside down.

    >>> held_out((Group(0, "left"), Group(3, "right"))), held_out((Group(0, "left"), Group(4, "right")))
    (True, False)
    """
    nouns = [group.noun for group in scene]
    pair = len(nouns) == 2 and (nouns[0] - nouns[1]) % 10 in (_APART, 10 - _APART)
    return pair or any((group.brightness, group.rotation) == _LOOKS[group.noun % len(_LOOKS)] for group in scene)


def draw_scenes(count: int, *, seed: int, held: bool | None = False) -> list[Scene]:
    """Random scenes of ten classes: without held-out combinations, with one each (`held=True`), or any (None).

    >>> any(map(held_out, draw_scenes(50, seed=0))), all(map(held_out, draw_scenes(50, seed=0, held=True)))
    (False, True)
    """
    random = np.random.default_rng([seed, 1])
    found: list[Scene] = []
    while len(found) < count:
        scene = draw_scene(random)
        if held is None or held_out(scene) == held:
            found.append(scene)
    return found


def draw_scene(random: np.random.Generator, nouns: int = 10) -> Scene:
    """A random scene: one group or, twice as often, two, in either order; every property is equally likely."""
    if random.random() < 1 / 3:
        return (_draw_group(random, int(random.integers(nouns)), PLACES[random.integers(5)], 3),)
    first, second = random.choice(nouns, 2, replace=False).tolist()
    places = list(RELATIONS.values())[random.integers(4)]
    one = _draw_group(random, first, places[0], 2)
    return one, _draw_group(random, second, places[1], 3 - one.count)


def _draw_group(random: np.random.Generator, noun: int, place: str, most: int) -> Group:
    count = 1 if place == "middle" else int(random.integers(1, most + 1))
    size = "small" if count == 3 else SIZES[random.integers(2)]
    return Group(noun, place, count, size, BRIGHTNESSES[random.integers(2)], ROTATIONS[random.integers(3)])


def make(vocabulary: Vocabulary, images: np.ndarray, labels: np.ndarray, count: int, *, seed: int,
         held: bool | None = False) -> Pictures:
    """Scenes, a caption of each in varied words, and a picture of each: a pure function of its arguments."""
    found = draw_scenes(count, seed=seed, held=held)
    random = np.random.default_rng([seed, 2])
    return Pictures([vocabulary.write(scene, random) for scene in found], found,
                    compose(found, images, labels, seed=seed))


def compose(found: Sequence[Scene], images: UInt8[np.ndarray, "n h w c"], labels: Int[np.ndarray, " n"], *,
            seed: int) -> UInt8[np.ndarray, "scenes 56 56 1"]:
    """A picture of each scene; picture i depends on the seed, on i and on its scene alone.

    Args:
      found: scenes of classes that `labels` holds.
      images, labels: where objects are drawn from.
      seed: of which objects.

    Raises:
      InputError: pictures of another shape, or a class without a picture.
    """
    if images.shape[1:] != (28, 28, 1) or images.dtype != np.uint8:
        raise InputError(f"captions are of uint8 pictures (N, 28, 28, 1), got {images.dtype} {images.shape}")
    members = {label: np.flatnonzero(labels == label) for label in {g.noun for scene in found for g in scene}}
    for label, rows in members.items():
        if not len(rows):
            raise InputError(f"no picture of class {label} to compose scenes from")
    canvas = np.zeros((len(found), SIDE, SIDE, 1), np.uint8)
    for i, scene in enumerate(found):
        random = np.random.default_rng([seed, 3, i])
        for group in scene:
            for centre in centres(group):
                picture = images[members[group.noun][random.integers(len(members[group.noun]))]]
                put(canvas[i], transform(picture, group), centre)
    return canvas


def transform(picture: UInt8[np.ndarray, "h w 1"], group: Group) -> UInt8[np.ndarray, "side side 1"]:
    """A picture turned, resized and set to the brightness that `group` says."""
    turned = np.rot90(picture, {"upright": 0, "upside down": 2, "on its side": -1}[group.rotation])
    small = resize(turned, (PIXELS[group.size],) * 2)
    shown = small[small > 8]   # of 255: what is drawn rather than ground
    level = np.percentile(shown, 90) if len(shown) else 255.0
    return np.minimum(small * (LEVELS[group.brightness] / level), 255).astype(np.uint8)


def centres(group: Group) -> Int[np.ndarray, "count 2"]:
    """Row and column of the middle of each object of a group: spread evenly along its half of the canvas."""
    along = np.rint(SIDE * (2 * np.arange(group.count) + 1) / (2 * group.count)).astype(int)
    across = np.full(group.count, {"left": SIDE // 4, "top": SIDE // 4, "middle": SIDE // 2}.get(
        group.place, 3 * SIDE // 4))
    pair = (along, across) if group.place in ("left", "right", "middle") else (across, along)
    return np.stack(pair, axis=1)


def put(canvas: np.ndarray, picture: np.ndarray, centre: np.ndarray) -> None:
    """Lays a picture on the canvas, in place; where two overlap the brighter pixel counts."""
    top, left = (int(c) - picture.shape[0] // 2 for c in centre)
    bottom, right = top + picture.shape[0], left + picture.shape[1]
    rows, columns = slice(max(top, 0), min(bottom, SIDE)), slice(max(left, 0), min(right, SIDE))
    part = picture[rows.start - top: rows.stop - top, columns.start - left: columns.stop - left]
    np.maximum(canvas[rows, columns], part, out=canvas[rows, columns])

