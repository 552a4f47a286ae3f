import itertools

import numpy as np
import pytest

from aejax.data import grammar
from aejax.data.captions import draw_scene
from aejax.data.grammar import Group, Vocabulary, scenes
from aejax.errors import InputError

WORDS = Vocabulary("fashion_mnist")


def test_there_are_more_than_fifty_thousand_captions():
    every = list(scenes())
    assert len(every) == len(set(every)) == 79_080
    captions = {WORDS.write(scene) for scene in every}
    assert len(captions) == len(every)
    digits = Vocabulary("mnist_mini")
    assert len({digits.write(scene) for scene in itertools.islice(every, 2000)}) == 2000


@pytest.mark.parametrize("data", sorted(grammar.NOUNS))
def test_parsing_is_the_inverse_of_writing(data):
    words, random = Vocabulary(data), np.random.default_rng(0)
    styles = set()
    for _ in range(1000):
        scene = draw_scene(random)
        for caption in (words.write(scene), words.write(scene, random)):
            assert words.parse(caption) == scene, caption
            assert words.parse(f"{caption[0].upper()}{caption[1:]}.") == scene
            tokens = words.tokens(caption)
            assert tokens.dtype == np.int32 and tokens.shape == (grammar.LONGEST,)
            assert [words.words[i] for i in tokens if i] == words.split(caption)
            styles |= set(caption.split())
    assert set(words.words[1:]) - styles <= {",", "an"}   # random captions use every word


def test_every_scene_is_read_back():
    for scene in itertools.islice(scenes(), 0, None, 37):
        assert WORDS.parse(WORDS.write(scene)) == scene


def test_scenes_are_drawn_from_all():
    random, every = np.random.default_rng(1), set(scenes())
    drawn = [draw_scene(random) for _ in range(3000)]
    ordered = {tuple(sorted(scene, key=lambda g: g.place in ("right", "bottom"))) for scene in drawn}
    assert ordered <= every
    for field, count in (("noun", 10), ("size", 2), ("brightness", 2), ("rotation", 3), ("count", 3), ("place", 5)):
        assert len({getattr(group, field) for scene in drawn for group in scene}) == count


def test_the_captions_of_the_documentation():
    two = WORDS.parse("two small dark sneakers at the left, one bag upside down at the right")
    assert two == (Group(7, "left", 2, "small", "dark"), Group(8, "right", rotation="upside down"))
    assert WORDS.parse("a dark coat above two bright sandals") == (
        Group(4, "top", brightness="dark"), Group(5, "bottom", 2))
    assert WORDS.parse("bright small".join(["a ", " coat"])) == (Group(4, "middle", size="small"),)
    assert WORDS.parse("a coat to the right of a bag") == (Group(4, "right"), Group(8, "left"))
    assert Vocabulary("mnist").parse("two small dark threes at the left") == (Group(3, "left", 2, "small", "dark"),)
    assert Vocabulary("mnist").parse("one one") == (Group(1, "middle"),)


REFUSED = {
    "a snaeker": ["unknown word 'snaeker'", "'sneaker'"], "": ["1 to 24 words"], "a" + " dark" * 24: ["got 25"],
    "coat": ["a number", "found 'coat'"], "a dark": ["a noun expected after 'a dark', found the end"],
    "a coat above": ["a number", "after 'a coat above'"],
    "a coat at the left a bag at the right bag": ["the end", "'bag'"],
    "a coat at the left, a bag at the top": ["left and right"], "a coat above a coat": ["different nouns"],
    "two coats above two bags": ["three objects at most"], "three large coats at the top": ["three of a kind"],
    "two coats": ["the middle holds one object"],
}


@pytest.mark.parametrize("caption", REFUSED)
def test_what_is_no_caption_is_refused_in_one_line(caption):
    with pytest.raises(InputError) as error:
        WORDS.parse(caption)
    assert all(word in str(error.value) for word in REFUSED[caption]), error.value
    assert "\n" not in str(error.value)


def test_words_of_other_data_are_not_known():
    with pytest.raises(InputError, match="no words for the classes of 'cifar10'"):
        Vocabulary("cifar10")
    with pytest.raises(InputError, match="unknown word 'three-piece'"):
        WORDS.split("a three-piece")
    assert "coat" not in Vocabulary("mnist").words and len(Vocabulary("mnist")) == len(set(Vocabulary("mnist").words))
