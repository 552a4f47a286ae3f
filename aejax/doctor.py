"""What this machine and this installation are, and whether a training step computes here what it should."""

import functools
import os
import platform
import re
import sys
import warnings
from collections.abc import Callable, Mapping
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax

import aejax
from aejax import corruptions, networks, variants
from aejax.data import cache_dir, places, prepared, published
from aejax.train.memory import machine_bytes
from aejax.train.step import init_state, train_step
from aejax.types import InputError, Params

PACKAGES = ("jax", "jaxlib", "flax", "optax", "numpy", "orbax-checkpoint", "tensorflow-datasets", "grain")
VARIABLES = ("XLA_FLAGS", "JAX_PLATFORMS", "JAX_ENABLE_X64", "JAX_DEFAULT_MATMUL_PRECISION",
             "JAX_COMPILATION_CACHE_DIR", "CUDA_VISIBLE_DEVICES", "XLA_PYTHON_CLIENT_PREALLOCATE",
             "XLA_PYTHON_CLIENT_MEM_FRACTION", "OMP_NUM_THREADS", "AEJAX_DATA_DIR", "TFDS_DATA_DIR", "XDG_CACHE_HOME")
TOLERANCE = 1e-5   # of a parameter after the self-test's step; the step moves some by more than 0.01
__all__ = ["PACKAGES", "TOLERANCE", "compile_cache", "examine", "extras", "self_test"]


def examine() -> dict[str, Any]:
    """Everything that `aejax doctor` prints, in JSON: one entry a subject, and "failed", the checks that did.

    A folder that cannot be read, a package that is missing, a machine that counts no memory: each is a finding, and no
    error.
    """
    try:
        devices = _one_of_each_kind()
        found = {"devices": [_device(*entry) for entry in devices.items()], "compile_cache": compile_cache(),
                 "self_test": [self_test(device) for device, _ in devices.values()]}
        failed = [f"self-test on {test['device']}: {test['finding']}" for test in found["self_test"] if not test["ok"]]
    except (RuntimeError, AssertionError) as error:   # of a backend that does not start
        found = {"devices": [], "compile_cache": None, "self_test": []}
        failed = [f"JAX starts on no device ({error or 'it gives no reason'}): look at JAX_PLATFORMS and the drivers"]
    precision = jax.config.jax_default_matmul_precision
    return {
        "versions": {"aejax": aejax.__version__, "python": platform.python_version(),
                     **{name: _version(name) for name in PACKAGES}},
        "extras": extras(),
        "machine": {"system": platform.platform(), "processor": platform.machine(), "cores": _cores(),
                    "free_memory": _or_none(machine_bytes)},
        "numbers": {"float": str(jnp.result_type(float)), "matmul_precision": precision or "default", "x64":
                    bool(jax.config.jax_enable_x64), "random_bits": str(jax.config.jax_default_prng_impl)},
        "environment": {name: os.environ[name] for name in VARIABLES if name in os.environ},
        "data": data_sets(), **found, "failed": failed}


def self_test(device: jax.Device) -> dict[str, Any]:
    """One step of SGD of a denoising autoencoder, 64→8→64, on `device`, against the same in float64 by hand.

    Matrix products in the device's highest precision must agree to `TOLERANCE`; how far those in its default precision
    are off (GPUs and TPUs round their factors) is told too.
    """
    test = {"device": f"{device.platform} ({device.device_kind})", "tolerance": TOLERANCE, "ok": False}
    try:
        start, reference, step = _step_of_a_small_network(device)
        with jax.default_matmul_precision("highest"):
            test["difference"] = _difference(step(), reference)
        test["default_precision_difference"] = _difference(step(), reference)
    except Exception as error:   # whatever a driver or a compiler throws: it is what was asked for
        return {**test, "finding": f"{type(error).__name__}: {error}"}
    moved = _difference(start, reference)
    test["ok"] = bool(test["difference"] <= TOLERANCE)   # not where it is NaN
    off = "as it should" if test["ok"] else f"differs by more than {TOLERANCE:g}"
    return {**test, "finding": f"a step moves parameters by up to {moved:.2g} and differs from float64 by "
            f"{test['difference']:.1e} ({off}; {test['default_precision_difference']:.1e} in default precision)"}


def compile_cache() -> dict[str, Any]:
    """Where compiled programs are kept between processes, how many, and whether they are found again: tried out."""
    folder = jax.config.jax_compilation_cache_dir
    if folder is None or not jax.config.jax_enable_compilation_cache:
        return {"folder": folder, "hits": False, "reason": "JAX was told no folder, or one that cannot be made"}
    hits, said = _compile_twice()
    sizes = [_or_none(path.stat) for path in Path(folder).glob("*-cache")]
    found = {"folder": folder, "entries": len(sizes), "bytes": sum(stat.st_size for stat in sizes if stat),
             "writable": os.access(folder, os.W_OK), "hits": hits[1] > 0}
    least = jax.config.jax_persistent_cache_min_compile_time_secs
    if not found["hits"]:
        found["reason"] = said or (f"programs that compile in less than {least:g} s are not kept" if least else
                                   "a program compiled twice was not found the second time")
    return found


