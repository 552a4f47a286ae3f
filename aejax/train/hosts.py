"""Many processes as one run, on JAX's own distributed runtime: they start together, and agree when to stop."""

import atexit
import contextlib
import os
import socket
import threading
from collections.abc import Callable, Iterator

import jax
import numpy as np

from aejax.types import InputError

__all__ = ["agreed", "by_first", "initialize", "meet"]
_SIGNALS = (None, "SIGTERM", "SIGINT")


def initialize(coordinator: str | None = None, process_id: int | None = None, process_count: int | None = None, *,
               timeout: float = 300.0) -> None:
    """Joins this process to the others of its run; before anything that asks JAX for a device.

    Each process runs the same program. Afterwards `jax.devices()` are those of all, and `fit` trains on them.

    Args:
      coordinator: "host:port" of process 0; None: this, and the two below, are what SLURM, Kubernetes, Open MPI or a
        TPU pod tell their processes.
      process_id: from 0 to process_count − 1, another one in each process.
      process_count: how many processes there are.
      timeout: seconds to wait for the others. Afterwards this process can only end.

    Raises:
      InputError: arguments that do not fit, nothing in the environment, an address that is in use or not
        this machine's, or the others did not come.
    """
    given = {"coordinator": coordinator, "process-id": process_id, "process-count": process_count}
    missing = [name for name, value in given.items() if value is None]
    if len(missing) in (1, 2):
        known = ", ".join(name for name in given if name not in missing)
        raise InputError(f"{known} without {', '.join(missing)}: give all three, or none to take them from the "
                         "environment")
    if not missing:
        if process_count < 1 or not 0 <= process_id < process_count:
            raise InputError(f"process-id {process_id} of process-count {process_count}: count from 0 to the process "
                             "count less 1")
        _check_address(coordinator, bind=process_id == 0)
    if jax.distributed.is_initialized():
        raise InputError("this process has joined a run already")
    failures: list[BaseException] = []

    def join() -> None:
        try:
            jax.distributed.initialize(coordinator, process_count, process_id,
                                       initialization_timeout=int(timeout) + 3600,   # at its own it aborts all
                                       shutdown_timeout_seconds=3600)   # process 0 still has its report to write
        except BaseException as error:   # noqa: B036 (told by the caller's thread)
            failures.append(error)
    thread = threading.Thread(target=join, daemon=True)
    thread.start()
    thread.join(timeout)
    if thread.is_alive():
        atexit.register(_silence)
        raise InputError(f"coordinator {coordinator or 'of the environment'}: not all processes came within "
                         f"{timeout:g} seconds: look at the address, and at the others' logs")
    if failures:
        raise InputError(f"the processes cannot be joined: {_reason(failures[0])}") from failures[0]


def meet(name: str) -> None:
    """Waits until every process is here."""
    if jax.process_count() > 1:
        from jax.experimental import multihost_utils
        multihost_utils.sync_global_devices(name)


def by_first(function: Callable[[], None]) -> None:
    """Calls `function` in process 0 alone, before any process goes on; where it refuses, all end.

    Raises:
      InputError: what it raised, and in the other processes that it did.
    """
    error = None
    if jax.process_index() == 0:
        try:
            function()
        except InputError as refusal:
            error = refusal
    if jax.process_count() > 1:
        from jax.experimental import multihost_utils
        if multihost_utils.broadcast_one_to_all(np.int32(error is not None)) and error is None:
            raise InputError("process 0 has refused to start: it says why")
    if error is not None:
        raise error


def agreed(signal: str | None) -> str | None:
    """A signal that any process got, the same in all, so that they stop at the same step.

    >>> agreed("SIGTERM")
    'SIGTERM'
    """
    if jax.process_count() == 1:
        return signal
    from jax.experimental import multihost_utils
    return _SIGNALS[int(multihost_utils.process_allgather(np.int32(_SIGNALS.index(signal))).max())]


def _check_address(address: str, *, bind: bool) -> None:
    host, _, port = address.rpartition(":")
    if not host or not port.isdigit() or not 0 < int(port) < 65536:
        raise InputError(f"coordinator {address!r}: give host:port, for example 10.0.0.1:1234")
    try:
        found = socket.getaddrinfo(host.strip("[]"), int(port), type=socket.SOCK_STREAM)
    except OSError as error:
        raise InputError(f"coordinator {address}: {error.strerror or error}") from error
    if bind:
        family, kind, _, _, place = found[0]
        with _refused(address), socket.socket(family, kind) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(place)


@contextlib.contextmanager
def _refused(address: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise InputError(f"coordinator {address}: process 0 cannot listen there ({error.strerror or error})") from error


def _reason(error: BaseException) -> str:
    text = str(error).splitlines()[0] if str(error) else type(error).__name__
    if "should be defined" in text or "must be defined" in text:
        return "nothing in the environment says who they are; give coordinator, process-id and process-count"
    if "before any JAX" in text:
        return "JAX has computed something before"
    return text


def _silence() -> None:
    """What the runtime says of a join that was given up is no news: the one line was the reason."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
