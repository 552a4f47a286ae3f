import numpy as np
import pytest
from PIL import Image

from aejax import runs
from aejax.files import read_picture


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