def _compile_twice() -> tuple[list[int], str | None]:
    """The hits that JAX counts as one small program is compiled, and then once more; and the first warning."""
    hits = []

    def listen(event: str, **details: Any) -> None:
        hits[-1] += event == "/jax/compilation_cache/cache_hits"
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        jax.monitoring.register_event_listener(listen)
        try:
            for _ in range(2):
                def probe(x):   # another object each time: JAX finds nothing in memory
                    return jnp.cumsum(jnp.sin(x) * 3.0)
                hits.append(0)
                jax.block_until_ready(jax.jit(probe)(np.ones(8, np.float32)))
        finally:
            jax.monitoring.unregister_event_listener(listen)
    return hits, str(said[0].message) if said else None


def data_sets() -> dict[str, str]:
    """Where the known data sets lie, by name; those that prepared folders hold besides."""
    found = {"mnist_mini": "comes with aejax"}
    try:
        for name in published.SHA256:
            place = published.place(name, None)
            found[name] = "not here: downloaded when asked for" if place is None else str(place)
        folders = places.prepared_folders(None)
        for name in prepared.available(folders):
            found.setdefault(name, str(prepared.find(name, folders)))
    except (InputError, OSError) as error:   # AEJAX_DATA_DIR is no folder, or cannot be read
        found["AEJAX_DATA_DIR"] = str(error)
    return found | {"prepared sets go to": str(cache_dir())}


def extras() -> dict[str, list[str] | None]:
    """The optional extras, each with the packages of it that are missing; {} where aejax is not installed."""
    found: dict[str, list[str]] = {}
    for requirement in _or_none(lambda: requires("aejax")) or []:
        name, extra = re.match(r"[\w.-]+", requirement), re.search(r"extra\s*==\s*[\"']([\w.-]+)", requirement)
        if extra:
            found.setdefault(extra[1], [])
            if _version(name[0]) is None:
                found[extra[1]].append(name[0])
    return found


def _one_of_each_kind() -> dict[tuple[str, str], tuple[jax.Device, int]]:
    """{(platform, kind): (one device, how many)}, the CPU among them."""
    devices = list(jax.local_devices())
    if all(device.platform != "cpu" for device in devices):
        devices += _or_none(lambda: jax.local_devices(backend="cpu")) or []
    kinds: dict[tuple[str, str], list[jax.Device]] = {}
    for device in devices:
        kinds.setdefault((device.platform, device.device_kind), []).append(device)
    return {kind: (members[0], len(members)) for kind, members in kinds.items()}


def _device(kind: tuple[str, str], found: tuple[jax.Device, int]) -> dict[str, Any]:
    device, count = found
    stats = _or_none(device.memory_stats) or {}
    return {"platform": kind[0], "kind": kind[1], "count": count, "default": device == jax.local_devices()[0],
            "memory": stats.get("bytes_limit"), "memory_in_use": stats.get("bytes_in_use")}


def _step_of_a_small_network(device: jax.Device) -> tuple[Params, Params, Callable[[], Params]]:
    """Parameters before the step, after it by hand, and the step on `device` as a call."""
    x = np.random.default_rng(0).random((16, 64), np.float32)
    home = (_or_none(lambda: jax.local_devices(backend="cpu")) or [device])[0]   # draws what both sides share
    mask = corruptions.masking_noise(0.5)

    def corruption(key: jax.Array, x: jax.Array) -> jax.Array:
        return mask(jax.random.key(1), x)   # always the same, so that the reference can have it
    ae = variants.denoising(networks.Dense(shape=(64,), code_dim=8), corruption=corruption)
    optimizer = optax.sgd(1.0)
    with jax.default_device(home):
        state = jax.device_get(init_state(ae, optimizer, jax.random.key(0), x))
        corrupted = np.asarray(corruption(jax.random.key(0), jnp.asarray(x)))

    def step() -> Params:
        with jax.default_device(device):
            placed = jax.device_put((state, x), device)
            one = jax.jit(functools.partial(train_step, ae, optimizer))
            return jax.device_get(one(placed[0], jax.random.key(0), placed[1])[0].params)
    return state.params, _by_hand(state.params, x, corrupted), step


def _by_hand(params: Mapping[str, np.ndarray], x: np.ndarray, corrupted: np.ndarray) -> Params:
    """w − ∂/∂w mean ½‖x − σ(tanh(x̃ W + b) V + c)‖² in float64."""
    w, b, v, c = (np.asarray(params[name], np.float64) for name in
                  ("encoder_kernel_0", "encoder_bias_0", "decoder_kernel_0", "decoder_bias_0"))
    h = np.tanh(corrupted @ w + b)
    output = 1 / (1 + np.exp(-(h @ v + c)))
    at_output = (output - x) * output * (1 - output) / len(x)
    at_code = at_output @ v.T * (1 - h**2)
    return {"encoder_kernel_0": w - corrupted.T @ at_code, "encoder_bias_0": b - at_code.sum(0),
            "decoder_kernel_0": v - h.T @ at_output, "decoder_bias_0": c - at_output.sum(0)}


def _difference(found: Params, reference: Params) -> float:
    return float(max(np.abs(found[name] - reference[name]).max() for name in reference))


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _cores() -> int | None:
    return len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count()


def _or_none(ask: Callable[[], Any]) -> Any:
    """What `ask` finds; None where this system cannot say."""
    try:
        return ask()
    except (OSError, AttributeError, ValueError, RuntimeError, NotImplementedError, PackageNotFoundError):
        return None
