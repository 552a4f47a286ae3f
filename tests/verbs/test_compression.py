import re

import numpy as np
import pytest
from PIL import Image

from aejax import runs
from aejax.applications.compressed_file import CompressedFile, pack
from aejax.files import read_picture
from aejax.verbs import compression

RNG = np.random.default_rng(0)
GREY = RNG.integers(0, 256, (11, 21), np.uint8)
COLOUR = RNG.integers(0, 256, (8, 8, 3), np.uint8)


@pytest.fixture(scope="module")
def coder(made, aejax, small, tmp_path_factory):
    """A run that compresses, lossless too, and pictures for it."""
    folder = tmp_path_factory.mktemp("coder")
    assert aejax("train", "quantised", "--data", made / "noise.npy", "--output", folder / "run", *small,
                 "--pixel-epochs", 1) == 0
    (folder / "pictures" / "inner").mkdir(parents=True)
    Image.fromarray(GREY).save(folder / "pictures" / "large.png")
    Image.fromarray(GREY[:8, :8]).convert("RGB").save(folder / "pictures" / "inner" / "same.bmp")
    Image.fromarray(GREY[:3, :2]).save(folder / "pictures" / "tiny.gif")
    return folder


def test_pictures_come_back_under_their_names(coder, aejax, tmp_path, capsys):
    assert aejax("compress", coder / "run", coder / "pictures", "--output", "x.aej", "--lossless") == 0
    out = capsys.readouterr().out.splitlines()
    size = (tmp_path / "x.aej").stat().st_size
    pixels = 11 * 21 + 8 * 8 + 3 * 2
    assert out[0] == f"3 pictures, {size:,} bytes: {8 * size / pixels:.3f} bits per pixel, the whole file"
    assert "PNG" in out[1] and "zlib" in out[1] and out[-1] == str(tmp_path / "x.aej")
    assert aejax("decompress", coder / "run", "x.aej", "--output", "out") == 0
    found = {p.relative_to(tmp_path / "out").as_posix(): read_picture(p)[..., 0]
             for p in (tmp_path / "out").rglob("*.*")}
    assert found.keys() == {"large.png", "inner/same.bmp", "tiny.gif.png"}
    np.testing.assert_array_equal(found["large.png"], GREY)
    np.testing.assert_array_equal(found["inner/same.bmp"], GREY[:8, :8])
    np.testing.assert_array_equal(found["tiny.gif.png"], GREY[:3, :2])


def test_lossy_is_what_the_decoder_makes(coder, made, aejax, noise, tmp_path, capsys):
    assert aejax("compress", coder / "run", made / "noise.npy", "--output", "x.aej") == 0
    assert "PSNR" in capsys.readouterr().out
    assert aejax("decompress", coder / "run", "x.aej", "--output", "out") == 0
    assert [p.name for p in (tmp_path / "out").iterdir()] == ["noise.npy"]
    run = runs.load(coder / "run")
    x = noise[..., None]
    expected = run.ae.decode(run.params, run.ae.encode(run.params, x))
    np.testing.assert_allclose(np.load(tmp_path / "out" / "noise.npy"), np.asarray(expected) * 255, atol=0.51)


def test_without_a_model_of_pixels(coder, made, aejax, small, noise, tmp_path, capsys):
    """Printed is the PSNR of what is decoded, whether or not the run could keep pixels."""
    assert aejax("train", "quantised", "--data", made / "noise.npy", "--output", "plain", *small) == 0
    for run in (coder / "run", "plain"):
        capsys.readouterr()
        assert aejax("compress", run, made / "noise.npy", "--output", "x.aej", "--overwrite") == 0
        printed = float(re.search(r"PSNR ([\d.]+) dB", capsys.readouterr().out)[1])
        assert aejax("decompress", run, "x.aej", "--output", "out", "--overwrite") == 0
        errors = (np.load(tmp_path / "out" / "noise.npy")[..., 0] / 255 - noise / 255) ** 2
        assert abs(printed - np.mean(-10 * np.log10(errors.mean(axis=(1, 2))))) < 0.02


