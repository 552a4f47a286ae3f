import numpy as np
import pytest
from PIL import Image

from aejax.files import InputError
from aejax.photographs import read_photograph, write_photograph

RNG = np.random.default_rng(0)
GREY = RNG.integers(0, 256, (12, 17), np.uint8)
RGB = RNG.integers(0, 256, (12, 17, 3), np.uint8)
ALPHA = RNG.integers(0, 256, (12, 17, 1), np.uint8)
WIDE = RNG.integers(0, 65536, (12, 17)).astype(np.uint16)
PALETTE = Image.fromarray(RGB).quantize(32)


KINDS = {   # PIL's mode as read: a picture of it
    "1": Image.fromarray(GREY > 127), "L": Image.fromarray(GREY), "RGB": Image.fromarray(RGB),
    "LA": Image.fromarray(np.concatenate([GREY[..., None], ALPHA], -1)),
    "RGBA": Image.fromarray(np.concatenate([RGB, ALPHA], -1)), "P": PALETTE, "I;16": Image.fromarray(WIDE),
}


def equal(one, other):
    with Image.open(one) as a, Image.open(other) as b:
        assert a.mode == b.mode and a.size == b.size
        if a.mode == "P":
            a, b = a.convert("RGBA"), b.convert("RGBA")
            shown = np.asarray(a)[..., 3] > 0
            np.testing.assert_array_equal(np.asarray(a)[..., 3], np.asarray(b)[..., 3])
            np.testing.assert_array_equal(np.asarray(a)[shown], np.asarray(b)[shown])
        else:
            np.testing.assert_array_equal(np.asarray(a), np.asarray(b))


@pytest.mark.parametrize("mode", KINDS)
@pytest.mark.parametrize("suffix", [".png", ".tif"])
def test_a_picture_comes_back_as_it_was(tmp_path, mode, suffix):
    KINDS[mode].save(tmp_path / f"a{suffix}")
    picture = read_photograph(tmp_path / f"a{suffix}")
    assert picture.mode == mode and picture.notes == ()
    assert picture.pixels.dtype == np.float32 and picture.pixels.shape == (12, 17, 3 if mode in "RGBA P" and
                                                                           mode != "LA" else 1)
    values = np.asarray(KINDS[mode].convert("RGB") if mode == "P" else KINDS[mode], float)
    values = values.reshape(12, 17, -1)[..., : picture.pixels.shape[-1]] / {"1": 1, "I;16": 65535}.get(mode, 255)
    np.testing.assert_allclose(picture.pixels, values, atol=1e-7)
    assert write_photograph(tmp_path / f"b{suffix}", picture.pixels, picture) == ()
    equal(tmp_path / f"a{suffix}", tmp_path / f"b{suffix}")


@pytest.mark.parametrize("mode", ["LA", "RGBA"])
def test_transparency_is_untouched_and_colours_are_ours(tmp_path, mode):
    KINDS[mode].save(tmp_path / "a.png")
    picture = read_photograph(tmp_path / "a.png")
    write_photograph(tmp_path / "b.png", 1 - picture.pixels, picture)
    with Image.open(tmp_path / "b.png") as image:
        found = np.asarray(image)
    np.testing.assert_array_equal(found[..., -1:], ALPHA)
    np.testing.assert_array_equal(found[..., :-1], 255 - np.asarray(KINDS[mode])[..., :-1])


def test_sixteen_bits_of_colour_in_png(tmp_path):
    """Written by us, read by PIL (its high bytes) and by us (all)."""
    for channels in (3, 4):
        values = RNG.integers(0, 65536, (12, 17, channels)).astype(np.uint16)
        first = read_photograph_of(tmp_path, channels)
        like = type(first)(values[..., :3] / np.float32(65535), first.mode, 65535,
                           values[..., 3] if channels == 4 else None)
        write_photograph(tmp_path / "deep.png", like.pixels, like)
        with Image.open(tmp_path / "deep.png") as image:
            assert image.mode == first.mode
            np.testing.assert_array_equal(np.asarray(image), values >> 8)
        again = read_photograph(tmp_path / "deep.png")
        assert again.top == 65535
        np.testing.assert_array_equal(np.rint(again.pixels * 65535), values[..., :3])
        if channels == 4:
            np.testing.assert_array_equal(again.alpha, values[..., 3])
        assert "8 bits" in write_photograph(tmp_path / "deep.bmp", again.pixels, again)[0]


