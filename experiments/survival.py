"""Does training survive anything? Runs killed with SIGKILL at random moments and resumed, against uninterrupted ones.

A small denoising network is trained in a process of its own that saves every few steps, by `aejax train` (data in
memory) and, in turn, from shards on disk. A killed run is killed one to three times, at moments drawn by a seed: half
of them aimed at a save, a tenth at the start of the process, the rest anywhere. It counts as bit-equal if
its parameters' file, metrics, kept checkpoints, and in the last checkpoint the state, optimiser, best so far and
history are those of the run that nothing stopped. Then every file of a newest checkpoint is truncated, altered in one
bit and deleted, in turn: `aejax train --resume` must name the checkpoint, go on from the one before and end the same.

Command: python -m experiments.survival   (12 minutes on 2 busy cores; --kills 200 kills 200 runs, an hour or more)
Result: experiments/results/survival.json
"""

import contextlib
import dataclasses
import re
import shutil
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_EXCEPTION, Executor, ThreadPoolExecutor, wait
from pathlib import Path
from typing import Any

import jax
import numpy as np
import tyro

from aejax import data
from experiments._killing import DAMAGES, Child, Death, child, damaged_copy, differences, files_of_newest, outcome
from experiments._record import BaseConfig, Record

PATHS = ("in memory", "from shards")


@dataclasses.dataclass(frozen=True)
class Config(BaseConfig):
    """Sizes; `--smoke` kills 2 runs 3 times in all and damages one file."""

    kills: int = 20
    """Runs that are killed, at least once each."""
    seed: int = 0
    """Of the moments."""
    jobs: int = 2
    """Runs at a time."""
    epochs: int = 4
    batch_size: int = 50
    code_dim: int = 256
    checkpoint_every: int = 80   # of 180 steps an epoch: most checkpoints lie in the middle of one

    def training(self) -> dict[str, Any]:
        """Flags of the training; the rate is so high that the last epoch is not the best."""
        return {"epochs": self.epochs, "batch-size": self.batch_size, "code-dim": self.code_dim,
                "learning-rate": 0.02, "patience": self.epochs, "checkpoint-every": self.checkpoint_every}

    @property
    def steps(self) -> int:
        """Of an epoch: 9,000 of the 10,000 training digits of mnist_mini."""
        return 9000 // self.batch_size


@dataclasses.dataclass(frozen=True)
class Killed:
    """What became of a run that was killed and resumed until its end."""

    deaths: Sequence[Death]
    lost: int                    # whole checkpoints that a resumed run did not go on from
    different: Sequence[str]     # from the uninterrupted run


class Trainings:
    """Starts trainings of one configuration in a folder, and has one of each path that nothing stopped."""

    def __init__(self, config: Config, folder: Path, pool: Executor):
        self.config, self.folder = config, folder
        cache = jax.config.jax_compilation_cache_dir   # entries that a killed process left are kept from our own
        self.environment = {"JAX_COMPILATION_CACHE_DIR": str(Path(cache or folder) / "survival"),
                            "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0", "AEJAX_DATA_DIR": str(folder)}
        data.convert("mnist_mini", folder / "shards")
        self.whole = dict(zip(PATHS, pool.map(self._undisturbed, PATHS), strict=True))

    def start(self, path: str, run: Path) -> contextlib.AbstractContextManager[Child]:
        """A training into `run`, or the rest of it."""
        flags = [word for name, value in self.config.training().items() for word in (f"--{name}", value)]
        command = (["-m", "aejax.cli", "train", "denoising", "--resume"] if path == "in memory" else
                   ["-m", "experiments._survivor", "--shards", self.folder / "shards"])
        return child([*command, "--output", run, *flags], run, self.environment)

    def _undisturbed(self, path: str) -> dict[str, Any]:
        with self.start(path, run := self.folder / f"whole {path}") as process:
            process.finish()
        return outcome(run)

    def last_step(self) -> int:
        """Of every run, the last step of the uninterrupted one."""
        return self.whole[PATHS[0]]["kept checkpoints"][-1]


def main(config: Config) -> Record:
    """Kills, damages, compares and records; fails where a run did not end as the uninterrupted one."""
    record = Record("survival", config)
    if config.smoke:
        config = dataclasses.replace(config, kills=2, epochs=2, batch_size=500, code_dim=8, checkpoint_every=6)
    settings = {"training": config.training(), "kills": config.kills, "seed": config.seed}
    names = (*PATHS, *DAMAGES)[: 3 if config.smoke else None]
    wanted = [name for name in names if not record.done(name, settings)]
    if not wanted:
        return record
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(config.jobs) as pool:
        trainings = Trainings(config, Path(folder), pool)
        jobs = {name: [pool.submit(_timed, *job) for job in _jobs(trainings, name)] for name in wanted}
        for name, futures in jobs.items():
            wait(futures, return_when=FIRST_EXCEPTION)
            if any(future.done() and future.exception() for future in futures):
                pool.shutdown(cancel_futures=True)
            seconds, results = zip(*(future.result() for future in futures), strict=True)
            counts, failures = (_survived if name in PATHS else _recovered)(results, config)
            values = {metric: ("", [float(count)]) for metric, count in counts.items()}
            record.add(name, settings, values | {"duration": ("s", [sum(seconds)])}, seeds=[config.seed],
                       n=len(results))
            if failures:
                raise RuntimeError(f"{name}: {'; '.join(failures)}")
    return record


