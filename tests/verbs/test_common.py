import math
import os

import jax

from aejax.verbs import common


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