def read_photograph_of(tmp_path, channels):
    KINDS["RGB" if channels == 3 else "RGBA"].save(tmp_path / "like.png")
    return read_photograph(tmp_path / "like.png")


@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientation_is_applied_once_and_other_metadata_stay(tmp_path, orientation):
    image = Image.fromarray(RGB)
    exif = image.getexif()
    exif[0x0112], exif[271] = orientation, "a camera"
    exif.get_ifd(0x8769).update({0x9003: "2020:01:01 00:00:00", 0xA002: 17, 0xA003: 12})
    for suffix in (".png", ".jpg", ".tif"):
        image.save(tmp_path / f"a{suffix}", exif=exif, dpi=(300, 300), icc_profile=b"profile", quality=100,
                   **({"subsampling": 0} if suffix == ".jpg" else {}))
        picture = read_photograph(tmp_path / f"a{suffix}")
        with Image.open(tmp_path / f"a{suffix}") as given:
            from PIL import ImageOps
            expected = np.asarray(ImageOps.exif_transpose(given))
        np.testing.assert_allclose(picture.pixels, expected / np.float32(255), atol=1e-6)
        write_photograph(tmp_path / f"b{suffix}", np.repeat(picture.pixels, 2, axis=0), picture)
        with Image.open(tmp_path / f"b{suffix}") as found:
            assert found.getexif().get(0x0112, 1) == 1 and found.getexif()[271] == "a camera"
            assert found.info["icc_profile"] == b"profile" and round(found.info["dpi"][0]) == 300
            if suffix != ".tif":
                inside = found.getexif().get_ifd(0x8769)
                assert inside[0x9003] == "2020:01:01 00:00:00"
                assert (inside[0xA003], inside[0xA002]) == (2 * expected.shape[0], expected.shape[1])


def test_a_palette_with_a_clear_colour(tmp_path):
    KINDS["P"].save(tmp_path / "a.png", transparency=3)
    picture = read_photograph(tmp_path / "a.png")
    assert picture.mode == "P" and set(np.unique(picture.alpha)) == {0, 255}
    write_photograph(tmp_path / "b.png", picture.pixels, picture)
    equal(tmp_path / "a.png", tmp_path / "b.png")
    noisy = picture.pixels + RNG.normal(0, 0.02, picture.pixels.shape)
    write_photograph(tmp_path / "c.png", np.repeat(noisy, 2, axis=1), picture)
    with Image.open(tmp_path / "c.png") as image:
        assert image.mode == "P" and image.size == (34, 12)
        alpha = np.asarray(image.convert("RGBA"))[..., 3]
    assert np.mean(alpha == np.repeat(picture.alpha, 2, axis=1)) > 0.9


def test_a_palette_is_chosen_anew_unless_pixels_are_known(tmp_path):
    """New colours: the best 256; known pixels: exactly what they were."""
    KINDS["P"].save(tmp_path / "a.png")
    picture = read_photograph(tmp_path / "a.png")
    large = np.tile(picture.pixels, (4, 4, 1))
    other = np.clip(large + RNG.normal(0, 0.1, large.shape), 0, 1)
    (note,) = write_photograph(tmp_path / "b.png", other, picture)
    with Image.open(tmp_path / "b.png") as image:
        assert image.mode == "P"
        error = np.asarray(image.convert("RGB")) / 255 - other
    assert "brought to the 256" in note and np.sqrt(np.mean(error**2)) < 0.06
    known = np.zeros(large.shape[:2], bool)
    known[:, :30] = True
    mixed = np.where(known[..., None], large, other)
    assert write_photograph(tmp_path / "c.png", mixed, picture, known=known) == ()
    with Image.open(tmp_path / "c.png") as image:
        found = np.asarray(image.convert("RGB")) / 255
    np.testing.assert_allclose(found[known], large[known], atol=1e-6)
    assert np.sqrt(np.mean((found - mixed)[~known] ** 2)) < 0.2   # of the nearest of 32 colours


