import numpy as np
import pytest
from PIL import Image

from aejax.data import Standardiser, read_inputs
from aejax.types import InputError

RNG = np.random.default_rng(0)
GREY, OTHER = RNG.integers(0, 256, (2, 6, 5, 1), np.uint8)
RGB = RNG.integers(0, 256, (6, 5, 3), np.uint8)
TABLE = np.array([[1.0, 20.0, 5.0], [3.0, 40.0, 7.0], [2.0, 30.0, 6.0]])
SCALE = Standardiser(np.array([2.0, 10.0, 0.0], np.float32), np.array([0.5, 10.0, 2.0], np.float32))
KEPT = {"mean": SCALE.mean.tolist(), "std": SCALE.std.tolist()}   # as config.json holds it


def save(path, image):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(image[..., 0] if image.shape[-1] == 1 else image).save(path)


def test_one_picture(tmp_path):
    save(tmp_path / "one.png", GREY)
    inputs = read_inputs(tmp_path / "one.png", (6, 5, 1))
    assert inputs.pictures and inputs.names == ("one",) and inputs.notes == ()
    np.testing.assert_array_equal(inputs.x, GREY[None])
    assert inputs.x.dtype == np.uint8


def test_folder_in_order_with_sub_folders(tmp_path):
    for name, image in (("b.png", OTHER), ("a.bmp", GREY), ("sub/b.png", GREY)):
        save(tmp_path / name, image)
    (tmp_path / "notes.txt").write_text("no picture")
    inputs = read_inputs(str(tmp_path), (6, 5, 1))
    assert inputs.names == ("a", "b", "sub-b")
    np.testing.assert_array_equal(inputs.x, [GREY, OTHER, GREY])


@pytest.mark.parametrize("files", [["a.png", "a.bmp", "b.png"], ["x/a.png", "x-a.png"],
                                   ["x/a.png", "x-a.png", "x-a-png.png"], ["a.png", "A.png"]])
def test_names_are_unique(tmp_path, files):
    """Each becomes a file of its own, also where file systems do not tell A from a."""
    for name in files:
        save(tmp_path / name, GREY)
    names = read_inputs(tmp_path, (6, 5, 1)).names
    assert len({name.lower() for name in names}) == len(files), names


def test_clashing_names_say_their_suffix(tmp_path):
    save(tmp_path / "a.png", GREY)
    save(tmp_path / "a.bmp", OTHER)
    inputs = read_inputs(tmp_path, (6, 5, 1))
    np.testing.assert_array_equal(inputs.x[inputs.names.index("a-png")], GREY)
    np.testing.assert_array_equal(inputs.x[inputs.names.index("a-bmp")], OTHER)


def test_colour_turns_grey_by_luma(tmp_path):
    save(tmp_path / "x.png", RGB)
    inputs = read_inputs(tmp_path / "x.png", (6, 5, 1))
    assert inputs.x.dtype == np.uint8 and inputs.notes == ("pictures turned grey, as the run takes them",)
    expected = np.asarray(Image.fromarray(RGB).convert("L")).astype(int)
    np.testing.assert_allclose(inputs.x[0, ..., 0].astype(int), expected, atol=1)


def test_grey_turns_rgb(tmp_path):
    save(tmp_path / "x.png", GREY)
    inputs = read_inputs(tmp_path / "x.png", (6, 5, 3))
    assert inputs.notes == ("pictures turned RGB, as the run takes them",)
    np.testing.assert_array_equal(inputs.x[0], np.repeat(GREY, 3, axis=-1))


def test_resizing_is_noted(tmp_path):
    save(tmp_path / "a.png", np.full((12, 10, 1), 70, np.uint8))
    save(tmp_path / "b.png", GREY)
    inputs = read_inputs(tmp_path, (6, 5, 1))
    assert inputs.notes == ("1 of 2 pictures resized to 6x5",)
    np.testing.assert_array_equal(inputs.x[0], np.full((6, 5, 1), 70))
    np.testing.assert_array_equal(inputs.x[1], GREY)


@pytest.mark.parametrize("array", [np.stack([GREY, OTHER]), np.stack([GREY, OTHER])[..., 0]])
def test_npy_with_and_without_channel_axis(tmp_path, array):
    np.save(tmp_path / "x.npy", array)
    inputs = read_inputs(tmp_path / "x.npy", (6, 5, 1))
    np.testing.assert_array_equal(inputs.x, np.stack([GREY, OTHER]))
    assert not inputs.pictures and inputs.x.dtype == np.uint8
    assert inputs.restore(inputs.x) is inputs.x


def test_integers_are_bytes_as_in_training(tmp_path, refused):
    np.save(tmp_path / "x.npy", np.stack([GREY, OTHER]).astype(np.int64))
    inputs = read_inputs(tmp_path / "x.npy", (6, 5, 1))
    assert inputs.x.dtype == np.uint8 and inputs.notes == ("int64 converted to uint8",)
    np.testing.assert_array_equal(inputs.x, np.stack([GREY, OTHER]))
    np.save(tmp_path / "y.npy", np.full((1, 3), 300))
    with refused("y.npy", "from 300 to 300"):
        read_inputs(tmp_path / "y.npy", (3,))
    assert read_inputs(tmp_path / "y.npy", (3,), KEPT).x.dtype == np.float32   # a table's own units


