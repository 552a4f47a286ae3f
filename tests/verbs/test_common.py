import jax

from aejax.verbs import common


def test_compiled_programs_are_kept_in_the_users_cache(tmp_path):
    kept = jax.config.jax_compilation_cache_dir, jax.config.jax_persistent_cache_min_compile_time_secs
    try:
        jax.config.update("jax_compilation_cache_dir", None)
        common.keep_compiled_programs()
        assert jax.config.jax_compilation_cache_dir == str(tmp_path / "cache" / "aejax" / "xla")
        jax.config.update("jax_compilation_cache_dir", "elsewhere")
        common.keep_compiled_programs()
        assert jax.config.jax_compilation_cache_dir == "elsewhere"   # JAX was told another place
    finally:
        jax.config.update("jax_compilation_cache_dir", kept[0])
        jax.config.update("jax_persistent_cache_min_compile_time_secs", kept[1])
