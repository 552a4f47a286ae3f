import numpy as np
import pytest

from aejax import data
from aejax.data import captions
from aejax.data.grammar import Group, Vocabulary, scenes
from aejax.errors import InputError

WORDS = Vocabulary("fashion_mnist")


@pytest.fixture(scope="module")
def objects():
    """20 bright squares with a dim upper half, two of each class, told apart by their left column."""
    images = np.zeros((20, 28, 28, 1), np.uint8)
    images[:, 2:26, 2:26] = 200
    images[:, 2:14, 2:26] = 100
    images[:, 2:26, 2:4, 0] = np.arange(100, 120)[:, None, None]
    return images, np.repeat(np.arange(10), 2)


def test_no_held_out_combination_occurs_in_training(objects):
    random = np.random.default_rng(0)
    found = [WORDS.parse(WORDS.write(scene, random)) for scene in captions.draw_scenes(3000, seed=3)]
    pairs = {frozenset(group.noun for group in scene) for scene in found if len(scene) == 2}
    looks = {(group.noun, group.brightness, group.rotation) for scene in found for group in scene}
    assert len(pairs) == 45 - 10 and not pairs & {frozenset((k, (k + 3) % 10)) for k in range(10)}
    assert len(looks) == 60 - 10   # each class lacks one look …
    assert {(noun, brightness) for noun, brightness, _ in looks} == {
        (k, b) for k in range(10) for b in ("dark", "bright")}   # … and no brightness and no turn
    assert len({(noun, rotation) for noun, _, rotation in looks}) == 30
    made = captions.make(WORDS, *objects, 50, seed=4)
    assert not any(captions.held_out(WORDS.parse(text)) for text in made.captions)


def test_held_out_scenes_hold_one_each():
    assert all(map(captions.held_out, captions.draw_scenes(200, seed=0, held=True)))
    share = np.mean(list(map(captions.held_out, captions.draw_scenes(2000, seed=0, held=None))))
    assert 0.3 < share < 0.45
    for pair in ((9, 2), (2, 9), (0, 3)):
        assert captions.held_out((Group(pair[0], "left"), Group(pair[1], "right")))
    assert not captions.held_out((Group(3, "left", 3),))
    assert 20_000 < sum(map(captions.held_out, scenes())) < 40_000


def test_pictures_depend_on_seed_place_and_scene_alone(objects):
    first = captions.make(WORDS, *objects, 12, seed=0)
    again = captions.make(WORDS, *objects, 12, seed=0)
    assert first.captions == again.captions and first.scenes == again.scenes
    np.testing.assert_array_equal(first.images, again.images)
    np.testing.assert_array_equal(first.images[:5], captions.compose(first.scenes[:5], *objects, seed=0))
    assert not np.array_equal(first.images, captions.compose(first.scenes, *objects, seed=1))
    assert first.images.shape == (12, 56, 56, 1) and first.images.dtype == np.uint8
    assert captions.make(WORDS, *objects, 12, seed=1).captions != first.captions


def test_a_picture_shows_what_the_scene_says(objects):
    """A group's light lies in its half; its amount follows count, size and brightness."""
    for place, half in {"left": np.s_[:, :28], "right": np.s_[:, 28:], "top": np.s_[:28], "bottom": np.s_[28:],
                        "middle": np.s_[14:42, 14:42]}.items():
        for count in (1, 2, 3) if place != "middle" else (1,):
            image = captions.compose([(Group(4, place, count, "small"),)], *objects, seed=2)[0, ..., 0].astype(int)
            assert image[half].sum() > 0.99 * image.sum() > 0, place
            assert image.sum() / count == pytest.approx(
                captions.compose([(Group(4, place, 1, "small"),)], *objects, seed=2).sum(), rel=0.05)
    def shown(**looks):
        image = captions.compose([(Group(4, "middle", **looks),)], *objects, seed=2)[0, ..., 0].astype(float)
        return image
    assert np.count_nonzero(shown()) / np.count_nonzero(shown(size="small")) == pytest.approx((26 / 16) ** 2, rel=0.2)
    assert np.percentile(shown()[shown() > 8], 90) == pytest.approx(230, abs=3)
    assert np.percentile(shown(brightness="dark")[shown(brightness="dark") > 8], 90) == pytest.approx(90, abs=3)


def test_turns(objects):
    """The dim half is above, below, and at the right after a quarter turn clockwise."""
    picture = objects[0][0]
    def dim(rotation):
        x = captions.transform(picture, Group(0, "left", rotation=rotation))[..., 0].astype(float)
        return {"top": x[:13].sum(), "bottom": x[13:].sum(), "left": x[:, :13].sum(), "right": x[:, 13:].sum()}
    assert dim("upright")["top"] < 0.7 * dim("upright")["bottom"]
    assert dim("upside down")["bottom"] < 0.7 * dim("upside down")["top"]
    assert dim("on its side")["right"] < 0.7 * dim("on its side")["left"]


def test_real_pictures_of_the_embedded_digits():
    digits = data.load()
    made = captions.make(Vocabulary(digits.name), digits.train, digits.train_labels, 5, seed=0)
    assert (made.images.reshape(5, -1).max(axis=1) > 60).all() and "at the" in " ".join(made.captions)


def test_unusable_pictures_are_refused(objects):
    images, labels = objects
    with pytest.raises(InputError, match=r"uint8 pictures \(N, 28, 28, 1\)"):
        captions.compose([(Group(0, "left"),)], images[:, :8], labels, seed=0)
    with pytest.raises(InputError, match="no picture of class 9"):
        captions.compose([(Group(9, "left"),)], images[:10], labels[:10], seed=0)
