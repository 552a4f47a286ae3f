import jax
import numpy as np
import pytest
from PIL import Image

from aejax import runs
from aejax.applications.super_resolution import downscale
from aejax.applications.whole_pictures import denoise_picture
from aejax.files import read_picture
from aejax.recipes import Recipe, build
from aejax.verbs import restoration

RNG = np.random.default_rng(0)
RGB = RNG.integers(0, 256, (13, 21, 3), np.uint8)
ALPHA = RNG.integers(0, 256, (13, 21, 1), np.uint8)
KINDS = {   # one picture of each mode, by the name of its file
    "bits.png": Image.fromarray(RGB[..., 0] > 127), "grey.tif": Image.fromarray(RGB[..., 0]),
    "colour.png": Image.fromarray(RGB), "palette.gif": Image.fromarray(RGB).quantize(16),
    "grey_alpha.png": Image.fromarray(np.concatenate([RGB[..., :1], ALPHA], -1)),
    "alpha.png": Image.fromarray(np.concatenate([RGB, ALPHA], -1)),
    "sixteen.png": Image.fromarray(RNG.integers(0, 65536, (13, 21)).astype(np.uint16)),
    "tiny.bmp": Image.fromarray(RGB[:3, :2])}


def test_reconstruct_pictures(aejax, made, tmp_path, capsys, noise):
    assert aejax("reconstruct", made / "run", made / "pictures", "--output", "out") == 0
    out = capsys.readouterr().out.splitlines()
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == ["a.png", "b.png", "figure.png"]
    assert out[-1] == str(tmp_path / "out" / "figure.png")
    run = runs.load(made / "run")
    for name, image in zip("ab", noise, strict=False):
        expected = run.ae.decode(run.params, run.ae.encode(run.params, image[None, ..., None]))
        found = read_picture(tmp_path / "out" / f"{name}.png").astype(float)
        np.testing.assert_allclose(found, np.asarray(expected)[0] * 255, atol=0.51)


@pytest.mark.parametrize("held", ["a.png", "figure.png"])
def test_reconstruct_refuses_to_overwrite(aejax, made, tmp_path, capsys, held, is_png):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / held).write_text("mine")
    arguments = ("reconstruct", made / "run", made / "pictures", "--output", "out")
    assert aejax(*arguments) == 2
    error = capsys.readouterr().err
    assert held in error and "--overwrite" in error and len(error.splitlines()) == 1
    assert [(p.name, p.read_text()) for p in (tmp_path / "out").iterdir()] == [(held, "mine")]
    assert aejax(*arguments, "--overwrite") == 0
    assert is_png(tmp_path / "out" / held)


def test_a_picture_named_figure_keeps_its_reconstruction(aejax, made, tmp_path, noise):
    Image.fromarray(noise[0]).save(tmp_path / "figure.png")
    assert aejax("reconstruct", made / "run", "figure.png", "--output", "out") == 0
    assert len(list((tmp_path / "out").iterdir())) == 2
    assert read_picture(tmp_path / "out" / "figure.png").shape == (8, 8, 1)


def test_reconstruct_a_table_in_its_own_units(aejax, made, tmp_path, capsys, cells):
    assert aejax("reconstruct", made / "cells", made / "cells.csv", "--output", "out") == 0
    assert capsys.readouterr().out.splitlines() == [str(tmp_path / "out" / "reconstructions.npy")]
    found, run = np.load(tmp_path / "out" / "reconstructions.npy"), runs.load(made / "cells")
    mean, std = (np.asarray(run.config["data"]["standardiser"][part]) for part in ("mean", "std"))
    scaled = ((cells - mean) / std).astype(np.float32)
    expected = np.asarray(run.ae.decode(run.params, run.ae.encode(run.params, scaled))) * std + mean
    np.testing.assert_allclose(found, expected, rtol=1e-4)
    assert abs(found.mean() - 50) < 20   # not the standardised numbers


@pytest.fixture(scope="module")
def unets(tmp_path_factory):
    """Runs of random parameters: "colour" to inpaint, "coarse" to enlarge grey pictures twice."""
    folder = tmp_path_factory.mktemp("unets")
    for name, channels, corruption, unknown in (("colour", 3, {"name": "hidden_regions"}, {"unknown": -1.0}),
                                                ("coarse", 1, {"name": "downsample", "factor": 2}, {})):
        network = {"name": "unet", "shape": [8, 8, channels], "channels": [2, 4], **unknown}
        recipe = Recipe("denoising", network, {"name": "squared_error", "activation": "identity"}, corruption)
        x = np.zeros((1, 8, 8, channels), np.float32)
        params = build(recipe).init(jax.random.key(0), x)
        params = jax.tree.map(lambda leaf: np.asarray(leaf + 0.15 * RNG.normal(size=leaf.shape), np.float32), params)
        runs.save(folder / name, recipe, params,
                  {"data": {"shape": [8, 8, channels], "load": None}})
    return folder


