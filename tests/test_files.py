import os
import stat

import numpy as np
import pytest
from PIL import Image

from aejax import files
from aejax.files import (
    SUMS,
    InputError,
    atomic,
    checksums,
    damage,
    read_picture,
    resize,
    write_array,
    write_picture,
)

RNG = np.random.default_rng(0)
GREY = RNG.integers(0, 256, (5, 7), np.uint8)
RGB = RNG.integers(0, 256, (5, 7, 3), np.uint8)


@pytest.mark.parametrize("old", [None, "old"])
def test_atomic_leaves_all_as_it_was_after_an_error(tmp_path, old):
    path = tmp_path / "results.json"
    if old:
        path.write_text(old)
    with pytest.raises(RuntimeError, match="halfway"), atomic(path) as temporary:
        temporary.write_text("new")
        raise RuntimeError("halfway")
    assert [p.name for p in tmp_path.iterdir()] == ([path.name] if old else [])
    assert not old or path.read_text() == old


def test_atomic_replaces_at_the_end_and_makes_folders(tmp_path):
    path = tmp_path / "a" / "b" / "results.json"
    for text in ("one", "two"):
        with atomic(path) as temporary:
            assert temporary.parent == path.parent and temporary.suffix == ".json"
            temporary.write_text(text)
            assert not path.exists() or path.read_text() == "one"
        assert path.read_text() == text
    assert list(path.parent.iterdir()) == [path]


def test_atomic_gives_the_users_permissions(tmp_path):
    path = tmp_path / "x.txt"
    mask = os.umask(0o027)
    try:
        with atomic(path) as temporary:
            temporary.write_text("")
    finally:
        assert os.umask(mask) == 0o027   # reading the mask has not changed it
    assert stat.S_IMODE(path.stat().st_mode) == 0o640


@pytest.mark.parametrize("place", ["file/results.json", "folder"])
def test_atomic_says_in_one_line_where_it_cannot_write(tmp_path, place):
    (tmp_path / "file").write_text("a file")
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "inside").write_text("")
    with pytest.raises(InputError) as error, atomic(tmp_path / place) as temporary:
        temporary.write_text("new")
    assert str(tmp_path / place) in str(error.value) and "\n" not in str(error.value)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["file", "folder"]
    assert (tmp_path / "file").read_text() == "a file"


def test_atomic_says_when_the_disk_is_full_and_nothing_of_other_errors(tmp_path):
    (tmp_path / "x").write_text("old")
    with pytest.raises(InputError, match="x: cannot be written .No space left on device"), atomic(tmp_path / "x"):
        with open("/dev/full", "w") as file:
            file.write("new")
    with pytest.raises(FileNotFoundError), atomic(tmp_path / "x"):
        (tmp_path / "missing").read_text()   # what is read is no matter of the place to write
    assert [path.read_text() for path in tmp_path.iterdir()] == ["old"]


@pytest.mark.parametrize("array", [GREY, RGB])
@pytest.mark.parametrize("suffix", [".png", ".bmp", ".tif"])
def test_read_picture_is_exact(tmp_path, array, suffix):
    Image.fromarray(array).save(tmp_path / f"x{suffix}")
    read = read_picture(tmp_path / f"x{suffix}")
    assert read.dtype == np.uint8
    np.testing.assert_array_equal(read, array.reshape(5, 7, -1))


def test_palette_becomes_rgb(tmp_path):
    palette = Image.fromarray(RGB).quantize(8)
    palette.save(tmp_path / "p.png")
    np.testing.assert_array_equal(read_picture(tmp_path / "p.png"), np.asarray(palette.convert("RGB")))


def test_black_and_white_becomes_grey(tmp_path):
    Image.fromarray(GREY > 127).save(tmp_path / "bw.png")
    np.testing.assert_array_equal(read_picture(tmp_path / "bw.png")[..., 0], np.where(GREY > 127, 255, 0))


def test_transparency_is_laid_on_white(tmp_path):
    rgba = np.zeros((1, 3, 4), np.uint8)   # black with red: clear, half, opaque
    rgba[0, :, 0] = 200
    rgba[0, :, 3] = 0, 128, 255
    Image.fromarray(rgba).save(tmp_path / "x.png")
    expected = [[255, 255, 255], [227, 127, 127], [200, 0, 0]]   # α·colour + (1 − α)·255, α = 128/255
    np.testing.assert_allclose(read_picture(tmp_path / "x.png")[0], expected, atol=1)


