import numpy as np
import pytest
from PIL import Image

from aejax import data
from aejax.data import patches
from aejax.files import InputError


@pytest.fixture
def folder(tmp_path):
    """Six pictures of unequal sizes, two of them grey, each of one level of its own."""
    place = tmp_path / "photos"
    for i in range(6):
        (place / f"kind{i % 2}").mkdir(parents=True, exist_ok=True)
        shape = (20 + i, 30 - i) if i < 2 else (20 + i, 30 - i, 3)
        Image.fromarray(np.full(shape, 10 * (i + 1), np.uint8)).save(place / f"kind{i % 2}" / f"{i}.png")
    return place


def levels(images):
    return set(np.unique(images // 10).tolist())


def test_pictures_are_divided_and_not_patches(folder):
    found = data.load(folder, patches=(8, 6), seed=1)
    assert found.train.shape[1:] == found.test.shape[1:] == (8, 6, 3) and found.train.dtype == np.uint8
    assert levels(found.train) | levels(found.test) == set(range(1, 7)) and not levels(found.train) & levels(found.test)
    assert (found.train == found.train[:, :1, :1, :1]).all()   # each of one picture
    grouped = [levels(found.train[found.train_groups == group]) for group in np.unique(found.train_groups)]
    assert all(len(group) == 1 for group in grouped) and len(grouped) == len(levels(found.train)) == 5
    kinds = [(level - 1) % 2 for level in found.train[:, 0, 0, 0] // 10]
    assert found.train_labels.tolist() == kinds and found.label_names == ("kind0", "kind1")
    area = sum((20 + i) * (30 - i) for i in range(6) if i + 1 in levels(found.train))
    assert len(found.train) == pytest.approx(patches.COVER * area / 48, abs=3)
    assert any("of 5 pictures" in note and "of 1 other pictures" in note for note in found.notes)


def test_a_seed_is_a_data_set_and_another_one_another(folder):
    one, same, other = (data.load(folder, patches=8, seed=seed).digest for seed in (0, 0, 1))
    assert one == same != other


def test_patches_lie_everywhere_in_a_picture_and_test_patches_side_by_side(tmp_path):
    ramp = np.arange(30 * 8, dtype=np.uint8).reshape(30, 8)
    for part in ("train", "test"):
        (tmp_path / part).mkdir()
        Image.fromarray(ramp).save(tmp_path / part / "a.png")
    found = data.load(tmp_path, patches=(8, 8))
    assert found.train.shape == (15, 8, 8, 1) and found.test.shape == (3, 8, 8, 1)
    np.testing.assert_array_equal(found.test[..., 0], ramp[:24].reshape(3, 8, 8))
    tops = found.train[:, 0, 0, 0] // 8
    assert tops.min() < 6 and tops.max() > 16 and len(set(tops.tolist())) > 5
    other = data.load(tmp_path, patches=(8, 8), seed=1)
    assert (other.train != found.train).any()
    np.testing.assert_array_equal(other.test, found.test)


def test_a_validation_part_cuts_through_no_picture(folder):
    found = data.load(folder, patches=8)
    kept, held = data.split_validation(found.train, 0.1, 0, groups=found.train_groups)
    assert len(kept) + len(held) == len(found.train) and len(levels(held)) == 1 and not levels(kept) & levels(held)


def test_the_most_of_one_picture(folder, monkeypatch):
    monkeypatch.setattr(patches, "MOST", 7)
    found = data.load(folder, patches=4)
    assert len(found.train) == 35 and len(found.test) == 7


def test_small_pictures_are_named_and_what_cannot_be_is_refused(folder, tmp_path):
    Image.fromarray(np.zeros((7, 40), np.uint8)).save(folder / "kind0" / "narrow.png")
    found = data.load(folder, patches=8)
    assert found.notes[0] == "1 pictures smaller than a patch give none, for example narrow.png"
    with pytest.raises(InputError, match="no picture of the train part is as large as a patch of 50x50"):
        data.load(folder, patches=50)
    with pytest.raises(InputError, match="both given"):
        data.load(folder, patches=8, size=8)
    with pytest.raises(InputError, match="mnist_mini: patches are cut from a folder of pictures"):
        data.load("mnist_mini", patches=8)
