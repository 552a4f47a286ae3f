import numpy as np
import pytest
from PIL import Image

from aejax import figures
from aejax.figures.mixing import _sheet


@pytest.mark.parametrize("channels", [1, 3])
def test_mixtures_are_drawn(tmp_path, channels):
    a, b = np.zeros((2, 4, 5, channels)), np.ones((3, 4, 5, channels))
    tables = {name: np.full((2, 3, 4, 5, channels), 0.5) for name in ("coarse", "fine")}
    figures.mixtures(tmp_path / "mix.png", a, b, tables, title="A and B")
    picture = Image.open(tmp_path / "mix.png")
    assert picture.width > picture.height and len(np.unique(np.asarray(picture.convert("L")))) > 3


def test_each_mixture_stands_in_its_row_and_column():
    a, b = (np.full((n, 4, 4, 1), value) for n, value in ((2, 0.2), (3, 0.8)))
    table = np.arange(6).reshape(2, 3, 1, 1, 1) / 10 * np.ones((1, 1, 4, 4, 1))
    sheet = _sheet(a, b, table)[..., 0]
    assert sheet.shape == (15, 20)
    assert (sheet[6:10, :4] == np.float32(0.2)).all() and (sheet[:4, 6:10] == np.float32(0.8)).all()
    for row in range(2):
        for column in range(3):
            place = sheet[6 + 5 * row: 10 + 5 * row, 6 + 5 * column: 10 + 5 * column]
            assert (place == np.float32(table[row, column, 0, 0, 0])).all()
    assert (sheet[:5, :6] == 1).all() and (sheet[10] == 1).all()
