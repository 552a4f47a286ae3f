"""Which devices train, and what batches they can share."""

from collections.abc import Sequence
from typing import Any

import jax
import numpy as np

from aejax.types import InputError

Devices = str | int | Sequence[jax.Device] | None


def check_batch(batch_size: int, parts: int) -> None:
    """Refuses a batch that `parts` devices do not divide, with the nearest that they do.

    >>> check_batch(100, 8)
    Traceback (most recent call last):
    aejax.errors.InputError: batch_size 100 is no multiple of 8 devices: 96 or 104
    """
    if batch_size % parts:
        nearest = [size for size in (batch_size // parts * parts, (batch_size // parts + 1) * parts) if size]
        raise InputError(f"batch_size {batch_size} is no multiple of {parts} devices: {' or '.join(map(str, nearest))}")


def choose(devices: Any) -> tuple[jax.Device, ...] | None:
    """The devices, sorted by process, equally many of each; None where none were named. `devices` is looked at here.

    Raises:
      InputError: devices that are not there, twice the same, or more of one process than of another.

    >>> choose(1) == tuple(jax.devices()[:1])
    True
    """
    if devices is None:
        return None
    there = sorted(jax.devices(), key=lambda device: (device.process_index, device.id))
    processes = jax.process_count()
    if devices == "all":
        chosen = there
    elif isinstance(devices, (int, np.integer)) and not isinstance(devices, bool):
        if not 1 <= devices <= len(there) or devices % processes:
            each = f", a multiple of {processes}, the number of processes" if processes > 1 else ""
            raise InputError(f"devices {devices}: {len(there)} are there ({there[0].platform}); a number from 1 to "
                             f"{len(there)}{each}, or all")
        each = devices // processes
        chosen = [device for process in range(processes)
                  for device in [d for d in there if d.process_index == process][:each]]
    elif (isinstance(devices, Sequence) and not isinstance(devices, str)
          and all(isinstance(device, jax.Device) for device in devices)):
        chosen = sorted(devices, key=lambda device: (device.process_index, device.id))
    else:
        raise InputError(f"devices {devices!r}: all, a number, or a list of jax.devices()")
    shares = [sum(device.process_index == process for device in chosen) for process in range(processes)]
    if not chosen or len(set(chosen)) < len(chosen) or len(set(shares)) > 1:
        raise InputError(f"devices: different ones, at least one, and equally many of each process, got {shares}")
    return tuple(chosen)
