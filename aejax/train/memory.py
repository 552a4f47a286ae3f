"""How many bytes a compiled program needs, how many there are, and how to split work that needs more."""

import logging
import os
import re
from collections.abc import Callable
from pathlib import Path

import jax

logger = logging.getLogger("aejax")


def program_bytes(compiled: jax.stages.Compiled) -> int:
    """Bytes that a compiled program holds at once: arguments + results − those that share a buffer + temporaries.

    0 where the backend does not say.

    >>> import jax.numpy as jnp
    >>> program_bytes(jax.jit(lambda x: x + 1).lower(jnp.zeros(100, jnp.float32)).compile()) >= 800
    True
    """
    found = compiled.memory_analysis()
    if found is None:
        return 0
    return (found.argument_size_in_bytes + found.output_size_in_bytes - found.alias_size_in_bytes
            + found.temp_size_in_bytes)


def available_bytes() -> int:
    """Bytes that are free: the device's own where it counts them, else the machine's (on Linux, MemAvailable).

    >>> available_bytes() > 0
    True
    """
    counted = jax.local_devices()[0].memory_stats()
    if counted and "bytes_limit" in counted:
        return counted["bytes_limit"] - counted["bytes_in_use"]
    return machine_bytes()


def machine_bytes() -> int:
    """Bytes of memory that are free on this machine: on Linux MemAvailable, elsewhere half of what is built in.

    >>> machine_bytes() > 0
    True
    """
    try:
        return 1024 * int(re.search(r"MemAvailable:\s*(\d+) kB", Path("/proc/meminfo").read_text())[1])
    except (OSError, TypeError):   # no such file, or no such line
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2


def fewest_parts(count: int, limit: int, predict: Callable[[int], int]) -> int:
    """The least number of equal parts of `count` models, each of which needs at most `limit` bytes.

    Bytes are a + b·models, a of what the models share: the line through the prediction for one and for all of them.
    Where one model alone needs more than the limit the parts are single models, and a warning says so.

    Args:
      count: at least 1.
      limit: bytes.
      predict: number of models in one program -> bytes. Each call may compile.

    >>> fewest_parts(16, 1000, lambda models: 100 + 200 * models)
    4
    """
    whole = predict(count)
    if whole <= limit:
        return 1
    one = predict(1) if count > 1 else whole
    if one > limit:
        logger.warning("one model alone needs %.3g MB, the limit is %.3g MB: models are trained one by one",
                       one / 1e6, limit / 1e6)
        return count
    each = max((whole - one) / (count - 1), 1.0)
    size = 1 + int((limit - one) / each)
    parts = -(-count // min(size, count - 1))
    while parts < count and predict(-(-count // parts)) > limit:   # where the line was not straight
        parts += 1
    return parts
