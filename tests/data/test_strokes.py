import numpy as np
import pytest

from aejax import data
from aejax.data import strokes
from aejax.types import InputError

PICTURES, NAMES = strokes.letters(300, seed=1)


def test_they_are_drawn_as_digits_are():
    digits = data.load().test
    assert PICTURES.shape == (300, 28, 28, 1) and PICTURES.dtype == np.uint8 and set(NAMES) == set(strokes.LETTERS)
    assert PICTURES.max(axis=(1, 2, 3)).min() > 200   # a white pen on black paper
    ink = PICTURES.mean() / digits.mean()
    assert 0.7 < ink < 1.4   # about as much ink as a digit
    border = np.concatenate([PICTURES[:, [0, -1]].ravel(), PICTURES[:, :, [0, -1]].ravel()])
    assert np.mean(border > 0) < 0.01


def test_the_pen_follows_its_strokes(monkeypatch):
    """A horizontal line in a hand that neither turns nor slants: ink in a band of the pen's width, and no further."""
    class Still:
        def normal(self, mean, spread):
            return 0.0

        def uniform(self, low, high, size=None):
            return np.full(size, (low + high) / 2) if size else (low + high) / 2
    picture = strokes._draw((((0.0, 0.5), (1.0, 0.5)),), Still())
    width = 0.75 * (strokes.BOX - 2)
    np.testing.assert_allclose(picture[:, 14].sum() / 255, 2.4, atol=0.2)   # the pen is 2.4 pixels thick
    assert (picture.max(axis=0) > 0).sum() == pytest.approx(width + 2.4, abs=1.5)
    np.testing.assert_array_equal(picture, picture[::-1])


def test_a_seed_gives_the_same_pictures_and_another_does_not():
    again, names = strokes.letters(300, seed=1)
    np.testing.assert_array_equal(again, PICTURES)
    np.testing.assert_array_equal(names, NAMES)
    assert (strokes.letters(300, seed=2)[0] != PICTURES).any()


def test_none_is_refused():
    with pytest.raises(InputError, match="at least 1"):
        strokes.letters(0)
