"""Child processes that train, are watched through the files they leave, killed, and compared with each other."""

import contextlib
import dataclasses
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from experiments._record import RESULTS

ROOT = RESULTS.parent.parent
UNFINISHED = re.compile(r"\d+\.(partial|removed).*")   # what a save leaves behind when it is killed
LIMIT = 600.0                                          # seconds; nothing here may take longer
TAIL = 2000                                            # characters of a child's output in an error


@dataclasses.dataclass(frozen=True)
class Death:
    """What lay on disk when a child was dead.

    Attributes:
      step: of the newest checkpoint; 0 without one.
      saving: whether the child died while it wrote or removed one.
    """

    step: int
    saving: bool


class Child:
    """A training in a process of its own that writes into `folder`; it counts as ended once config.json is there.

    Args:
      command: of Python, without the interpreter.
      folder: of the run.
      environment: besides this process's own.
    """

    def __init__(self, command: Sequence[Any], folder: Path, environment: Mapping[str, str]):
        self.folder, self._log = folder, tempfile.TemporaryFile("w+")
        self.process = subprocess.Popen(
            [sys.executable, *map(str, command)], stdout=self._log, stderr=subprocess.STDOUT,
            env={**os.environ, **environment, "PYTHONPATH": str(ROOT)}, start_new_session=True)   # Ctrl-C is for us

    def names(self) -> list[str]:
        """What lies in the folder of checkpoints."""
        try:
            return os.listdir(self.folder / "checkpoints")
        except FileNotFoundError:
            return []

    def step(self) -> int:
        """Of the newest whole checkpoint; 0 without one."""
        return max((int(name) for name in self.names() if name.isdecimal()), default=0)

    def saving(self) -> bool:
        """Whether a checkpoint is being written or removed."""
        return any(map(UNFINISHED.fullmatch, self.names()))

    def ended(self) -> bool:
        """Whether training is over and its result written."""
        return (self.folder / "config.json").exists()

    def wait(self, until: Callable[[], bool], seconds: float = LIMIT) -> bool:
        """Waits for `until`, or the end of the training, or `seconds`: whether it is still training.

        Raises:
          RuntimeError: the child failed, or it took longer than `LIMIT`.
        """
        stop = time.perf_counter() + min(seconds, LIMIT)
        while not self.ended():
            if self.process.poll() is not None and not self.ended():
                raise RuntimeError(f"a child ended with {self.process.returncode}: {self.said()[-TAIL:]}")
            if until():
                return True
            if time.perf_counter() > stop:
                if seconds >= LIMIT:
                    raise RuntimeError(f"a child hangs: {self.said()[-TAIL:]}")
                return True
            time.sleep(0.002)
        return False

    def kill(self) -> Death:
        """Ends it with SIGKILL."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        return Death(self.step(), self.saving())

    def finish(self) -> None:
        """Waits for the end of the training; the report that follows is not waited for."""
        self.wait(lambda: False)
        self.kill()

    def said(self) -> str:
        """What it printed."""
        self._log.seek(0)
        return self._log.read()


@contextlib.contextmanager
def child(*arguments: Any) -> Iterator[Child]:
    """A `Child` that does not outlive the block."""
    one = Child(*arguments)
    try:
        yield one
    finally:
        one.process.kill()
        one.process.wait()
        one._log.close()


def outcome(folder: Path) -> dict[str, Any]:
    """All that two runs must share bit for bit; seconds alone are left out.

    The newest checkpoint's digests are those of parameters, optimiser, sums of the epoch, and of the best so far.
    """
    lines = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    steps = sorted(int(path.name) for path in (folder / "checkpoints").iterdir())
    newest = json.loads((folder / "checkpoints" / str(steps[-1]) / "meta" / "metadata").read_text())
    meta = newest["meta"]
    return {"params.safetensors": (folder / "params.safetensors").read_bytes(),
            "metrics.jsonl": [{name: value for name, value in line.items() if name != "seconds"} for line in lines],
            "kept checkpoints": steps, "state": newest["leaves"], "loss": newest["loss"],
            "position and best": {name: meta[name] for name in ("epoch", "step", "best_loss", "waited")},
            "history": {name: values for name, values in meta["history"].items() if name != "seconds"}}


def differences(one: Mapping[str, Any], other: Mapping[str, Any]) -> list[str]:
    """The names under which two outcomes differ."""
    return [name for name in one if one[name] != other[name]]


def files_of_newest(folder: Path) -> list[Path]:
    """Every file of the newest checkpoint of a run, relative to the run's folder."""
    newest = max((folder / "checkpoints").iterdir(), key=lambda path: int(path.name))
    return sorted(path.relative_to(folder) for path in newest.rglob("*") if path.is_file())


def _truncate(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2)


def _flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


DAMAGES: dict[str, Callable[[Path], None]] = {"truncated": _truncate, "one bit flipped": _flip, "deleted": Path.unlink}


def damaged_copy(run: Path, folder: Path, file: Path, damage: str) -> Path:
    """A copy of a run's checkpoints, one file of which is damaged; without the run's results."""
    shutil.copytree(run / "checkpoints", folder / "checkpoints")
    DAMAGES[damage](folder / file)
    return folder
