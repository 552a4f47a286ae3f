import json

import numpy as np


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
    assert capsys.readouterr().out.splitlines()[-1] == str(tmp_path / "data-check.png")
    bad = np.zeros((9, 4, 4), np.float32)
    bad[3, 0, 0] = np.nan
    np.save(tmp_path / "bad.npy", bad)
    assert aejax("data", "check", "bad.npy") == 0
    assert "no grid of samples: " in capsys.readouterr().out.splitlines()[-1]