@pytest.fixture
def mine(tmp_path):
    """Pictures of every mode, one of them damaged, one turned by its camera, and a text."""
    folder = tmp_path / "mine"
    (folder / "more").mkdir(parents=True)
    for name, image in KINDS.items():
        image.save(folder / name)
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(RGB).save(folder / "more" / "turned.jpg", exif=exif)
    (folder / "damaged.png").write_bytes((folder / "alpha.png").read_bytes()[:200])
    (folder / "notes.txt").write_text("mine")
    return folder


def test_denoise_a_folder_of_all_kinds(aejax, made, mine, tmp_path, capsys, is_png):
    assert aejax("denoise", made / "run", mine, "--output", "out") == 3
    out, err = capsys.readouterr()
    assert out.splitlines()[0] == "9 pictures denoised: out"
    assert out.splitlines()[-1] == str(tmp_path / "out" / "contact_sheet.png")
    bad = mine / "damaged.png"
    assert err.splitlines()[-1] == f"aejax: 1 of 10 pictures skipped, all others are written: {bad}"
    assert f"skipped: {bad}: cannot be read" in err and "1 other files are left alone" in err
    assert "was trained against masking_noise" not in err
    written = {str(p.relative_to(tmp_path / "out")) for p in (tmp_path / "out").rglob("*") if p.is_file()}
    assert written == {*KINDS, "more/turned.jpg", "contact_sheet.png"}
    assert is_png(tmp_path / "out" / "contact_sheet.png")
    for name in KINDS:
        with Image.open(mine / name) as given, Image.open(tmp_path / "out" / name) as found:
            assert (found.mode, found.size, found.format) == (given.mode, given.size, given.format), name
            if "alpha" in name:
                np.testing.assert_array_equal(np.asarray(found)[..., -1:], ALPHA)
    with Image.open(tmp_path / "out" / "more" / "turned.jpg") as found:
        assert found.size == (13, 21) and 0x0112 not in found.getexif()   # upright by itself
    run = runs.load(made / "run")
    expected = denoise_picture(run.ae, run.params, RGB / np.float32(255), shape=run.shape)
    np.testing.assert_allclose(np.asarray(Image.open(tmp_path / "out" / "colour.png")), expected * 255, atol=0.51)


def test_nothing_is_replaced_unasked(aejax, made, mine, tmp_path, capsys):
    arguments = ("denoise", made / "run", mine / "colour.png", "--output")
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "contact_sheet.png").write_text("mine")
    assert aejax(*arguments, "out") == 2
    assert "contact_sheet.png exists" in capsys.readouterr().err
    assert [p.name for p in (tmp_path / "out").iterdir()] == ["contact_sheet.png"]
    assert aejax(*arguments, "out", "--overwrite") == 0
    assert aejax(*arguments, "other/name.png") == 0   # a single picture may be given its name
    assert {p.name for p in (tmp_path / "other").iterdir()} == {"name.png", "contact_sheet.png"}
    before = (mine / "colour.png").read_bytes()
    assert aejax(*arguments, mine / "colour.png", "--overwrite") == 2
    assert (mine / "colour.png").read_bytes() == before


def test_results_inside_the_folder_are_not_denoised_again(aejax, made, mine, tmp_path, capsys):
    (mine / "damaged.png").unlink()
    for _ in range(2):
        assert aejax("denoise", made / "run", mine, "--output", mine / "denoised", "--overwrite") == 0
        assert capsys.readouterr().out.startswith("9 pictures")
    assert not (mine / "denoised" / "denoised").exists()


def test_a_folder_of_damage_alone_is_an_error(aejax, made, mine, tmp_path, capsys):
    for name in ("bad", "worse"):
        (tmp_path / "bad").mkdir(exist_ok=True)
        (tmp_path / "bad" / f"{name}.png").write_text("no picture")
    assert aejax("denoise", made / "run", "bad", "--output", "out") == 2
    assert "none of its 2 pictures can be read" in capsys.readouterr().err and not (tmp_path / "out").exists()


@pytest.mark.parametrize("name", ["colour.png", "alpha.png", "palette.gif", "sixteen.png"])
def test_inpaint_touches_what_is_hidden_alone(aejax, unets, mine, tmp_path, capsys, name):
    assert aejax("inpaint", unets / "colour", mine / name, "--box", "5,2,9,4", "--output", "out") == 0
    out, err = capsys.readouterr()
    assert "36 of 273 pixels are filled in (13.2 %)" in err and "trained against" not in err
    with Image.open(mine / name) as given, Image.open(tmp_path / "out" / name) as found:
        assert given.mode == found.mode
        deep = given.mode == "I;16"
        given, found = (np.asarray(a if deep else a.convert("RGBA")).reshape(13, 21, -1) for a in (given, found))
    changed = (given != found).any(axis=-1)
    assert not changed[:2].any() and not changed[6:].any() and not changed[:, :5].any() and not changed[:, 14:].any()
    assert changed[2:6, 5:14].mean() > 0.5
    assert (given[..., 3:] == found[..., 3:]).all()