def _jobs(trainings: Trainings, name: str) -> list[tuple[Any, ...]]:
    """Function and arguments of all runs of a group."""
    smoke = trainings.config.smoke
    if name in PATHS:
        return [(killed, trainings, name, number)
                for number in range(PATHS.index(name), trainings.config.kills, len(PATHS))]
    files = files_of_newest(trainings.folder / f"whole {PATHS[0]}")
    return [(recovered, trainings, name, file) for file in (files[:1] if smoke else files)]


def _timed(call: Callable, *arguments: Any) -> tuple[float, Any]:
    begin = time.perf_counter()
    result = call(*arguments)
    return time.perf_counter() - begin, result


def _survived(results: Sequence[Killed], config: Config) -> tuple[dict[str, int], list[str]]:
    """Numbers of killed runs, and what went wrong."""
    deaths = [death for result in results for death in result.deaths]
    lost = sum(result.lost for result in results)
    failures = [f"a run differs in {', '.join(result.different)}" for result in results if result.different]
    return {"runs": len(results), "bit-equal": len(results) - len(failures), "kills": len(deaths),
            "kills during a save": sum(death.saving for death in deaths),
            "kills before the first checkpoint": sum(death.step == 0 for death in deaths),
            "kills resumed in the middle of an epoch": sum(death.step % config.steps != 0 for death in deaths),
            "checkpoints lost": lost}, failures + ([f"{lost} whole checkpoints were not used"] if lost else [])


def _recovered(results: Sequence[str | None], config: Config) -> tuple[dict[str, int], list[str]]:
    """Numbers of damaged files, and what went wrong."""
    failures = [failure for failure in results if failure]
    return {"files": len(results), "recovered": len(results) - len(failures)}, failures


def killed(trainings: Trainings, path: str, number: int) -> Killed:
    """One run, killed at least once: a run that ended before its first kill is begun again, with other moments."""
    rng = np.random.default_rng([trainings.config.seed, number])
    run = trainings.folder / f"run {number}"
    deaths: list[Death] = []
    lost = 0
    while not deaths:
        shutil.rmtree(run, ignore_errors=True)
        planned = 2 - number if trainings.config.smoke else int(rng.integers(1, 4))
        for _ in range(planned + 1):
            before = deaths[-1].step if deaths else 0
            with trainings.start(path, run) as process:
                if len(deaths) < planned and _until_a_moment(process, rng, before, trainings.last_step()):
                    deaths.append(process.kill())
                else:
                    process.finish()
                said = process.said()
            resumed = re.search(r"resumed at step (\d+)", said)
            if before and (resumed or process.ended()):   # else killed again before it said so
                lost += "damaged" in said or resumed is None or int(resumed[1]) < before
            if process.ended():
                break
    different = differences(trainings.whole[path], outcome(run))
    shutil.rmtree(run)
    return Killed(deaths, lost, different)


def _until_a_moment(process: Child, rng: np.random.Generator, step: int, last: int) -> bool:
    """Waits until it is time to kill; False where the training ended before."""
    kind = rng.choice(["start", "save", "any"], p=[0.1, 0.5, 0.4])
    target = rng.uniform(step, max(step, 0.8 * last))
    if kind == "start":
        return process.wait(lambda: False, rng.uniform(0, 4))
    if not process.wait(lambda: process.step() >= target):
        return False
    if kind == "save" and not process.wait(process.saving):
        return False
    return process.wait(lambda: False, rng.uniform(0, 0.05 if kind == "save" else 0.5))


def recovered(trainings: Trainings, damage: str, file: Path) -> str | None:
    """Resumes after one file of the newest checkpoint was damaged; what was wrong, None if nothing was."""
    whole = trainings.folder / f"whole {PATHS[0]}"
    run = damaged_copy(whole, trainings.folder / f"{damage} {'-'.join(file.parts)}", file, damage)
    newest, before = sorted((int(path.name) for path in (whole / "checkpoints").iterdir()), reverse=True)[:2]
    with trainings.start(PATHS[0], run) as process:
        process.finish()
        said = process.said()
    different = differences(trainings.whole[PATHS[0]], outcome(run))
    shutil.rmtree(run)
    if f"damaged and left out: step {newest} (" not in said or f"going on from step {before}" not in said:
        return f"{file} {damage}: not named ({said[-300:]})"
    return f"{file} {damage}: differs in {', '.join(different)}" if different else None


if __name__ == "__main__":
    main(tyro.cli(Config, description=__doc__))
