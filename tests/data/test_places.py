from pathlib import Path

import pytest

from aejax import data
from aejax.data import places


def test_the_cache_is_the_users(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert data.cache_dir() == tmp_path / "aejax"
    for unset in ("", "relative/path"):
        monkeypatch.setenv("XDG_CACHE_HOME", unset)
        assert data.cache_dir() == Path.home() / ".cache" / "aejax"


def test_an_argument_wins_over_the_environment(monkeypatch, tmp_path):
    assert places.data_folder(None) is None
    monkeypatch.setenv("AEJAX_DATA_DIR", str(tmp_path / "absent"))
    assert places.data_folder(tmp_path) == tmp_path


@pytest.mark.parametrize("name", ["mnist", "cifar10"])
def test_a_folder_that_is_not_there_is_refused(monkeypatch, tmp_path, refused, name):
    with refused("--data-dir", tmp_path / "absent", "no such folder"):
        data.load(name, data_dir=tmp_path / "absent")
    monkeypatch.setenv("AEJAX_DATA_DIR", str(tmp_path / "gone"))
    with refused("AEJAX_DATA_DIR", tmp_path / "gone"):
        data.load(name)


def test_prepared_sets_are_looked_for_in_order(monkeypatch, tmp_path):
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path / "tfds"))
    (tmp_path / "mine").mkdir()
    assert places.prepared_folders(tmp_path / "mine") == [
        tmp_path / "mine", tmp_path / "tfds", Path.home() / "tensorflow_datasets", data.cache_dir()]
