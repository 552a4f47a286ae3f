"""Checkpoints of a run, on Orbax: written in the background, whole or not at all, and checked before they are used.

Where they lie::

    FOLDER/
      lock.json          names the process that writes here; gone when it ends
      120/               one checkpoint, named by its step: the last `keep` are here, and that of the lowest loss
        state/           the arrays, each under its path in the tree (Orbax, OCDBT)
        meta/metadata    JSON: step, loss, configuration, `meta` as given to `save`, and of each array shape, dtype and
                         SHA-256 as it was in memory, since Orbax itself restores a flipped byte without a word
        SHA256SUMS       of every file of the checkpoint; `sha256sum --check SHA256SUMS` reads it
      160.partial…       being written, or left by a killed process: the next run finishes or removes it
"""

import contextlib
import json
import logging
import math
import os
import re
import shutil
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import Any

import jax
import numpy as np
from jaxtyping import PyTree

from aejax.files import SUMS, checksums, damage, writing
from aejax.locking import locked
from aejax.train.differences import refuse_differences
from aejax.train.leaves import digest, kind, layout, named, place, to_host
from aejax.train.storage import Storage, about, storage_errors
from aejax.types import InputError

MAY_DIFFER = frozenset({"epochs", "devices", "parallel", "model_devices", "output"})   # of a run that goes on
logger = logging.getLogger("aejax")
__all__ = ["MAY_DIFFER", "Checkpoints"]


class _DamagedError(Exception):
    """A checkpoint that is not what was written; the text is the reason."""


