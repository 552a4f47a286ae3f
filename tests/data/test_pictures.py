import numpy as np
import pytest
from PIL import Image

from aejax import data
from aejax.data import dataset as limits


@pytest.fixture
def paint(tmp_path):
    """(path below tmp_path, grey value, size, mode) -> a picture of one colour there."""
    def write(name, value=0, size=(6, 5), mode="L"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new(mode, size[::-1], value if mode == "L" else (value, 0, 0)).save(path)
        return path
    return write


def test_sub_folders_are_labels_and_order_is_sorted(tmp_path, paint):
    for i in range(5):
        paint(f"cat/{i}.png", 10 + i)
        paint(f"ape/{i}.PNG", i)
    dataset = data.load(tmp_path)
    assert dataset.label_names == ("ape", "cat") and dataset.train.shape == (8, 6, 5, 1)
    for x, labels in ((dataset.train, dataset.train_labels), (dataset.test, dataset.test_labels)):
        np.testing.assert_array_equal(labels, x[:, 0, 0, 0] >= 10)
        assert (np.diff(x[:, 0, 0, 0].astype(int)) > 0).all()
    assert dataset.train.dtype == np.uint8 and dataset.range == (0, 1)
    assert any("80/20 by seed 0" in note for note in dataset.notes)


def test_train_and_test_folders(tmp_path, paint):
    for i in range(3):
        paint(f"train/b/{i}.png", i)
        paint(f"test/{'ab'[i % 2]}/{i}.png", 100 + i)
    dataset = data.load(tmp_path)
    assert dataset.train[:, 0, 0, 0].tolist() == [0, 1, 2]
    assert dataset.test[:, 0, 0, 0].tolist() == [100, 102, 101]
    assert dataset.label_names == ("a", "b")
    assert dataset.train_labels.tolist() == [1, 1, 1] and dataset.test_labels.tolist() == [0, 0, 1]
    assert dataset.notes == ()


def test_pictures_without_sub_folders_have_no_labels(tmp_path, paint):
    for i in range(4):
        paint(f"{i}.png", i)
    dataset = data.load(str(tmp_path))
    assert dataset.train_labels is None and dataset.test_labels is None and dataset.label_names is None
    paint("a/9.png")
    dataset = data.load(tmp_path)
    assert dataset.train_labels is None
    assert any("no labels" in note and "4 of 5" in note for note in dataset.notes)


def test_what_is_no_picture_is_counted(tmp_path, paint):
    for name in ("a/1.png", "a/2.png", "a/deep/3.png", "a/.hidden.png"):
        paint(name)
    (tmp_path / "notes.txt").write_text("x")
    (tmp_path / ".DS_Store").write_text("x")
    dataset = data.load(tmp_path)
    assert len(dataset.train) + len(dataset.test) == 2
    assert any("2 files skipped" in note for note in dataset.notes)


def test_grey_and_colour_mix_to_colour(tmp_path, paint):
    for i in range(2):
        paint(f"{i}.png", 50)
    paint("3.png", 70, mode="RGB")
    dataset = data.load(tmp_path)
    assert dataset.shape == (6, 5, 3) and any("2 of 3 pictures are grey" in note for note in dataset.notes)
    both = np.concatenate([dataset.train, dataset.test])
    assert sorted(image[0, 0].tolist() for image in both) == [[50, 50, 50], [50, 50, 50], [70, 0, 0]]


def test_unequal_sizes_need_a_size(tmp_path, paint, refused):
    paint("a.png", 7)
    paint("b.png", 7, (9, 8))
    with refused("a.png", "6x5", "b.png", "9x8", "--size HxW"):
        data.load(tmp_path)
    dataset = data.load(tmp_path, size=(4, 3))
    assert dataset.shape == (4, 3, 1) and (dataset.train == 7).all()
    assert any("2 of 2 pictures resized to 4x3" in note for note in dataset.notes)
    assert data.load(tmp_path, size=8).shape == (8, 8, 1)


def test_damaged_pictures_are_refused_by_name(tmp_path, paint, refused):
    paint("a.png")
    path = paint("b.png")
    path.write_bytes(path.read_bytes()[:40])
    with refused(path, "cannot be read"):
        data.load(tmp_path)


def test_unfit_folders_are_refused(tmp_path, paint, refused, write_idx):
    (tmp_path / "empty").mkdir()
    with refused(tmp_path / "empty", "no pictures"):
        data.load(tmp_path / "empty")
    paint("one/a.png")
    with refused(tmp_path / "one", "at least 2"):
        data.load(tmp_path / "one")
    paint("half/test/a.png")
    with refused(tmp_path / "half", "no folder train"):
        data.load(tmp_path / "half")
    paint("other/train/a.png")
    (tmp_path / "other/test").mkdir()
    with refused(tmp_path / "other/test", "no pictures"):
        data.load(tmp_path / "other")
    write_idx(tmp_path / "idx")
    with refused(tmp_path / "idx", "IDX", "--data-dir"):
        data.load(tmp_path / "idx")


def test_more_than_memory_is_refused_before_all_is_read(tmp_path, paint, refused, monkeypatch):
    paint("a.png")
    paint("b.png", mode="RGB")
    monkeypatch.setattr(limits, "MAX_BYTES", 100)   # as grey it would fit
    with refused(tmp_path, "GiB"):
        data.load(tmp_path)