def test_transparent_grey_stays_grey(tmp_path):
    la = np.stack([GREY, np.full_like(GREY, 255)], axis=-1)
    la[0, 0, 1] = 0
    Image.fromarray(la).save(tmp_path / "x.png")
    expected = GREY.copy()
    expected[0, 0] = 255
    np.testing.assert_array_equal(read_picture(tmp_path / "x.png")[..., 0], expected)


def test_sixteen_bits_keep_black_grey_and_white(tmp_path):
    Image.fromarray(np.array([[0, 257 * 100, 65535]], np.uint16)).save(tmp_path / "x.png")
    assert read_picture(tmp_path / "x.png").ravel().tolist() == [0, 100, 255]


def test_orientation_of_the_camera_is_applied(tmp_path):
    image = Image.fromarray(GREY)
    exif = image.getexif()
    exif[0x0112] = 6   # to be turned by 90 degrees clockwise
    image.save(tmp_path / "x.png", exif=exif)
    np.testing.assert_array_equal(read_picture(tmp_path / "x.png")[..., 0], np.rot90(GREY, -1))


def _truncated(path):
    Image.fromarray(RNG.integers(0, 256, (64, 64, 3), np.uint8)).save(path)
    path.write_bytes(path.read_bytes()[:3000])


@pytest.mark.parametrize("damage", [_truncated, lambda path: path.write_text("no picture"),
                                    lambda path: path.write_bytes(b""), lambda path: None, lambda path: path.mkdir()],
                         ids=["truncated", "text", "empty", "missing", "folder"])
def test_unreadable_picture_is_named_in_one_line(tmp_path, damage):
    path = tmp_path / "broken.png"
    damage(path)
    with pytest.raises(InputError) as error:
        read_picture(path)
    assert str(error.value).startswith(f"{path}: cannot be read as a picture") and "\n" not in str(error.value)


def test_too_many_pixels_are_refused_before_they_are_decoded(tmp_path, monkeypatch):
    Image.fromarray(GREY).save(tmp_path / "x.png")
    monkeypatch.setattr(files, "MAX_PIXELS", 35)
    assert read_picture(tmp_path / "x.png").shape == (5, 7, 1)
    monkeypatch.setattr(files, "MAX_PIXELS", 34)
    with pytest.raises(InputError, match="x.png: 7x5 pixels, at most 34"):
        read_picture(tmp_path / "x.png")


@pytest.mark.parametrize("array", [GREY[..., None], RGB])
def test_write_picture_round_trip(tmp_path, array):
    write_picture(tmp_path / "sub" / "x.png", array)
    np.testing.assert_array_equal(read_picture(tmp_path / "sub" / "x.png"), array)


def test_write_array_round_trip(tmp_path):
    array = RNG.normal(size=(3, 2)).astype(np.float32)
    write_array(tmp_path / "x.npy", array)
    np.testing.assert_array_equal(np.load(tmp_path / "x.npy"), array)
    with pytest.raises(ValueError, match="[Oo]bject"):
        write_array(tmp_path / "x.npy", np.array([{}], object))
    np.testing.assert_array_equal(np.load(tmp_path / "x.npy"), array)


@pytest.mark.parametrize("size", [(3, 4), (10, 14)])
@pytest.mark.parametrize("channels", [1, 3])
def test_resize_is_height_by_width_and_keeps_a_constant(size, channels):
    constant = np.full((5, 7, channels), 99, np.uint8)
    np.testing.assert_array_equal(resize(constant, size), np.full((*size, channels), 99))


def test_resize_averages_an_area():
    """A checkerboard halved is grey: a filter that only looked at some pixels would give black or white."""
    board = (np.indices((16, 16)).sum(0) % 2 * 255).astype(np.uint8)[..., None]
    np.testing.assert_allclose(resize(board, (8, 8))[2:-2, 2:-2], 127.5, atol=2)


def test_resize_to_the_same_size_changes_nothing():
    assert resize(RGB, (5, 7)) is RGB


def test_checksums_name_what_is_missing_or_changed(tmp_path):
    for name in ("a", "b c", "d/e"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(name)
    assert damage(tmp_path) == "SHA256SUMS: No such file or directory"
    (tmp_path / SUMS).write_text(checksums(tmp_path))
    assert damage(tmp_path) is None
    (tmp_path / "a").write_text("b")
    (tmp_path / "d" / "e").unlink()
    (tmp_path / "new").write_text("")
    assert damage(tmp_path) == "'a' changed, 'd/e' is missing, 'new' changed"
