"""What a process spends before its first step: compiled programs are found again, and few are needed."""

import json
import os
import subprocess
import sys

import numpy as np

COUNTED = """
import collections, json, sys
import jax
events = collections.Counter()
jax.monitoring.register_event_listener(lambda event, **_: events.update([event.rpartition("/")[2]]))
from aejax.cli import main
code = main(sys.argv[1:])
heavy = sorted({"tensorflow_datasets", "sklearn", "orbax", "grain", "pyarrow"} & set(sys.modules))
print(json.dumps({"code": code, "asked": events["compile_requests_use_cache"], "found": events["cache_hits"],
                  "heavy": heavy, "cache": jax.config.jax_compilation_cache_dir}))
"""


def train(folder, output):
    environment = {name: value for name, value in os.environ.items() if not name.startswith("JAX_")}
    environment |= {"XDG_CACHE_HOME": str(folder / "cache"), "MPLCONFIGDIR": str(folder / "matplotlib")}
    command = ["train", "standard", "--data", "noise.npy", "--epochs", "1", "--batch-size", "8", "--code-dim", "2",
               "--output", output]
    done = subprocess.run([sys.executable, "-c", COUNTED, *command], capture_output=True, text=True, cwd=folder,
                          env=environment, timeout=300)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def test_a_second_process_compiles_nothing(tmp_path):
    np.save(tmp_path / "noise.npy", np.random.default_rng(0).integers(0, 256, (40, 8, 8), np.uint8))
    first, second = train(tmp_path, "one"), train(tmp_path, "two")
    assert first["code"] == second["code"] == 0
    assert first["cache"] == second["cache"] == str(tmp_path / "cache" / "aejax" / "xla")
    assert second["found"] == second["asked"] == first["asked"] > 10
    assert first["found"] < first["asked"] <= 30   # one operation at a time it would be more than a hundred programs
    assert first["heavy"] == second["heavy"] == []   # what is slow to import and not needed here
