"""A small grammar of captions: text to a scene, a scene to text, and words to numbers. Imports no JAX.

The captions::

    caption  = group [place]
             | group place ["," | "and"] group place        places that face each other: left and right, top and bottom
             | group relation group
    group    = number {size | brightness} noun {rotation}
    number   = "a" | "an" | "one" | "two" | "three"
    size     = "small" | "large"                             large if not said, but three of a kind are always small
    brightness = "dark" | "bright"                           bright if not said
    rotation = "upright" | "upside down" | "on its side" | "on their sides"     upright if not said; a side is a quarter
                                                             turn clockwise
    place    = "at the" ("left" | "right" | "top" | "bottom") | "in the middle"  the middle, of one object, if not said
    relation = "above" | "below" | "to the left of" | "to the right of"

A picture holds one to three objects in one or two groups; two groups are of different nouns. With ten nouns there are
79,080 different scenes, and many more captions, since words for what is understood anyway may be said or left out.
"""

import dataclasses
import difflib
import itertools
import re
from collections.abc import Iterator, Sequence

import numpy as np
from jaxtyping import Int

from aejax.errors import InputError

LONGEST = 24   # words of a caption
NOUNS = {   # singular and plural, by label
    "mnist": tuple((word, f"{word}{'es' if word == 'six' else 's'}") for word in (
        "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")),
    "fashion_mnist": (("t-shirt", "t-shirts"), ("trouser", "trousers"), ("pullover", "pullovers"), ("dress", "dresses"),
                      ("coat", "coats"), ("sandal", "sandals"), ("shirt", "shirts"), ("sneaker", "sneakers"),
                      ("bag", "bags"), ("boot", "boots")),
}
NOUNS["mnist_mini"] = NOUNS["mnist"]
NUMBERS = ("one", "two", "three")
SIZES, BRIGHTNESSES = ("small", "large"), ("dark", "bright")
ROTATIONS = ("upright", "upside down", "on its side")
PLACES = ("left", "right", "top", "bottom", "middle")
RELATIONS = {"above": ("top", "bottom"), "below": ("bottom", "top"), "to the left of": ("left", "right"),
             "to the right of": ("right", "left")}
_FACING = {pair: relation for relation, pair in RELATIONS.items()}
_OTHER_WORDS = ("a", "an", "at", "the", "in", "and", ",", "their", "sides")


@dataclasses.dataclass(frozen=True)
class Group:
    """So many objects of one kind, in one place; `noun` is the label, the other words stand in this module."""

    noun: int
    place: str
    count: int = 1
    size: str = "large"
    brightness: str = "bright"
    rotation: str = "upright"


Scene = tuple[Group, ...]   # one group, or two that face each other


class Vocabulary:
    """The words of the captions of one data set, as numbers from 1 on; 0 fills up.

    Args:
      data: a key of `NOUNS`.

    Raises:
      InputError: other data.

    >>> words = Vocabulary("fashion_mnist")
    >>> words.tokens("a dark coat")[:4].tolist() == [words.words.index(w) for w in ("a", "dark", "coat")] + [0]
    True
    """

    def __init__(self, data: str):
        if data not in NOUNS:
            raise InputError(f"no words for the classes of {data!r}: captions are of {', '.join(sorted(NOUNS))}")
        self.nouns = NOUNS[data]
        fixed = (*NUMBERS, *SIZES, *BRIGHTNESSES, *ROTATIONS, *PLACES, *RELATIONS, *_OTHER_WORDS)
        known = (*(word for text in fixed for word in text.split()), *(word for pair in self.nouns for word in pair))
        self.words = ("", *dict.fromkeys(known))
        self._number = {word: i for i, word in enumerate(self.words)}

    def __len__(self) -> int:
        return len(self.words)

    def split(self, text: str) -> list[str]:
        """The words of a caption; commas count as words, capitals and full stops do not.

        Raises:
          InputError: no word, an unknown one (with the nearest known one), or more than `LONGEST`.
        """
        found = re.findall(r"[\w'-]+|[^\w\s.]", text.lower())
        for word in found:
            if word not in self._number:
                near = difflib.get_close_matches(word, self.words[1:], n=1, cutoff=0.0)
                raise InputError(f"unknown word {word!r}; the nearest known word is {near[0]!r}; known: "
                                 f"{' '.join(self.words[1:])}")
        if not 0 < len(found) <= LONGEST:
            raise InputError(f"a caption has 1 to {LONGEST} words, got {len(found)}")
        return found

    def tokens(self, text: str) -> Int[np.ndarray, " words"]:
        """int32, (`LONGEST`,): the numbers of the words, then zeros; errors as `split`."""
        numbers = np.zeros(LONGEST, np.int32)
        found = self.split(text)
        numbers[:len(found)] = [self._number[word] for word in found]
        return numbers

    def parse(self, text: str) -> Scene:
        """The scene that a caption describes: the inverse of `write`.

        Raises:
          InputError: as `split`; or known words that are no caption, with what was expected where.

        >>> Vocabulary("mnist").parse("two small dark threes at the left")
        (Group(noun=3, place='left', count=2, size='small', brightness='dark', rotation='upright'),)
        """
        return _Parser(self, self.split(text)).caption()

    def write(self, scene: Scene, random: np.random.Generator | None = None) -> str:
        """A caption of a scene: the shortest, or with `random` one of all, words for what is understood among them.

        >>> words = Vocabulary("fashion_mnist")
        >>> words.write((Group(4, "top", brightness="dark"), Group(5, "bottom", 2)))
        'a dark coat above two sandals'
        """
        chance = (lambda: False) if random is None else (lambda: random.random() < 0.5)
        groups = [self._group(group, chance) for group in scene]
        places = tuple(group.place for group in scene)
        if len(scene) == 1:
            bare = places == ("middle",) and not chance()
            return groups[0] if bare else f"{groups[0]} {_at(places[0])}"
        if chance() if random is not None else places[0] in ("top", "bottom"):
            return f"{groups[0]} {_FACING[places]} {groups[1]}"
        return f"{groups[0]} {_at(places[0])}{' and' if chance() else ','} {groups[1]} {_at(places[1])}"

    def _group(self, group: Group, chance) -> str:
        words = [] if group.size == _usual_size(group.count) and not chance() else [group.size]
        words += [] if group.brightness == "bright" and not chance() else [group.brightness]
        words += [self.nouns[group.noun][group.count > 1]]
        number = NUMBERS[group.count - 1]
        if group.count == 1 and not chance():
            number = "an" if words[0][0] == "e" else "a"
        if group.rotation != "upright" or chance():
            words.append("on their sides" if group.rotation == "on its side" and group.count > 1 else group.rotation)
        return " ".join([number, *words])


