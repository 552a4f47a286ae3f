"""What the speed benchmark times around training: data on disk, rounded products, the start of a process."""

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from aejax import data, losses, networks, variants
from experiments._harness import Call, interleaved, spread
from experiments._ours import training
from experiments._record import Record
from experiments._work import Work, against

SHAPE = (28, 28, 1)


def streaming(record: Record, work: Work) -> None:
    """784-30-784 from shards on disk (converted once, before) over data in memory; each converted set is deleted."""
    settings = work.settings(own="streaming")
    if record.done("streaming resident", settings):
        return
    ae = variants.standard(networks.Dense(shape=SHAPE, code_dim=30), reconstruction=losses.mean_squared_error())
    with tempfile.TemporaryDirectory() as folder:
        shards = data.open_shards(data.convert(work.train, folder))
        calls: dict[str, Call] = {"shards": training(ae, shards, work.budget),
                                  "resident": training(ae, work.train, work.budget)}
        against(record, work, calls, "resident", work.config.rounds, settings, "streaming ", len(work.train))


def precision(record: Record, work: Work) -> None:
    """784-500-784 with products of bfloat16 factors over float32."""
    settings = work.settings(own="precision")
    if record.done("precision float32", settings):
        return
    train = work.first(12_800)
    calls: dict[str, Call] = {}
    for name in ("bfloat16", "float32"):
        network = networks.Dense(shape=SHAPE, code_dim=30 if work.config.smoke else 500, precision=name)
        calls[name] = training(variants.standard(network), train, work.budget)
    against(record, work, calls, "float32", work.config.rounds, settings, "precision ", len(train))


def start_up(record: Record, work: Work) -> None:
    """Seconds of `aejax --help`, and of `aejax compare` on the embedded digits with an empty cache."""
    settings = {"rounds": work.config.rounds}
    if not record.done("aejax --help", settings):
        command = [sys.executable, "-m", "aejax.cli", "--help"]
        seconds = interleaved({"help": lambda: subprocess.run(command, check=True, capture_output=True)},
                              work.config.rounds)["help"]
        record.add("aejax --help", settings, spread("duration", "s", seconds), seeds=[0], n=work.config.rounds)
    rounds = work.config.rounds
    settings = {"rounds": rounds, "smoke": work.config.smoke}
    if record.done("aejax compare, cold", settings):
        return
    verb = "--help" if work.config.smoke else "compare"
    seconds = np.array([_cold(verb) for _ in range(rounds)])
    record.add("aejax compare, cold", settings, spread("duration", "s", seconds), seeds=[0], n=rounds)


def _cold(verb: str) -> float:
    """A process in an empty folder whose cache folder is new and empty: nothing is compiled, nothing prepared."""
    with tempfile.TemporaryDirectory() as folder:
        root = str(Path(__file__).parent.parent)
        environment = {**os.environ, "XDG_CACHE_HOME": str(Path(folder) / "cache"), "PYTHONPATH": root}
        command = [sys.executable, "-m", "aejax.cli", verb]
        begin = time.perf_counter()
        subprocess.run(command, check=True, capture_output=True, env=environment, cwd=folder)
        return time.perf_counter() - begin