def test_npz_takes_the_test_part(tmp_path):
    np.savez(tmp_path / "x.npz", train=TABLE[:1], test=TABLE, more=TABLE)
    inputs = read_inputs(tmp_path / "x.npz", (3,))
    np.testing.assert_array_equal(inputs.x, TABLE.astype(np.float32))
    assert inputs.x.dtype == np.float32 and inputs.notes == ("ignored in x.npz: more",)
    np.savez(tmp_path / "y.npz", train=TABLE[:1])
    assert len(read_inputs(tmp_path / "y.npz", (3,)).x) == 1


@pytest.mark.parametrize("kind", ["csv", "npy"])
def test_tables_come_in_their_own_units(tmp_path, kind):
    path = tmp_path / f"x.{kind}"
    if kind == "npy":
        np.save(path, TABLE)
    else:
        path.write_text("a,b,c\n" + "\n".join(",".join(map(str, row)) for row in TABLE))
    inputs = read_inputs(path, (3,), KEPT)
    np.testing.assert_allclose(inputs.x, (TABLE - SCALE.mean) / SCALE.std, rtol=1e-6)
    assert inputs.x.dtype == np.float32
    np.testing.assert_allclose(inputs.restore(inputs.x), TABLE, rtol=1e-6)


def test_errors_name_the_file(tmp_path, refused):
    with refused(tmp_path / "none.png", "no such file or folder"):
        read_inputs(tmp_path / "none.png", (6, 5, 1))
    (tmp_path / "empty").mkdir()
    with refused(tmp_path / "empty", "no picture"):
        read_inputs(tmp_path / "empty", (6, 5, 1))
    (tmp_path / "x.txt").write_text("")
    with refused("x.txt", "neither a picture nor"):
        read_inputs(tmp_path / "x.txt", (6, 5, 1))
    save(tmp_path / "x.png", GREY)
    (tmp_path / "broken.png").write_bytes((tmp_path / "x.png").read_bytes()[:50])
    with refused("broken.png", "cannot be read as a picture"):
        read_inputs(tmp_path / "broken.png", (6, 5, 1))
    with refused("x.png", "takes examples of shape (3,)"):
        read_inputs(tmp_path / "x.png", (3,))
    np.save(tmp_path / "x.npy", TABLE)
    with refused("x.npy", "examples of shape (3,)", "takes (6, 5, 1)"):
        read_inputs(tmp_path / "x.npy", (6, 5, 1))
    np.savez(tmp_path / "two.npz", a=TABLE, b=TABLE)
    with refused("two.npz", "the arrays a, b"):
        read_inputs(tmp_path / "two.npz", (3,))
    np.save(tmp_path / "none.npy", TABLE[:0])
    with refused("none.npy", "0 examples"):
        read_inputs(tmp_path / "none.npy", (3,))
    np.save(tmp_path / "names.npy", np.array([["a", "b", "c"]]))
    with refused("names.npy", "numbers"):
        read_inputs(tmp_path / "names.npy", (3,))


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_values_that_are_not_finite_are_counted(tmp_path, refused, bad):
    table = TABLE.copy()
    table[1, 1] = table[2, 0] = bad
    np.save(tmp_path / "x.npy", table)
    with refused("x.npy", "2 values are missing or not finite"):
        read_inputs(tmp_path / "x.npy", (3,))
    (tmp_path / "x.csv").write_text("a,b,c\n1,,3\n")
    with refused("x.csv", "1 values are missing or not finite"):
        read_inputs(tmp_path / "x.csv", (3,), KEPT)


def test_damaged_pictures_are_skipped_where_asked(tmp_path):
    for name in ("a", "b", "c"):
        save(tmp_path / f"{name}.png", GREY)
    (tmp_path / "b.png").write_bytes((tmp_path / "b.png").read_bytes()[:40])
    with pytest.raises(InputError, match=r"b\.png: cannot be read"):
        read_inputs(tmp_path, (6, 5, 1))
    inputs = read_inputs(tmp_path, (6, 5, 1), skip_damaged=True)
    assert inputs.names == ("a", "c") and inputs.files == (tmp_path / "a.png", tmp_path / "c.png")
    assert len(inputs.x) == 2 and len(inputs.skipped) == 1 and "b.png: cannot be read" in inputs.skipped[0]
    for name in ("a", "c"):
        (tmp_path / f"{name}.png").write_bytes(b"")
    with pytest.raises(InputError, match="cannot be read"):   # none is left
        read_inputs(tmp_path, (6, 5, 1), skip_damaged=True)


def test_columns_come_in_the_runs_order(tmp_path):
    path = tmp_path / "cells.csv"
    path.write_text("b,kind,a\n20,x,1\n40,y,3\n")
    inputs = read_inputs(path, (2,), label_column="kind", columns=("a", "b"))
    assert inputs.columns == ("a", "b")
    np.testing.assert_array_equal(inputs.x, [[1, 20], [3, 40]])
    for columns, message in ((("a", "c"), "no column 'c'; the run was trained on a, c"),
                             (("a",), "a column 'b' that the run does not know; the run was trained on a")):
        with pytest.raises(InputError, match=message):
            read_inputs(path, (2,), label_column="kind", columns=columns)
