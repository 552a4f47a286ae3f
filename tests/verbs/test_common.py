import dataclasses
import math
import os

import jax
import numpy as np
import pytest

from aejax import runs
from aejax.types import InputError
from aejax.verbs import common


def test_data_of_a_run_are_those_of_its_training_or_the_named_ones(made, noise, tmp_path, caplog):
    run = runs.load(made / "run")
    assert common.data_of(run).digest == run.config["data"]["sha256"]
    np.save(tmp_path / "wide.npy", np.zeros((10, 4, 6), np.uint8))
    with pytest.raises(InputError, match=r"shape \(4, 6, 1\), but .* takes \(8, 8, 1\)"):
        common.data_of(run, data="wide.npy")
    assert common.data_of(run, data=str(made / "pictures"), resize=True).shape == (8, 8, 1)
    assert not caplog.records


def test_a_run_that_does_not_say_what_it_was_trained_on_says_what_to_do(made):
    run = runs.load(made / "run")
    silent = dataclasses.replace(run, config={**run.config, "data": {**run.config["data"], "load": None}})
    for options, words in (({}, "name them with --data"), ({"otherwise": "give up"}, "loaded: give up")):
        with pytest.raises(InputError, match=words):
            common.data_of(silent, **options)
    assert common.data_of(silent, data=run.config["data"]["load"]["source"]).shape == (8, 8, 1)


def test_results_are_replaced_only_if_told_to(tmp_path):
    (tmp_path / "b").touch()
    common.refuse_to_replace([tmp_path / "a"], False)
    common.refuse_to_replace([tmp_path / "a", tmp_path / "b"], True)
    with pytest.raises(InputError, match="b exists: choose another --output, or add --overwrite"):
        common.refuse_to_replace([tmp_path / "a", tmp_path / "b"], False)


def test_compiled_programs_are_kept_in_the_users_cache(tmp_path, monkeypatch):
    kept = jax.config.jax_compilation_cache_dir, jax.config.jax_persistent_cache_min_compile_time_secs
    try:
        jax.config.update("jax_compilation_cache_dir", None)
        common.keep_compiled_programs()
        assert jax.config.jax_compilation_cache_dir == str(tmp_path / "cache" / "aejax" / "xla")
        assert jax.config.jax_persistent_cache_min_compile_time_secs == 0.0
        monkeypatch.setattr(os, "access", lambda *_: False)   # the folder cannot be written
        jax.config.update("jax_compilation_cache_dir", None)
        common.keep_compiled_programs()
        assert jax.config.jax_compilation_cache_dir == str(tmp_path / "cache" / "aejax" / "xla")
        assert jax.config.jax_persistent_cache_min_compile_time_secs == math.inf
        (tmp_path / "file").touch()   # … nor made
        monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
        jax.config.update("jax_compilation_cache_dir", None)
        common.keep_compiled_programs()
        assert jax.config.jax_compilation_cache_dir is None
        jax.config.update("jax_compilation_cache_dir", "elsewhere")
        common.keep_compiled_programs()
        assert jax.config.jax_compilation_cache_dir == "elsewhere"   # JAX was told another place
    finally:
        jax.config.update("jax_compilation_cache_dir", kept[0])
        jax.config.update("jax_persistent_cache_min_compile_time_secs", kept[1])


def test_what_cannot_be_read_is_skipped_unless_it_is_all(tmp_path, caplog):
    paths, skipped = [tmp_path / "7", tmp_path / "x", tmp_path / "8"], []

    def read(path):
        if path.name == "x":
            raise InputError("x is no number")
        return int(path.name)
    assert [*common.readable(paths, read, skipped)] == [(paths[0], 7), (paths[2], 8)] and skipped == [paths[1]]
    assert "skipped: x is no number" in caplog.text
    with pytest.raises(InputError, match="x is no number"):
        next(common.readable(paths[1:2], read, skipped))