def test_an_array_comes_back_exactly(coder, made, aejax, noise, tmp_path):
    assert aejax("compress", coder / "run", made / "noise.npy", "--output", "x.aej", "--lossless") == 0
    assert aejax("decompress", coder / "run", "x.aej", "--output", "out") == 0
    np.testing.assert_array_equal(np.load(tmp_path / "out" / "noise.npy")[..., 0], noise)


def test_fewer_grey_levels(made, aejax, small, noise, tmp_path, capsys):
    """Each pixel comes back as the mean of those that share its level, in a smaller file."""
    arguments = ("--data", made / "noise.npy", "--output", "run", *small, "--pixel-epochs", 1, "--levels", 3)
    assert aejax("train", "quantised", *arguments) == 0
    assert aejax("compress", "run", made / "noise.npy", "--output", "x.aej", "--pixels") == 0
    assert aejax("decompress", "run", "x.aej", "--output", "out") == 0
    assert "approximate" in capsys.readouterr().out
    found = np.load(tmp_path / "out" / "noise.npy")[..., 0]
    level = np.rint(noise / 127.5)
    for one in range(3):
        (value,) = set(found[level == one].tolist())
        assert abs(value - noise[level == one].mean()) < 2   # of the training part
    assert aejax("compress", "run", made / "noise.npy", "--output", "y.aej", "--lossless") == 2
    assert "keeps 3 grey levels" in capsys.readouterr().err


def test_what_would_lose_something_is_skipped_and_named(coder, aejax, tmp_path, capsys):
    folder = tmp_path / "mixed"
    folder.mkdir()
    Image.fromarray(GREY).save(folder / "good.png")
    Image.fromarray(GREY.astype(np.uint16) * 257).save(folder / "deep.png")
    Image.fromarray(np.dstack([GREY, GREY])).save(folder / "clear.png")
    Image.fromarray(COLOUR).save(folder / "colour.png")
    (folder / "broken.png").write_bytes((folder / "good.png").read_bytes()[:60])
    assert aejax("compress", coder / "run", folder, "--output", "x.aej", "--lossless") == 3
    captured = capsys.readouterr()
    assert captured.out.startswith("1 picture, ")
    for name, why in (("deep", "16 bits"), ("clear", "transparency"), ("colour", "grey ones"), ("broken", "read")):
        assert any(f"{name}.png" in line and why in line for line in captured.err.splitlines())
    assert "4 of 5 pictures skipped" in captured.err.splitlines()[-1]
    assert aejax("decompress", coder / "run", "x.aej", "--output", "out") == 0
    np.testing.assert_array_equal(read_picture(tmp_path / "out" / "good.png")[..., 0], GREY)
    assert aejax("compress", coder / "run", folder / "deep.png", "--output", "y.aej", "--lossless") == 2
    assert aejax("compress", coder / "run", folder / "deep.png", "--output", "y.aej") == 0   # 8 bits of it


@pytest.mark.parametrize(("damage", "message"), [
    (lambda c: c[:-1] + bytes([c[-1] ^ 1]), "x.aej is damaged"), (lambda c: c[:90], "x.aej is truncated"),
    (lambda c: b"GIF8" + c, "x.aej is no compressed file"), (None, "x.aej: cannot be read")])
def test_a_damaged_file_is_one_line(coder, aejax, tmp_path, capsys, damage, message):
    assert aejax("compress", coder / "run", coder / "pictures", "--output", "x.aej") == 0
    content = (tmp_path / "x.aej").read_bytes()
    (tmp_path / "x.aej").unlink() if damage is None else (tmp_path / "x.aej").write_bytes(damage(content))
    capsys.readouterr()
    assert aejax("decompress", coder / "run", "x.aej", "--output", "out") == 2
    error = capsys.readouterr().err
    assert message in error and len(error.splitlines()) == 1 and not (tmp_path / "out").exists()