def test_a_half_clear_palette_comes_back_as_rgba_and_says_so(tmp_path):
    KINDS["P"].save(tmp_path / "a.png", transparency=bytes(range(0, 256, 8)))
    picture = read_photograph(tmp_path / "a.png")
    assert picture.mode == "RGBA" and picture.notes == ("its mode P with transparency comes back as RGBA",)
    write_photograph(tmp_path / "b.png", picture.pixels, picture)
    with Image.open(tmp_path / "a.png") as a, Image.open(tmp_path / "b.png") as b:
        np.testing.assert_array_equal(np.asarray(a.convert("RGBA")), np.asarray(b))


def test_a_colour_declared_transparent_becomes_a_transparency(tmp_path):
    KINDS["L"].save(tmp_path / "a.png", transparency=int(GREY[0, 0]))
    picture = read_photograph(tmp_path / "a.png")
    assert picture.mode == "LA" and picture.alpha[0, 0] == 0 and picture.pixels.shape == (12, 17, 1)


def test_other_colour_spaces_frames_and_depths_are_named(tmp_path):
    Image.fromarray(RGB).convert("CMYK").save(tmp_path / "a.tif")
    assert read_photograph(tmp_path / "a.tif").notes == ("its mode CMYK comes back as RGB",)
    KINDS["L"].save(tmp_path / "a.gif", save_all=True, append_images=[Image.fromarray(255 - GREY)])
    assert read_photograph(tmp_path / "a.gif").notes[0] == "only the first of its 2 frames is read"
    Image.fromarray(WIDE.astype(np.int32) * 2).save(tmp_path / "b.tif")
    with pytest.raises(InputError, match="b.tif: whole numbers from .* scale is unknown"):
        read_photograph(tmp_path / "b.tif")
    Image.fromarray(WIDE.astype(np.int32)).save(tmp_path / "c.tif")
    picture = read_photograph(tmp_path / "c.tif")
    write_photograph(tmp_path / "d.tif", picture.pixels, picture)
    equal(tmp_path / "c.tif", tmp_path / "d.tif")


def test_what_a_format_does_not_hold(tmp_path):
    KINDS["RGBA"].save(tmp_path / "a.png")
    picture = read_photograph(tmp_path / "a.png")
    with pytest.raises(InputError, match="b.jpg: a picture of mode RGBA cannot be kept.*png"):
        write_photograph(tmp_path / "b.jpg", picture.pixels, picture)
    assert [path.name for path in tmp_path.iterdir()] == ["a.png"]


def test_jpeg_is_written_with_little_loss(tmp_path):
    smooth = (np.indices((32, 32)).sum(0)[..., None] / 62 * np.array([1, 0.5, 0.2])).astype(np.float32)
    Image.fromarray(np.rint(smooth * 255).astype(np.uint8)).save(tmp_path / "a.jpg", quality=50)
    picture = read_photograph(tmp_path / "a.jpg")
    write_photograph(tmp_path / "b.jpg", picture.pixels, picture)
    assert np.abs(read_photograph(tmp_path / "b.jpg").pixels - picture.pixels).mean() < 0.006


def test_damage_is_named_in_one_line(tmp_path):
    (tmp_path / "a.png").write_text("no picture")
    with pytest.raises(InputError, match="a.png: cannot be read as a picture"):
        read_photograph(tmp_path / "a.png")
