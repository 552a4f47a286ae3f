"""Folders that one process at a time writes to."""

import contextlib
import json
import logging
import os
import socket
from collections.abc import Iterator
from pathlib import Path

from aejax.errors import InputError
from aejax.files import writing

logger = logging.getLogger("aejax")


@contextlib.contextmanager
def locked(folder: str | os.PathLike) -> Iterator[None]:
    """Keeps other processes from writing to `folder`, created where missing, for the length of the block.

    The lock is the file lock.json, which names this process. One whose process ended without removing it, killed or
    after a power cut, is taken over, and said so; what runs on another host cannot be looked at from here.

    Raises:
      InputError: another process holds the lock, or `folder` cannot be written.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder, locked(folder):
    ...     os.listdir(folder)
    ['lock.json']
    """
    lock = Path(folder) / "lock.json"
    owner = {"pid": os.getpid(), "host": socket.gethostname(), "started": _start_of(os.getpid())}
    with writing(lock):
        lock.parent.mkdir(parents=True, exist_ok=True)
        try:
            _create(lock, json.dumps(owner))
        except FileExistsError:
            _remove_stale(lock, owner["host"])
            _create(lock, json.dumps(owner))   # raises once more where another process was faster
    try:
        yield
    finally:
        with contextlib.suppress(OSError):   # read-only by now: left to who comes next, as after a power cut
            lock.unlink(missing_ok=True)


def _create(lock: Path, text: str) -> None:
    with open(os.open(lock, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666), "w") as file:
        file.write(text)


def _remove_stale(lock: Path, host: str) -> None:
    """Removes the lock of a process of this host that is no more; refuses that of any other."""
    try:
        text = lock.read_text()
        holder = json.loads(text)
        pid, elsewhere = int(holder["pid"]), holder["host"] != host
        now, then = _start_of(pid), holder["started"]
        alive = elsewhere or (now is not None and (now == then or "" in (now, then)))
    except FileNotFoundError:
        return   # released a moment ago
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(f"{lock}: a lock that names no process; remove it if nothing writes to the folder") from error
    if alive:
        advice = ", or remove the lock if that process is dead" if elsewhere else ""
        raise InputError(f"{lock.parent}: process {pid} on {holder['host']} is writing there; wait for it, choose "
                         f"another folder{advice}")
    aside = lock.with_name(f"lock.json.{os.getpid()}")
    os.rename(lock, aside)   # of two processes that find the same stale lock, one gets it
    if aside.read_text() != text:
        os.link(aside, lock)   # the other's own new lock
    else:
        logger.warning("%s: taken over from process %d, which ended without releasing it", lock.parent, pid)
    aside.unlink()


def _start_of(pid: int) -> str | None:
    """When a process began, in ticks since the start of the system, for process numbers are used again; "" if unknown.

    None if there is no such process, or no more than its exit code is left of it.
    """
    try:
        state, *fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return None if state in "ZX" else fields[18]
    except OSError:
        pass
    try:
        os.kill(pid, 0)   # no /proc here: only whether it lives
    except ProcessLookupError:
        return None
    except PermissionError:
        pass
    return ""
