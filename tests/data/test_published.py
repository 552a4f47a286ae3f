import logging

import numpy as np
import pytest

from aejax import data
from aejax.data import download, idx, published


def equal(dataset, arrays):
    train, train_labels, test, test_labels = arrays
    np.testing.assert_array_equal(dataset.train, train[..., None])
    np.testing.assert_array_equal(dataset.train_labels, train_labels)
    np.testing.assert_array_equal(dataset.test, test[..., None])
    np.testing.assert_array_equal(dataset.test_labels, test_labels)
    assert dataset.train.dtype == dataset.test.dtype == np.uint8
    assert dataset.train_labels.dtype == dataset.test_labels.dtype == np.int32


@pytest.fixture
def no_preparing_after(monkeypatch):
    def run(first):
        first()
        monkeypatch.setattr(download, "run_builder", None)
    return run


def prepared_home(arrays, name="mnist"):
    return data.cache_dir() / name / idx.digest([idx.sha256(array) for array in arrays])


@pytest.mark.parametrize("name", ["mnist", "fashion_mnist"])
@pytest.mark.parametrize("below", [True, False])
def test_local_files_arrive_unchanged(tmp_path, write_idx, name, below):
    arrays = write_idx(tmp_path / name if below else tmp_path)
    dataset = data.load(name, data_dir=tmp_path)
    equal(dataset, arrays)
    assert dataset.shape == (28, 28, 1) and dataset.range == (0, 1) and len(dataset.label_names) == 10
    assert str(tmp_path) in dataset.source
    # The truth, read back past the quick copy.
    for a, b in zip(arrays, published._read_records(name, prepared_home(arrays, name)), strict=True):
        np.testing.assert_array_equal(a, b)


def test_the_environment_names_the_folder_too(tmp_path, write_idx, monkeypatch):
    arrays = write_idx(tmp_path / "fashion-mnist", packed=False, dots=True)
    monkeypatch.setenv("AEJAX_DATA_DIR", str(tmp_path))
    equal(data.load("fashion_mnist"), arrays)


def test_it_is_prepared_once(tmp_path, write_idx, monkeypatch):
    arrays = write_idx(tmp_path)
    data.load("mnist", data_dir=tmp_path)
    monkeypatch.setattr(download, "run_builder", None)
    equal(data.load("mnist", data_dir=tmp_path), arrays)


def test_changed_files_are_named_and_never_pass_for_the_published_set(tmp_path, write_idx, refused, caplog):
    write_idx(tmp_path)
    with caplog.at_level(logging.INFO, "aejax"):
        (note,) = data.load("mnist", data_dir=tmp_path).notes
    assert "not the published mnist" in note and "t10k-labels-idx1-ubyte.gz" in note and note in caplog.text
    with refused("download", "mnist_mini", "AEJAX_DATA_DIR"):   # the cache has them under another digest
        data.load("mnist")


def test_changed_files_are_prepared_anew(tmp_path, write_idx):
    write_idx(tmp_path)
    data.load("mnist", data_dir=tmp_path)
    arrays = write_idx(tmp_path, tuple(array[::-1].copy() for array in write_idx(tmp_path)))
    equal(data.load("mnist", data_dir=tmp_path), arrays)


def test_files_of_the_other_set_are_refused(tmp_path, write_idx, refused, monkeypatch):
    arrays = write_idx(tmp_path)
    monkeypatch.setitem(published.SHA256, "fashion_mnist", tuple(idx.sha256(array) for array in arrays))
    with refused(tmp_path, "fashion_mnist, not of mnist"):
        data.load("mnist", data_dir=tmp_path)


def test_the_cache_serves_without_a_folder(tmp_path, write_idx, monkeypatch):
    arrays = write_idx(tmp_path)
    monkeypatch.setitem(published.SHA256, "mnist", tuple(idx.sha256(array) for array in arrays))
    assert data.load("mnist", data_dir=tmp_path).notes == ()
    (tmp_path / "empty").mkdir()
    monkeypatch.setattr(download, "run_builder", None)
    for data_dir in (None, tmp_path / "empty"):
        dataset = data.load("mnist", data_dir=data_dir)
        equal(dataset, arrays)
        assert "prepared before" in dataset.source and str(published.place("mnist", data_dir)) in dataset.source


def test_the_package_of_the_system_is_found_and_said(tmp_path, write_idx, monkeypatch):
    arrays = write_idx(tmp_path / "system")
    monkeypatch.setattr(published, "SYSTEM", {"fashion_mnist": tmp_path / "system"})
    assert published.place("fashion_mnist", None) == tmp_path / "system"
    dataset = data.load("fashion_mnist")
    equal(dataset, arrays)
    assert str(tmp_path / "system") in dataset.source


def test_without_any_source_every_place_is_listed(tmp_path, refused):
    (tmp_path / "mnist").mkdir()
    places = (tmp_path / "mnist", f"{tmp_path},", data.cache_dir())
    with refused(*places, "no network in tests", "four IDX files"):
        data.load("mnist", data_dir=tmp_path)
    assert not list(data.cache_dir().glob("**/.tmp-*"))


@pytest.mark.parametrize("damage", [lambda p: p.write_bytes(p.read_bytes()[:-1] + b"\xfe"),
                                    lambda p: p.write_bytes(p.read_bytes()[:200]),
                                    lambda p: p.write_bytes(b""), lambda p: p.unlink()])