class Checkpoints:
    """The checkpoints in one folder: a context manager that holds the folder's lock and, at its end, has written all.

    With several processes each calls `save` and `restore`; the first one alone writes.

    Args:
      folder: created where missing.
      configuration: what the run is, in JSON; a checkpoint of another one is refused. `MAY_DIFFER` do not count.
      every: steps between two checkpoints, for the training loop to read.
      keep: how many of the last ones stay, at least 1; that of the lowest loss stays besides.
      resume: whether `folder` may hold checkpoints already.

    Raises:
      InputError: numbers below 1; on entering: the folder cannot be written, another process writes there, or it holds
        checkpoints and `resume` is False.

    >>> import tempfile
    >>> import jax.numpy as jnp
    >>> with tempfile.TemporaryDirectory() as folder, Checkpoints(folder, configuration={"seed": 0}) as checkpoints:
    ...     checkpoints.save(7, {"w": jnp.ones(3)}, meta={"epoch": 2})
    ...     step, tree, meta = checkpoints.restore({"w": jnp.zeros(3)})
    >>> step, tree["w"].tolist(), meta
    (7, [1.0, 1.0, 1.0], {'epoch': 2})
    """

    def __init__(self, folder: str | os.PathLike, *, configuration: Mapping[str, Any], every: int = 1000,
                 keep: int = 2, resume: bool = False):
        for name, value in (("every", every), ("keep", keep)):
            if value < 1:
                raise InputError(f"{name} must be at least 1, got {value}")
        self.folder, self.every, self.keep, self.resume = Path(folder).absolute(), every, keep, resume
        self.configuration = json.loads(json.dumps(dict(configuration)))   # as it comes back from a file
        self._pending: Future[None] | None = None
        self._damaged: set[int] = set()   # steps that `restore` refused

    def __enter__(self) -> "Checkpoints":
        with contextlib.ExitStack() as stack:
            if jax.process_index() == 0:
                stack.enter_context(locked(self.folder))
                self._tidy()
            if not self.resume and self.steps():
                raise InputError(f"{self.folder}: holds checkpoints up to step {self.steps()[-1]}; resume from them, "
                                 "or choose another folder")
            self._storage = stack.enter_context(contextlib.closing(Storage()))
            self._writer = stack.enter_context(ThreadPoolExecutor(1, "checkpoints"))
            self._stack = stack.pop_all()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 trace: TracebackType | None) -> None:
        with self._stack:
            try:
                self.wait()
            except InputError as failure:
                if error is None:
                    raise
                logger.error("%s", failure)   # `error` is what ended the run

    def steps(self) -> list[int]:
        """The steps of the checkpoints on disk, ascending."""
        if not self.folder.is_dir():
            return []
        return sorted(int(path.name) for path in self.folder.iterdir() if re.fullmatch(r"\d+", path.name))

    def save(self, step: int, tree: PyTree, *, meta: Mapping[str, Any], loss: float | None = None) -> None:
        """Copies `tree` to the host and returns; it is written in the background, after the checkpoint before it.

        The copies are ours: the buffers of `tree` may be donated to the next step at once.

        Args:
          step: counted over the whole run; a checkpoint of the same step is replaced.
          tree: arrays, typed keys among them.
          meta: JSON.
          loss: by which the best is kept; None or NaN is never the best.

        Raises:
          InputError: the save *before* this one failed: the disk is full, or the folder cannot be written any more.
        """
        self.wait()
        leaves = named(tree)
        arrays = to_host(leaves)
        description = {"step": step, "loss": None if loss is None else float(loss), "configuration": self.configuration,
                       "meta": dict(meta), "leaves": {name: kind(leaf) for name, leaf in leaves.items()}}
        if jax.process_index() == 0:
            description = json.loads(json.dumps(description))   # a copy: the caller's lists go on growing
            self._pending = self._writer.submit(self._write, step, arrays, description)

    def wait(self) -> None:
        """Waits until the last save is on disk.

        Raises:
          InputError: it failed.
        """
        pending, self._pending = self._pending, None
        if pending is not None:
            pending.result()

    def restore(self, target: PyTree) -> tuple[int, PyTree, dict[str, Any]] | None:
        """The newest checkpoint that is undamaged; a damaged one is named in a warning, and gives way to the next save.

        Args:
          target: a tree like the one saved; its arrays' shardings say where the restored ones go, whatever devices
            they were saved from. Leaves may be `jax.ShapeDtypeStruct`, save for typed keys.

        Returns:
          Its step, the tree and `meta`; None where nothing was saved yet.

        Raises:
          InputError: the checkpoint is of another configuration or of another tree, or all are damaged.
        """
        self.wait()
        reasons = []
        for step in reversed(self.steps()):
            try:
                found = self._read(step, target)
            except _DamagedError as reason:
                reasons.append(f"step {step} ({reason})")
                self._damaged.add(step)
                continue
            if reasons:
                logger.warning("%s: damaged and left out: %s; going on from step %d", self.folder, ", ".join(reasons),
                               step)
            return found
        if reasons:
            raise InputError(f"{self.folder}: every checkpoint is damaged: {', '.join(reasons)}; start again in "
                             "another folder")
        return None

    def _write(self, step: int, arrays: dict[str, np.ndarray], description: dict[str, Any]) -> None:
        for name, leaf in description["leaves"].items():
            leaf["sha256"] = digest(name, leaf, arrays[name])
        partial = self.folder / f"{step}.partial"
        try:
            with storage_errors():
                self._storage.write(partial, arrays, description)
                (partial / SUMS).write_text(checksums(partial))
                self._commit(step)
                self._prune()
        except OSError as error:
            with contextlib.suppress(InputError):
                self._tidy()   # frees the disk
            reason = error.strerror or error
            raise InputError(f"{self.folder}: the checkpoint of step {step} could not be written ({reason}); those "
                             "before it are untouched: mend that, and resume") from error

    def _commit(self, step: int) -> None:
        self._remove(step)
        os.rename(self.folder / f"{step}.partial", self.folder / str(step))

    def _remove(self, step: int) -> None:
        path, aside = self.folder / str(step), self.folder / f"{step}.removed"
        if path.exists():
            os.rename(path, aside)   # at once: half a checkpoint never bears a step's name
            shutil.rmtree(aside)
        self._damaged.discard(step)

    def _prune(self) -> None:
        for step in list(self._damaged):
            self._remove(step)
        steps = self.steps()
        losses = {step: loss for step in steps if (loss := _loss(self.folder / str(step))) is not None}
        keep = {*steps[-self.keep:], *([min(losses, key=losses.__getitem__)] if losses else [])}
        for step in set(steps) - keep:
            self._remove(step)

    def _tidy(self) -> None:
        """Finishes or removes what a killed process left."""
        with writing(self.folder):
            for path in self.folder.iterdir():
                if re.fullmatch(r"\d+\.partial", path.name) and damage(path) is None:
                    self._commit(int(path.stem))
                elif re.fullmatch(r"\d+\.(partial|removed).*", path.name):
                    shutil.rmtree(path)

    def _read(self, step: int, target: PyTree) -> tuple[int, PyTree, dict[str, Any]]:
        folder = self.folder / str(step)
        if (reason := damage(folder)) is not None:
            raise _DamagedError(reason)
        saved, leaves = about(folder), named(target)
        kinds = {name: kind(leaf) for name, leaf in leaves.items()}
        digests = {name: leaf.pop("sha256") for name, leaf in saved["leaves"].items()}
        refuse_differences(_counting(saved["configuration"]), _counting(self.configuration),
                           f"{folder}: a checkpoint of another configuration")
        refuse_differences(saved["leaves"], kinds, f"{folder}: a checkpoint of another model or optimiser")
        arrays = self._storage.read(folder, {name: np.empty(*layout(leaf)) for name, leaf in leaves.items()})
        for name, array in arrays.items():
            if digest(name, kinds[name], array) != digests[name]:
                raise _DamagedError(f"{name} is not what was saved")
        placed = [place(arrays[name], leaf) for name, leaf in leaves.items()]
        return step, jax.tree.unflatten(jax.tree.structure(target), placed), saved["meta"]


def _loss(folder: Path) -> float | None:
    try:
        loss = about(folder)["loss"]
        return None if loss is None or math.isnan(loss) else loss
    except (OSError, ValueError, KeyError, TypeError):
        return None   # damaged: not the best, whatever it was


def _counting(configuration: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in configuration.items() if name not in MAY_DIFFER}
