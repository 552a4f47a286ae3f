"""Programs in processes of their own, with virtual CPU devices; compiled programs are kept as the suite keeps them."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import jax
import pytest

HERE = Path(__file__).parent


@pytest.fixture(scope="session")
def start():
    """Starts Python with so many virtual devices; what still runs at the end is ended."""
    started = []

    def start(*arguments, devices=8, cwd=None, **environment):
        flags = f"{os.environ['XLA_FLAGS']} --xla_force_host_platform_device_count={devices}"
        paths = f"{HERE.parent.parent}{os.pathsep}{os.environ.get('PYTHONPATH', '')}"
        environment = {**os.environ, "JAX_PLATFORMS": "cpu", "XLA_FLAGS": flags, "PYTHONPATH": paths,
                       "JAX_COMPILATION_CACHE_DIR": jax.config.jax_compilation_cache_dir,
                       "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0", **environment}
        started.append(subprocess.Popen([sys.executable, *map(str, arguments)], cwd=cwd, env=environment, text=True,
                                        stdout=subprocess.PIPE, stderr=subprocess.PIPE))
        return started[-1]
    yield start
    for process in started:
        if process.poll() is None:
            process.kill()
        process.communicate()


@pytest.fixture(scope="session")
def finish():
    """Waits for processes and returns their output and errors; by default they must succeed."""
    def finish(*processes, code=0):
        ends = [process.communicate(timeout=600) for process in processes]
        for process, (out, error) in zip(processes, ends, strict=True):
            assert process.returncode == code, out[-2000:] + error[-4000:]
        return ends
    return finish


@pytest.fixture
def port():
    """A free port of this machine."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
