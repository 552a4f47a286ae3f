"""Strict flags and shared fixtures of all tests."""

import gc
import logging
import os

# Compiling takes most of the suite's time, running next to none: ask LLVM for less, and XLA for its plain emitters and
# one module, which halves the rest. Before JAX starts its backend; processes that tests start inherit it.
os.environ.setdefault("XLA_FLAGS", " ".join((
    "--xla_backend_optimization_level=0", "--xla_llvm_disable_expensive_passes=true",
    "--xla_cpu_use_fusion_emitters=false", "--xla_cpu_parallel_codegen_split_count=1")))

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from aejax import networks

jax.config.update("jax_numpy_rank_promotion", "raise")


@pytest.fixture(autouse=True)
def _logger_as_imported():
    """The command line sets the logger up for its process; fixtures that outlive a test would leave it so."""
    logger = logging.getLogger("aejax")
    logger.handlers, logger.propagate = [], True
    logger.setLevel(logging.NOTSET)


@pytest.fixture(scope="session", autouse=True)
def _compiled_programs(pytestconfig):
    """Keeps compiled programs between runs of the suite, for each of its processes: JAX writes entries in place."""
    gc.freeze()   # what is imported and collected stays: tracing makes so much that it would be looked through often
    own = os.environ.get("PYTEST_XDIST_WORKER", "")
    jax.config.update("jax_compilation_cache_dir", str(pytestconfig.cache.mkdir(f"xla{own}")))
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)


@pytest.fixture(autouse=True)
def _fresh_trace_counter():
    chex.clear_trace_counter()


@pytest.fixture(scope="session")
def images() -> np.ndarray:
    """64 small grey pictures, uint8 (64, 6, 5, 1): bright bars, so that there is something to learn."""
    rng = np.random.default_rng(0)
    x = np.zeros((64, 6, 5, 1), np.uint8)
    for i, row in enumerate(rng.integers(0, 6, 64)):
        x[i, row] = rng.integers(100, 256)
    return x


@pytest.fixture(scope="session")
def dense() -> networks.Dense:
    """A small dense network for `images`."""
    return networks.Dense(shape=(6, 5, 1), code_dim=4)


@pytest.fixture(scope="session")
def unit(images) -> jax.Array:
    """`images` on the [0, 1] scale."""
    return jnp.asarray(images, jnp.float32) / 255
