import json
import shlex

import numpy as np
import pyarrow
import pytest
from PIL import Image
from pyarrow import csv, parquet


def test_data_check(aejax, made, tmp_path, capsys, is_png):
    assert aejax("data", "check", made / "noise.npy", "--json", "--output", "grid.png") == 0
    first, last = capsys.readouterr().out.splitlines()
    assert json.loads(first)["examples"]["train"] == 40 and last == str(tmp_path / "grid.png")
    assert is_png(tmp_path / "grid.png")
    assert aejax("data", "check", made / "noise.npy", "--output", "grid") == 0 and is_png(tmp_path / "grid")
    capsys.readouterr()
    assert aejax("data", "check", made / "cells.csv") == 0
    assert "kind                 table" in capsys.readouterr().out


def test_data_check_counts_unequal_pictures(aejax, made, tmp_path, capsys, mixed_pictures):
    mixed_pictures()
    assert aejax("data", "check", "mixed", "--json") == 0
    assert json.loads(capsys.readouterr().out)["sizes"] == {"8x8": 1, "4x6": 1}
    assert aejax("data", "check", "mixed", "--json", "--size", "5x7") == 0
    assert json.loads(capsys.readouterr().out)["shape"] == [5, 7, 1]


def test_data_check_draws_a_grid_and_says_why_not(aejax, made, tmp_path, capsys):
    assert aejax("data", "check", made / "noise.npy") == 0
    assert capsys.readouterr().out.splitlines()[-2:] == [
        str(tmp_path / "data-check.png"), f"next: aejax train denoising --data {made / 'noise.npy'}"]
    bad = np.zeros((9, 4, 4), np.float32)
    bad[3, 0, 0] = np.nan
    np.save(tmp_path / "bad.npy", bad)
    assert aejax("data", "check", "bad.npy") == 0
    *_, grid, following = capsys.readouterr().out.splitlines()
    assert grid.startswith("no grid of samples: ") and following.startswith("next: mend ")


def lines_of(capsys):
    return capsys.readouterr().out.splitlines()


def followed(line):
    """The command of a line that says what to type next."""
    assert line.startswith("next: aejax ")
    return shlex.split(line)[2:]


def test_pictures_of_unequal_sizes_get_a_grid_and_commands_that_work(aejax, tmp_path, capsys):
    (tmp_path / "my photos").mkdir()
    for i, shape in enumerate([(16, 12)] * 12 + [(12, 20)] * 3):
        Image.fromarray(np.full(shape, 10 * i + 5, np.uint8)).save(tmp_path / "my photos" / f"{i}.png")
    assert aejax("data", "check", "my photos") == 0
    out = lines_of(capsys)
    mean = (12 * 192 * 60 + 3 * 240 * 135) / (12 * 192 + 3 * 240)
    assert "sizes                16x12 12, 12x20 3" in out
    assert f"range                min 5, max 145, mean {mean:.6g}" in out
    assert any(line.startswith("warning: 2 different sizes: ") for line in out)
    assert out[-4] == str(tmp_path / "data-check.png")
    patches, whole, check = map(followed, out[-3:])
    assert check == ["data", "check", "my photos", "--size=16x12"] and aejax(*check) == 0
    assert {"--network=unet", "--patches=12x12"} < set(patches) and whole[-1] == "--size=16x12"
    for command in ([*patches, "--channels", "2,4"], [*whole, "--code-dim", 2]):
        assert aejax(*command, "--epochs", 1, "--batch-size", 4, "--output", "run", "--overwrite") == 0


def test_many_sizes_are_summed_up_and_none_of_them_is_proposed(aejax, tmp_path, capsys):
    (tmp_path / "photos").mkdir()
    for i in range(9):
        Image.fromarray(np.full((70 + i, 99 - i), 9 * i, np.uint8)).save(tmp_path / "photos" / f"{i}.png")
    assert aejax("data", "check", "photos") == 0
    out = lines_of(capsys)
    assert "sizes                9 different, height 70 to 78, width 91 to 99" in out
    assert out[-1] == "next: aejax data check photos --size=64x64" and "--patches=64x64" in out[-3]


def test_what_is_sound_can_be_trained_on_by_the_command_that_is_named(aejax, made, capsys):
    assert aejax("data", "check", made / "cells.csv") == 0
    out = lines_of(capsys)
    assert {"shape                3", "missing              nan 0, inf 0", "classes              -"} <= set(out)
    assert aejax(*followed(out[-1]), "--epochs", 1, "--batch-size", 8) == 0
    capsys.readouterr()
    assert aejax("data", "check", made / "noise.npy", "--json") == 0
    assert json.loads(capsys.readouterr().out)["next"] == [f"aejax train denoising --data {made / 'noise.npy'}"]


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_a_table_with_missing_values(aejax, tmp_path, capsys, kind):
    table = pyarrow.table({"a": [*map(float, range(22)), None], "b": [*map(float, range(5, 27)), 1.0],
                           "kind": ["x"] * 22 + ["y"]})
    write = {"csv": csv.write_csv, "parquet": parquet.write_table}[kind]
    write(table, tmp_path / f"t.{kind}")
    assert aejax("data", "check", f"t.{kind}", "--label-column", "kind") == 0
    out = "\n".join(lines_of(capsys))
    for part in ("kind                 table", "missing              nan 1, inf 0",
                 "classes              train: x 22, y 1",
                 "warning: columns with missing or infinite values: a; aejax.estimators.Imputer", "row 23, column 'a'",
                 "next: mend what the warnings name"):
        assert part in out
    assert not (tmp_path / "data-check.png").exists()
    assert aejax("data", "check", f"t.{kind}", "--label-column", "kind", "--output", "grid.png") == 2
    assert "no images" in capsys.readouterr().err and not (tmp_path / "grid.png").exists()
