import logging
import subprocess
import sys

import numpy as np
import pytest

from aejax import data


def test_names_with_a_slip_are_helped(refused):
    with refused("unknown data set 'mnits'", "did you mean 'mnist'?", "fashion_mnist", "give a path"):
        data.load("mnits")
    with refused("unknown data set 'qqqq'; known: mnist_mini"):
        data.load("qqqq")


@pytest.mark.parametrize("source", ["no/such", "./none", "~/none", "none.npz", "none.CSV", "/none"])
def test_paths_that_are_not_there(refused, source):
    with refused(source, "no such file or folder"):
        data.load(source)


def test_other_files_are_refused(tmp_path, refused):
    (tmp_path / "x.txt").write_text("1")
    with refused(tmp_path / "x.txt", ".npy", ".csv"):
        data.load(tmp_path / "x.txt")


def test_a_name_wins_over_a_folder_of_that_name(tmp_path, monkeypatch, refused):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mnist_mini").mkdir()
    assert data.load("mnist_mini").train.shape == (10000, 28, 28, 1)
    with refused("no pictures"):
        data.load("./mnist_mini")


def test_source_and_notes_are_logged(tmp_path, caplog):
    np.save(tmp_path / "x.npy", np.zeros((10, 3, 3), bool))
    with caplog.at_level(logging.INFO, "aejax"):
        dataset = data.load(tmp_path / "x.npy")
    assert len(dataset.notes) == 2
    for text in (dataset.source, *dataset.notes):
        assert text in caplog.text


def test_images_are_resized_on_request():
    full, small = data.load(), data.load(size=14)
    assert small.train.shape == (10000, 14, 14, 1) and small.train.dtype == np.uint8
    # a sharp filter rings below black, where uint8 ends: a little brighter
    assert abs(small.train.mean() - full.train.mean()) < 2
    assert "resized from 28x28 to 14x14" in small.notes
    same = data.load(size=(28, 28))
    assert same.digest == full.digest and same.notes == ()
    np.testing.assert_array_equal(small.train_labels, full.train_labels)


@pytest.mark.parametrize("size", [0, -3, (3,), (3, 4, 5), (2.5, 3), 10**6])
def test_unfit_sizes_are_refused(refused, size):
    with refused("size", "whole numbers"):
        data.load(size=size)


def test_options_that_do_not_apply_are_refused(tmp_path, refused):
    with refused("label column", "no table"):
        data.load(label_column="x")
    np.save(tmp_path / "x.npy", np.zeros((10, 3, 3), np.float32))
    with refused(tmp_path / "x.npy", "only uint8 images are resized"):
        data.load(tmp_path / "x.npy", size=2)
    (tmp_path / "x.csv").write_text("a\n1\n2\n")
    with refused(tmp_path / "x.csv", "only uint8 images are resized"):
        data.load(tmp_path / "x.csv", size=2)


def test_data_itself_imports_nothing_heavy():
    code = """
import sys
import aejax.files
before = set(sys.modules)
import aejax.data
aejax.data.load()
heavy = {'jax', 'tensorflow', 'tensorflow_datasets', 'pyarrow', 'PIL', 'matplotlib'}
print(sorted(heavy & (set(sys.modules) - before)))
"""
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"
