"""Contenders in processes of their own, so that the threads of one library do not disturb those of another."""

import multiprocessing
import time
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import Any


class Apart:
    """A call that runs in a process of its own and returns the seconds it took there.

    Args:
      make: a function of a module, called there once with `arguments`; what it returns is what is timed. If that
        returns a float, it has timed itself.
    """

    def __init__(self, make: Callable[..., Callable[[], Any]], *arguments: Any):
        context = multiprocessing.get_context("spawn")   # a fork would inherit JAX's threads
        self._connection, other = context.Pipe()
        self._process = context.Process(target=_serve, args=(other, make, arguments), daemon=True)
        self._process.start()
        other.close()   # so that the end of the process is the end of the connection

    def __call__(self) -> float:
        self._connection.send("go")
        try:
            return self._connection.recv()
        except EOFError:
            raise RuntimeError("a contender's process ended: its own message stands above") from None

    def close(self) -> None:
        """Ends the process."""
        self._process.terminate()
        self._process.join()


def _serve(connection: Connection, make: Callable[..., Callable[[], Any]], arguments: tuple[Any, ...]) -> None:
    call = make(*arguments)
    while connection.recv() == "go":
        begin = time.perf_counter()
        own = call()
        connection.send(own if isinstance(own, float) else time.perf_counter() - begin)
