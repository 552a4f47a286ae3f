"""Orbax behind one door: arrays and JSON whole, errors of the system as such, and silence."""

import contextlib
import logging
import sys
import types

import ml_dtypes
import numpy as np
import pytest

from aejax.train.storage import Storage, _Late, about, storage_errors

ARRAYS = {"['w/x.y']": np.arange(6.0).reshape(2, 3), ".half": np.ones(3, ml_dtypes.bfloat16),
          "[0]": np.array(7, np.int32), "empty": np.zeros((0, 2), np.float32)}


def test_arrays_and_json_come_back(tmp_path, caplog):
    caplog.set_level(logging.DEBUG)
    description = {"history": [0.1 + 0.2, float("inf")], "name": "ü", "nothing": None}
    with contextlib.closing(Storage()) as storage:
        storage.write(tmp_path / "1", ARRAYS, description)
        back = storage.read(tmp_path / "1", {name: np.empty_like(array) for name, array in ARRAYS.items()})
    assert about(tmp_path / "1") == description
    assert list(back) == list(ARRAYS)
    for name, array in ARRAYS.items():
        assert back[name].dtype == array.dtype and back[name].tobytes() == array.tobytes(), name
    assert not [record for record in caplog.records if record.name == "absl"]


def test_only_errors_of_the_system_are_translated():
    with pytest.raises(OSError, match="No space left on device") as error, storage_errors():
        raise ValueError("RESOURCE_EXHAUSTED: [os_error_code='28']")
    assert error.value.errno == 28
    for kind in (PermissionError, ValueError):
        with pytest.raises(kind, match="^mine$"), storage_errors():
            raise kind("mine")


def test_late_errors_of_a_failed_write_are_silent_and_no_others(monkeypatch):
    with contextlib.closing(Storage()):
        pass
    passed = []
    monkeypatch.setattr(_Late, "former", passed.append)
    for error in (RuntimeError("Event loop is closed"), RuntimeError("mine"), ValueError("Event loop is closed")):
        sys.unraisablehook(types.SimpleNamespace(exc_value=error))
    assert [str(unraisable.exc_value) for unraisable in passed] == ["mine", "Event loop is closed"]
