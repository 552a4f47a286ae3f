"""Arrays and JSON in a folder by Orbax, which is imported here alone, and only once a `Storage` is made."""

import contextlib
import json
import logging
import os
import re
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import jax
import numpy as np

__all__ = ["Storage", "about", "storage_errors"]


class Storage:
    """Writes and reads folders for this process alone: no other one takes part, whatever their number.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder, contextlib.closing(Storage()) as storage:
    ...     storage.write(Path(folder) / "a", {"w": np.ones(2)}, {"step": 3})
    ...     about(Path(folder) / "a"), storage.read(Path(folder) / "a", {"w": np.zeros(2)})
    ({'step': 3}, {'w': array([1., 1.])})
    """

    def __init__(self):
        logging.getLogger("absl").addFilter(_shown)
        import orbax.checkpoint as ocp  # takes half a second
        if sys.unraisablehook is not _Late.hook:
            _Late.former, sys.unraisablehook = sys.unraisablehook, _Late.hook
        alone = {"multiprocessing_options": ocp.options.MultiprocessingOptions(
            primary_host=jax.process_index(), active_processes={jax.process_index()})}
        handler = ocp.CompositeCheckpointHandler(
            composite_options=ocp.CompositeOptions(**alone), state=ocp.StandardCheckpointHandler(**alone),
            meta=ocp.JsonCheckpointHandler(**alone))
        self._args, self._checkpointer = ocp.args, ocp.Checkpointer(handler, **alone)

    def write(self, folder: Path, arrays: Mapping[str, np.ndarray], description: Mapping[str, Any]) -> None:
        """Makes `folder`, arrays in state/ and JSON in meta/metadata; the name appears when all is written."""
        stored = {name: array for name, array in arrays.items() if array.size}   # Orbax stores no empty array
        self._checkpointer.save(folder, args=self._args.Composite(
            state=self._args.StandardSave(stored), meta=self._args.JsonSave(dict(description))))

    def read(self, folder: Path, like: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """The arrays, of the names, shapes and dtypes of `like`."""
        stored = {name: array for name, array in like.items() if array.size}
        return dict(like) | self._checkpointer.restore(folder, args=self._args.Composite(
            state=self._args.StandardRestore(stored))).state

    def close(self) -> None:
        """Ends Orbax's threads."""
        self._checkpointer.close()


def about(folder: Path) -> dict[str, Any]:
    """The JSON of a folder that `Storage.write` made."""
    return json.loads((folder / "meta" / "metadata").read_text())


@contextlib.contextmanager
def storage_errors() -> Iterator[None]:
    """Turns the operating system's errors, whose number Orbax hides in the text of others, back into `OSError`.

    >>> with storage_errors():
    ...     raise ValueError("Failed to write 52157 bytes [os_error_code='28']")
    Traceback (most recent call last):
    OSError: [Errno 28] No space left on device
    """
    try:
        yield
    except OSError:
        raise
    except Exception as error:
        if match := re.search(r"os_error_code='(\d+)'", str(error)):
            raise OSError(int(match[1]), os.strerror(int(match[1]))) from error
        raise


class _Late:
    """Of several writes that fail at once, as on a full disk, Orbax waits for the first and closes its event loop; the
    others then find it closed in a thread of their own, where the interpreter would print a traceback for each."""

    former: Callable[[Any], object]

    @staticmethod
    def hook(unraisable: Any) -> None:
        if not (isinstance(unraisable.exc_value, RuntimeError) and str(unraisable.exc_value) == "Event loop is closed"):
            _Late.former(unraisable)


def _shown(record: logging.LogRecord) -> bool:
    """Orbax's errors reach us as exceptions too, its progress is nobody's business: warnings alone are shown."""
    return record.levelno == logging.WARNING or "orbax" not in Path(record.pathname).parts
