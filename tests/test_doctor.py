"""What `aejax doctor` finds out; `tests/verbs/test_machine.py` has what it prints."""

import importlib.metadata
import json

import jax
import numpy as np
import pytest

from aejax import doctor
from aejax.data import published


@pytest.fixture
def cache(monkeypatch):
    """Sets the folder of JAX's compile cache as a new process would find it; the suite's own comes back."""
    from jax.experimental.compilation_cache import compilation_cache
    names = "jax_compilation_cache_dir", "jax_persistent_cache_min_compile_time_secs"
    kept = {name: getattr(jax.config, name) for name in names}

    def point(folder, least=0.0):
        compilation_cache.reset_cache()
        for name, value in zip(names, (folder and str(folder), least), strict=True):
            jax.config.update(name, value)
    yield point
    point(kept[names[0]], kept[names[1]])


def test_the_step_by_hand_agrees_and_is_a_real_step():
    test = doctor.self_test(jax.devices()[0])
    assert test["ok"] and 0 < test["difference"] < 1e-6
    start, reference, _ = doctor._step_of_a_small_network(jax.devices()[0])
    for name, before in start.items():   # every parameter moves by far more than the tolerance
        assert np.abs(before - reference[name]).max() > 100 * doctor.TOLERANCE, name


@pytest.mark.parametrize("factor", [1.01, np.nan])
def test_a_wrong_step_is_found(monkeypatch, factor):
    """As of a device whose products are a hundredth off."""
    from aejax.train import step
    monkeypatch.setattr(doctor, "train_step", lambda ae, *rest: step.train_step(
        ae._replace(loss=lambda params, key, x: jax.tree.map(lambda value: value * factor, ae.loss(params, key, x))),
        *rest))
    test = doctor.self_test(jax.devices()[0])
    assert not test["ok"] and ("differs by more than 1e-05" in test["finding"])


def test_a_step_that_throws_is_a_finding(monkeypatch):
    def fails(*_):
        raise RuntimeError("out of order")
    monkeypatch.setattr(doctor, "train_step", fails)
    found = doctor.examine()
    assert found["failed"] == ["self-test on cpu (cpu): RuntimeError: out of order"]


def test_no_device_is_a_finding(monkeypatch):
    def fails(*_, **__):
        raise RuntimeError("Unable to initialize backend 'cuda'")
    monkeypatch.setattr(jax, "local_devices", fails)
    found = doctor.examine()
    assert found["devices"] == [] and "Unable to initialize backend" in found["failed"][0]


def test_the_cache_hits_where_it_can_be_written(cache, tmp_path):
    cache(tmp_path / "programs")
    found = doctor.compile_cache()
    assert found["hits"] and found["writable"] and found["entries"] == 1 and found["bytes"] > 100
    assert doctor.compile_cache()["entries"] == 1


def test_a_cache_that_does_not_work_says_why(cache, tmp_path):
    (tmp_path / "file").touch()
    cache(tmp_path / "file" / "programs")
    found = doctor.compile_cache()
    assert not found["hits"] and not found["writable"] and "Not a directory" in found["reason"]
    cache(tmp_path / "programs", least=1e6)
    assert "less than 1e+06 s are not kept" in doctor.compile_cache()["reason"]
    cache(None)
    assert doctor.compile_cache()["hits"] is False


def test_everything_is_json_and_a_machine_without_proc_is_one_too(monkeypatch):
    def fails():
        raise AttributeError("module 'os' has no attribute 'sysconf'")
    monkeypatch.setattr(doctor, "machine_bytes", fails)
    found = json.loads(json.dumps(doctor.examine(), allow_nan=False))
    assert found["machine"]["free_memory"] is None and found["failed"] == []
    assert found["versions"]["jax"] == jax.__version__ and found["devices"][0]["platform"] == "cpu"


def test_extras(monkeypatch):
    monkeypatch.setattr(doctor, "requires", lambda _: [
        "jax>=0.10,<0.13", "pytest>=8; extra == 'dev'", 'no-such_package==1 ; extra == "bench"'])
    assert doctor.extras() == {"dev": [], "bench": ["no-such_package"]}

    def fails(_):
        raise importlib.metadata.PackageNotFoundError
    monkeypatch.setattr(doctor, "requires", fails)
    assert doctor.extras() == {}


def test_data_sets(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(published, "SYSTEM", {})
    monkeypatch.setenv("AEJAX_DATA_DIR", str(tmp_path))
    version = tmp_path / "birds" / "1.0.0"
    version.mkdir(parents=True)
    (version / "dataset_info.json").write_text("{}")
    (tmp_path / "mnist").mkdir()
    for file in published.idx.FILES:
        (tmp_path / "mnist" / f"{file}.gz").touch()
    found = doctor.data_sets()
    assert found["mnist"] == str(tmp_path / "mnist") and found["birds"] == str(version)
    assert "not here" in found["fashion_mnist"]
    monkeypatch.setenv("AEJAX_DATA_DIR", str(tmp_path / "nowhere"))
    assert "no such folder" in doctor.data_sets()["AEJAX_DATA_DIR"]