def test_a_tampered_quick_copy_is_made_again_from_the_truth(tmp_path, write_idx, no_preparing_after, damage):
    arrays = write_idx(tmp_path)
    no_preparing_after(lambda: data.load("mnist", data_dir=tmp_path))
    copy = prepared_home(arrays) / "test.npy"
    before = copy.read_bytes()
    damage(copy)
    equal(data.load("mnist", data_dir=tmp_path), arrays)
    assert copy.read_bytes() == before


def test_a_quick_copy_with_valid_but_other_content_is_noticed(tmp_path, write_idx, monkeypatch):
    arrays = write_idx(tmp_path)
    monkeypatch.setitem(published.SHA256, "mnist", tuple(idx.sha256(array) for array in arrays))
    data.load("mnist", data_dir=tmp_path)
    np.save(prepared_home(arrays) / "train.npy", 255 - arrays[0])
    equal(data.load("mnist"), arrays)


def test_damage_of_truth_and_copy_leads_to_a_new_preparation(tmp_path, write_idx):
    arrays = write_idx(tmp_path)
    data.load("mnist", data_dir=tmp_path)
    home = prepared_home(arrays)
    (home / "train.npy").unlink()
    (record,) = home.glob("aejax_mnist/1.0.0/*train.array_record*")
    record.write_bytes(record.read_bytes()[:-3000])
    equal(data.load("mnist", data_dir=tmp_path), arrays)
    assert (home / "train.npy").is_file()


def test_truth_of_another_content_is_not_believed(tmp_path, write_idx):
    arrays = write_idx(tmp_path / "a")
    others = write_idx(tmp_path / "b", tuple(array[::-1].copy() for array in arrays))
    for folder in "ab":
        data.load("mnist", data_dir=tmp_path / folder)
    home = prepared_home(arrays)
    (home / "train.npy").unlink()
    for record in home.glob("aejax_mnist/1.0.0/*.array_record*"):
        record.write_bytes((prepared_home(others) / record.relative_to(home)).read_bytes())
    equal(data.load("mnist", data_dir=tmp_path / "a"), arrays)
    for a, b in zip(arrays, published._read_records("mnist", home), strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("where", ["run_builder", "_write_copies"])
def test_an_interrupted_preparation_leaves_nothing_that_is_used(tmp_path, write_idx, monkeypatch, where):
    arrays = write_idx(tmp_path)
    owner = download if where == "run_builder" else published
    whole = getattr(owner, where)

    def interrupted(*args):
        whole(*args)
        raise KeyboardInterrupt
    monkeypatch.setattr(owner, where, interrupted)
    with pytest.raises(KeyboardInterrupt):
        data.load("mnist", data_dir=tmp_path)
    assert not prepared_home(arrays).exists() and not list(prepared_home(arrays).parent.iterdir())
    monkeypatch.setattr(owner, where, whole)
    equal(data.load("mnist", data_dir=tmp_path), arrays)


def test_a_half_folder_of_a_killed_process_is_ignored_and_later_removed(tmp_path, write_idx, monkeypatch):
    arrays = write_idx(tmp_path)
    half = prepared_home(arrays).parent / ".tmp-dead"
    (half / "aejax_mnist").mkdir(parents=True)
    equal(data.load("mnist", data_dir=tmp_path), arrays)
    assert half.is_dir()                        # it might be at work still
    monkeypatch.setattr(published, "STALE", -1)
    published._remove_abandoned(half.parent)
    assert not half.exists()


def test_two_that_prepare_at_once_both_succeed(tmp_path, write_idx, monkeypatch):
    arrays = write_idx(tmp_path)
    home, rename = prepared_home(arrays), published.os.rename

    def slower(source, target):   # the other one arrives first
        other = home.parent / ".tmp-other"
        if target == home and not home.exists():
            published.shutil.copytree(source, other)
            rename(other, target)
        rename(source, target)
    monkeypatch.setattr(published.os, "rename", slower)
    equal(data.load("mnist", data_dir=tmp_path), arrays)
    assert [path.name for path in home.parent.iterdir()] == [home.name]


def test_a_cache_that_cannot_be_written_is_said(tmp_path, write_idx, monkeypatch, refused):
    write_idx(tmp_path / "mnist")
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    with refused(tmp_path / "file", "XDG_CACHE_HOME"):
        data.load("mnist", data_dir=tmp_path)


def test_the_published_mnist(full_sets):
    dataset = data.load("mnist", data_dir=full_sets)
    assert dataset.train.shape == (60000, 28, 28, 1) and dataset.test.shape == (10000, 28, 28, 1)
    assert dataset.notes == () and dataset.train_labels[:4].tolist() == [5, 0, 4, 1]
    assert data.load("mnist").digest == dataset.digest


def test_checksums_of_the_addresses_are_shipped():
    from importlib.resources import files

    from aejax.data.builders import BUILDERS
    lines = files("aejax.data").joinpath("checksums.tsv").read_text().splitlines()
    known = {line.split("\t")[0] for line in lines}
    assert known == {f"{builder.URL}{name}.gz" for builder in BUILDERS.values() for name in idx.FILES}