def test_another_run_is_refused(coder, made, aejax, small, tmp_path, capsys):
    assert aejax("train", "quantised", "--data", made / "noise.npy", "--output", "other", *small, "--seed", 1) == 0
    assert aejax("compress", coder / "run", coder / "pictures", "--output", "x.aej") == 0
    capsys.readouterr()
    for run, message in (("other", "another model"), (made / "run", "cannot compress")):
        assert aejax("decompress", run, "x.aej") == 2
        error = capsys.readouterr().err
        assert message in error and len(error.splitlines()) == 1
    assert aejax("compress", "other", coder / "pictures", "--output", "y.aej", "--lossless") == 2
    assert "aejax train quantised --pixel-epochs" in capsys.readouterr().err
    assert not (tmp_path / "y.aej").exists()


def test_nothing_is_overwritten_unasked(coder, aejax, tmp_path, capsys):
    arguments = ("compress", coder / "run", coder / "pictures", "--output", "x.aej")
    assert aejax(*arguments) == 0
    before = (tmp_path / "x.aej").read_bytes()
    assert aejax(*arguments) == 2 and "--overwrite" in capsys.readouterr().err
    assert aejax(*arguments, "--overwrite") == 0 and (tmp_path / "x.aej").read_bytes() == before   # and the same bytes
    again = ("decompress", coder / "run", "x.aej", "--output", "out")
    assert aejax(*again) == 0 and aejax(*again) == 2 and aejax(*again, "--overwrite") == 0
    (tmp_path / "folder").mkdir()
    assert aejax("compress", coder / "run", coder / "pictures", "--output", "folder", "--overwrite") == 2


@pytest.mark.parametrize(("pictures", "message"), [
    ("nowhere", "no such file"), ("empty", "holds no picture"), ("floats.npy", "give uint8"),
    ("broken", "none of its 2 pictures")])
def test_bad_pictures(coder, aejax, tmp_path, capsys, pictures, message):
    (tmp_path / "empty").mkdir()
    (tmp_path / "broken").mkdir()
    for name in "ab":
        (tmp_path / "broken" / f"{name}.png").write_bytes(b"no picture")
    np.save(tmp_path / "floats.npy", np.zeros((2, 8, 8), np.float32))
    assert aejax("compress", coder / "run", pictures) == 2
    assert message in capsys.readouterr().err.splitlines()[-1]
    assert not (tmp_path / "pictures.aej").exists()


@pytest.mark.parametrize("name", ["../../evil.png", "/etc/evil.png", "a\\..\\evil.png"])
def test_a_file_cannot_write_elsewhere(coder, aejax, tmp_path, capsys, name, monkeypatch):
    monkeypatch.setattr(compression.codecs, "read", lambda *_: (
        CompressedFile(False, "0" * 16, (8, 8, 1), 1, bytes(8), b"", (name,)), np.zeros((1, 8, 8, 1), np.uint8)))
    (tmp_path / "x.aej").write_bytes(pack(CompressedFile(False, "0" * 64, (8, 8, 1), 0, bytes(8), b"")))
    assert aejax("decompress", coder / "run", "x.aej", "--output", "out") == 2
    assert "outside the output folder" in capsys.readouterr().err and not (tmp_path / "out").exists()


@pytest.mark.parametrize(("arguments", "message"), [
    (("train", "standard", "--pixel-epochs", 1), "quantised alone"),
    (("train", "quantised", "--pixel-epochs", 0), "from 1 on"),
    (("train", "quantised", "--levels", 8), "together with --pixel-epochs"),
    (("train", "quantised", "--levels", 1, "--pixel-epochs", 1), "from 2 to 256"),
    (("train", "standard", "--step", 1.0), "step does not apply to standard"),
    (("train", "quantised", "--pixel-epochs", 1, "--data", "CELLS"), "for pictures"),
    (("train", "quantised", "--network", "unet"), "leads past the code"),
    (("sweep", "quantised", "--grid", "weight=0.1,0.2", "--pixel-epochs", 1), "does not apply to sweep")])
def test_bad_flags_of_training(made, aejax, capsys, arguments, message):
    assert aejax(*(made / "cells.csv" if a == "CELLS" else a for a in arguments), "--batch-size", 8) == 2
    error = capsys.readouterr().err
    assert message in error and "Traceback" not in error
