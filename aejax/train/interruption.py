"""SIGTERM and SIGINT as a request to stop at the next convenient place."""

import contextlib
import dataclasses
import signal
import threading
from collections.abc import Iterator
from types import FrameType

__all__ = ["Interruption", "catch_signals"]


@dataclasses.dataclass
class Interruption:
    """What was asked for: `received` is None, or the name of the first signal, "SIGTERM" or "SIGINT"."""

    received: str | None = None


@contextlib.contextmanager
def catch_signals() -> Iterator[Interruption]:
    """Notes SIGTERM and SIGINT instead of dying of them; a second SIGINT is a KeyboardInterrupt.

    Python runs a handler between two of its own instructions, so one that arrives during a compiled program is noted
    when that ends. The former handlers come back when the block ends. Outside the main thread, where Python allows no
    handler, nothing is caught.

    Returns:
      An `Interruption`, to be looked at wherever stopping is possible.

    >>> with catch_signals() as interruption:
    ...     signal.raise_signal(signal.SIGTERM)
    ...     interruption.received
    'SIGTERM'
    """
    interruption = Interruption()
    if threading.current_thread() is not threading.main_thread():
        yield interruption
        return

    def note(number: int, frame: FrameType | None) -> None:
        if interruption.received is not None and number == signal.SIGINT:
            raise KeyboardInterrupt
        interruption.received = interruption.received or signal.Signals(number).name

    former = {number: signal.signal(number, note) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield interruption
    finally:
        for number, handler in former.items():
            signal.signal(number, signal.SIG_DFL if handler is None else handler)   # None: not installed by Python