def test_known_pixels_of_a_palette_stay_beside_many_new_colours(aejax, unets, tmp_path):
    Image.fromarray(RNG.integers(0, 256, (60, 60, 3), np.uint8)).quantize(256).save(tmp_path / "a.png")
    assert aejax("inpaint", unets / "colour", "a.png", "--box", "5,5,25,50", "--output", "out") == 0
    with Image.open(tmp_path / "a.png") as given, Image.open(tmp_path / "out" / "a.png") as found:
        assert found.mode == "P"
        same = (np.asarray(given.convert("RGB")) == np.asarray(found.convert("RGB"))).all(axis=-1)
    assert same[:5].all() and same[55:].all() and same[:, :5].all() and same[:, 30:].all() and not same.all()


def test_a_mask_is_white_where_the_picture_is_known(aejax, unets, mine, tmp_path, capsys):
    mask = np.full((13, 21), 255, np.uint8)
    mask[2:6, 5:14] = 0
    for name, values in (("mask", mask), ("inverse", 255 - mask), ("black", 0 * mask)):
        Image.fromarray(values).save(tmp_path / f"{name}.png")
    arguments = ("inpaint", unets / "colour", mine / "colour.png", "--output")
    assert aejax(*arguments, "box", "--box", "5,2,9,4") == 0
    assert aejax(*arguments, "mask", "--mask", "mask.png") == 0
    assert aejax(*arguments, "inverse", "--mask", "inverse.png", "--invert-mask") == 0
    found = [(tmp_path / name / "colour.png").read_bytes() for name in ("box", "mask", "inverse")]
    assert found[0] == found[1] == found[2]
    capsys.readouterr()
    assert aejax(*arguments, "none", "--mask", "black.png") == 2
    assert "black.png hides the whole picture" in capsys.readouterr().err and not (tmp_path / "none").exists()


def test_inpaint_by_each_method(aejax, made, unets, mine, tmp_path, capsys):
    """Energy takes its prior from the run's own training data; skip connections leave it nothing to search."""
    arguments = (mine / "grey.tif", "--box", "5,2,9,4")
    found = {}
    for method, options in (("pass", ()), ("projection", ("--steps", 3)), ("energy", ("--steps", 5, "--restarts", 2))):
        assert aejax("inpaint", made / "run", *arguments, "--method", method, *options, "--output", method) == 0
        found[method] = read_picture(tmp_path / method / "grey.tif")
        np.testing.assert_array_equal(found[method][6:], RGB[6:, :, :1])
    assert "data: " in capsys.readouterr().err
    assert (found["pass"] != found["energy"]).any() and (found["pass"] != found["projection"]).any()
    assert aejax("inpaint", unets / "colour", *arguments, "--method", "energy", "--output", "none") == 2
    assert "skip connections lead past the code" in capsys.readouterr().err


@pytest.mark.parametrize("consistent", [False, True])
def test_upscale_keeps_modes_and_places(aejax, unets, mine, tmp_path, capsys, consistent):
    (mine / "damaged.png").unlink()
    assert aejax("upscale", unets / "coarse", mine, "--output", "out", *(["--consistent"] if consistent else [])) == 0
    out, err = capsys.readouterr()
    assert "9 pictures upscaled: out" in out and "bicubic by" in out and "trained" not in err
    for name, image in KINDS.items():
        with Image.open(tmp_path / "out" / name) as found:
            assert found.size == (2 * image.width, 2 * image.height) and found.mode == image.mode, name
    large = np.asarray(Image.open(tmp_path / "out" / "colour.png")) / 255
    error = np.abs(downscale(large[None], 2)[0] - RGB / 255).max()
    assert error <= 0.5 / 255 + 1e-6 if consistent else error > 1 / 255
    assert f"differs from its input by {0:.4f}" in out if consistent else "by 0.0000" not in out


def test_what_a_run_was_not_trained_for_is_said(aejax, made, unets, mine, capsys):
    for arguments, words in (((unets / "coarse", "--factor", 4), "trained to enlarge 2 times, not 4"),
                             ((made / "run", "--factor", 2), "trained against masking_noise, not against coarse")):
        assert aejax("upscale", arguments[0], mine / "colour.png", *arguments[1:], "--output", "o", "--overwrite") == 0
        assert words in capsys.readouterr().err
    assert aejax("denoise", unets / "coarse", mine / "colour.png", "--output", "out", "--overwrite") == 0
    assert "trained against downsample, not against noise: expect little" in capsys.readouterr().err


def test_the_sheet_is_beside_a_picture_of_its_name(aejax, made, mine, tmp_path):
    (mine / "colour.png").rename(mine / "contact_sheet.png")
    assert aejax("denoise", made / "run", mine / "contact_sheet.png", "--output", "out") == 0
    assert {p.name for p in (tmp_path / "out").iterdir()} == {"contact_sheet.png", "_contact_sheet.png"}
    with Image.open(tmp_path / "out" / "contact_sheet.png") as found:
        assert found.size == (21, 13)


def test_few_pictures_are_shown_of_many(aejax, made, mine, monkeypatch):
    shown = {}
    monkeypatch.setattr(restoration, "contact_sheet", lambda path, rows, places: shown.update(rows))
    assert aejax("denoise", made / "run", mine, "--output", "out") == 3
    assert {label: len(pictures) for label, pictures in shown.items()} == {"input": 6, "denoised": 6}