def scenes(nouns: int = 10) -> Iterator[Scene]:
    """Every scene once; of two groups the left or upper one comes first."""
    def looks(count: int) -> Iterator[tuple[str, str, str]]:
        return itertools.product(SIZES[:1] if count == 3 else SIZES, BRIGHTNESSES, ROTATIONS)
    for place, count in itertools.product(PLACES, (1, 2, 3)):
        if place != "middle" or count == 1:
            yield from ((Group(noun, place, count, *look),) for noun in range(nouns) for look in looks(count))
    for (one, other), counts in itertools.product((("left", "right"), ("top", "bottom")), ((1, 1), (1, 2), (2, 1))):
        for first, second in itertools.permutations(range(nouns), 2):
            for look, another in itertools.product(looks(counts[0]), looks(counts[1])):
                yield Group(first, one, counts[0], *look), Group(second, other, counts[1], *another)


def _usual_size(count: int) -> str:
    return "small" if count == 3 else "large"


def _at(place: str) -> str:
    return "in the middle" if place == "middle" else f"at the {place}"


class _Parser:
    """Reads a caption from left to right."""

    def __init__(self, vocabulary: Vocabulary, words: Sequence[str]):
        self.nouns = {word: label for label, pair in enumerate(vocabulary.nouns) for word in pair}
        self.words, self.at = list(words), 0

    def caption(self) -> Scene:
        first = self.group()
        relation = self.take(*RELATIONS)
        if relation:
            places, groups = RELATIONS[relation], (first, self.group())
        else:
            places, groups = (self.place(),), (first,)
            if self.at < len(self.words):
                self.take(","), self.take("and")
                groups = (first, self.group())
                places = (*places, self.place())
        if self.at < len(self.words):
            self.refuse("the end")
        return _checked(tuple(dataclasses.replace(group, place=place)
                              for group, place in zip(groups, places, strict=True)), self.words)

    def take(self, *phrases: str) -> str | None:
        """Steps over the first of the phrases that stands here."""
        for phrase in phrases:
            parts = phrase.split()
            if self.words[self.at: self.at + len(parts)] == parts:
                self.at += len(parts)
                return phrase
        return None

    def group(self) -> Group:
        number = self.take("a", "an", *NUMBERS) or self.refuse("a number (a, one, two, three)")
        count = NUMBERS.index(number) + 1 if number in NUMBERS else 1
        found = {"size": _usual_size(count)}
        while word := self.take(*SIZES, *BRIGHTNESSES):
            found["size" if word in SIZES else "brightness"] = word
        noun = self.take(*self.nouns) or self.refuse("a noun")
        while words := self.take(*ROTATIONS, "on their sides"):
            found["rotation"] = ROTATIONS[2] if words.startswith("on") else words
        return Group(self.nouns[noun], "middle", count, **found)

    def place(self) -> str:
        return (self.take(*map(_at, PLACES)) or "in the middle").split()[-1]

    def refuse(self, expected: str):
        here = repr(self.words[self.at]) if self.at < len(self.words) else "the end"
        before = f" after {' '.join(self.words[:self.at])!r}" if self.at else ""
        raise InputError(f"no caption of the grammar: {expected} expected{before}, found {here}")


def _checked(scene: Scene, words: Sequence[str]) -> Scene:
    """Refuses what the words say but no picture shows."""
    places = tuple(group.place for group in scene)
    problem = None
    if len(scene) == 2 and places not in _FACING:
        problem = "two groups stand left and right, or at top and bottom"
    elif len(scene) == 2 and scene[0].noun == scene[1].noun:
        problem = "two groups are of different nouns"
    elif sum(group.count for group in scene) > 3:
        problem = "a picture holds three objects at most"
    elif any(group.count == 3 and group.size == "large" for group in scene):
        problem = "three of a kind are small"
    elif any(group.count > 1 and group.place == "middle" for group in scene):
        problem = "the middle holds one object: say at the left, right, top or bottom"
    if problem:
        raise InputError(f"no caption of the grammar: {problem}; got {' '.join(words)!r}")
    return scene
