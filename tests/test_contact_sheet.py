import numpy as np
import pytest
from PIL import Image

from aejax import contact_sheet as module
from aejax.contact_sheet import SIDE, contact_sheet


@pytest.fixture
def drawn(monkeypatch):
    found = {}
    monkeypatch.setattr(module.figures, "image_rows", lambda path, rows, cell: found.update(rows))
    return found


def test_small_pictures_are_enlarged_and_large_ones_have_a_detail(drawn, tmp_path):
    small = np.zeros((8, 4, 1), np.float32)
    large = np.zeros((400, 800, 3), np.float32)
    large[100:110, 600:610, 0] = 1
    contact_sheet(tmp_path / "x.png", {"input": [small, large], "after": [1 - small, 1 - large]},
                  [(0.5, 0.5), (105 / 400, 605 / 800)])
    assert list(drawn) == ["input", "after", "input, detail", "after, detail"]
    assert {images.shape for images in drawn.values()} == {(2, SIDE, SIDE, 3)}
    first = drawn["input"][0]
    assert (first == 0).all(axis=-1).sum() == SIDE * SIDE / 2 and first[0, 0].tolist() == [1, 1, 1]
    red = (drawn["input, detail"][1] == [1, 0, 0]).all(axis=-1)
    assert red.sum() == 20 * 20 and red[86:106, 86:106].sum() == 400   # doubled, in the middle


def test_no_detail_of_small_pictures_and_a_file(tmp_path):
    contact_sheet(tmp_path / "x.png", {"input": [np.zeros((4, 4, 1))], "upscaled": [np.ones((8, 8, 1))]}, [(0.5, 0.5)])
    with Image.open(tmp_path / "x.png") as image:
        pixels = np.asarray(image.convert("L"))
    assert image.size[1] < 3 * SIDE and ((pixels < 8).sum() > 0.9 * SIDE**2)
