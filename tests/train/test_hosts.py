"""Two processes of 4 virtual devices on this machine, against one of 8; and what is said when they cannot meet."""

import json
import os
import socket
from pathlib import Path

import numpy as np
import pytest

from aejax.train.hosts import agreed, by_first, initialize, meet
from aejax.types import InputError

HERE = Path(__file__).parent
CLI = ("-m", "aejax.cli", "train", "standard", "--data", "noise.npy", "--epochs", 1, "--batch-size", 16, "--code-dim",
       2, "--output", "run")
JOIN = """
import sys
from aejax.errors import InputError
from aejax.train.hosts import initialize
try:
    initialize(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), timeout=2)
except InputError as error:
    print(error, file=sys.stderr)
    sys.exit(2)
"""


@pytest.fixture(scope="module")
def found(start, finish, tmp_path_factory):
    pytest.importorskip("grain")
    one, two = (tmp_path_factory.mktemp(name) for name in ("one", "two"))
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    finish(start(HERE / "two_hosts.py", one), *(start(HERE / "two_hosts.py", two, port, i, 2, devices=4)
                                                for i in range(2)))
    return [(np.load(folder / f"found-{i}.npz"), json.loads((folder / f"found-{i}.json").read_text()))
            for folder, i in ((one, 0), (two, 0), (two, 1))]


@pytest.mark.parametrize("name", ["default", "mesh", "shards", "model", "wide", "pmap", "pmap shards", "resumed"])
def test_two_processes_train_what_one_does(found, name):
    """Parameters, losses and validation; "wide" spreads one copy of the model over both."""
    (one, _), (first, about), (second, _) = found
    names = [entry for entry in one if entry.rsplit(" ", 1)[0] == name]
    assert len(names) > 8 and about["devices"] == [2, 4]
    for entry in names:
        np.testing.assert_allclose(first[entry], one[entry], atol=1e-6, err_msg=entry)
        np.testing.assert_array_equal(first[entry], second[entry])


def test_a_signal_to_one_stops_all_at_the_same_step(found):
    assert [about["stopped"] for _, about in found] == ["SIGTERM at step 5: saved"] * 3


def test_what_the_first_refuses_ends_all(found):
    assert [about["refused"] for _, about in found] == ["not this one"] * 2 + [
        "process 0 has refused to start: it says why"]


def test_devices_are_taken_of_each_process_alike(found):
    assert "no multiple of 3 devices: 15 or 18" in found[0][1]["three"]
    assert "a multiple of 2, the number of processes" in found[1][1]["three"]


def test_the_first_alone_writes_and_speaks(start, finish, tmp_path, port):
    """The recipe of docs/many_devices.md, each process in a folder of its own, so that what it writes is seen."""
    folders = [tmp_path / "first", tmp_path / "second"]
    for folder in folders:
        folder.mkdir()
        np.save(folder / "noise.npy", np.random.default_rng(0).integers(0, 256, (40, 4, 4), np.uint8))
    (out, error), (silent, quiet) = finish(*(
        start(*CLI, "--coordinator", f"127.0.0.1:{port}", "--process-id", i, "--process-count", 2, devices=4,
              cwd=folder, XDG_CACHE_HOME=str(folder / "cache")) for i, folder in enumerate(folders)))
    assert out.splitlines()[-1] == str(folders[0] / "run" / "report.html")
    assert {path.name for path in (folders[0] / "run").iterdir()} == {
        "config.json", "metrics.jsonl", "params.safetensors", "figures", "report.html", "results.json"}
    assert not (folders[1] / "run").exists()
    assert "epoch 1/1" in error and "aejax" not in quiet and "epoch" not in quiet
    assert [line for line in silent.splitlines() if line and not line.startswith("[Gloo]")] == []


def test_slurm_says_who_they_are(start, finish, tmp_path, port):
    slurm = {"SLURM_JOB_ID": "1", "SLURM_STEP_NODELIST": "localhost", "SLURM_NTASKS": "2", "SLURM_LOCALID": "0",
             "JAX_COORDINATOR_PORT": str(port)}
    finish(*(start(HERE / "two_hosts.py", tmp_path, "environment", devices=4, SLURM_PROCID=str(i), **slurm)
             for i in range(2)))
    assert [json.loads((tmp_path / f"{i}.json").read_text()) for i in range(2)] == [[2, 8]] * 2


@pytest.mark.parametrize("process", [0, 1])
def test_nobody_comes(start, finish, port, process):
    ((_, error),) = finish(start("-c", JOIN, f"127.0.0.1:{port}", process, 2), code=2)
    assert error.splitlines() == [f"coordinator 127.0.0.1:{port}: not all processes came within 2 seconds: look at the "
                                  "address, and at the others' logs"]


@pytest.mark.parametrize(("arguments", "said"), [
    (("127.0.0.1:1234",), "coordinator without process-id, process-count"), ((None, 1, 2), "without coordinator"),
    ((None, 1), "process-id without coordinator, process-count"), (("127.0.0.1:1234", 2, 2), "process-id 2"),
    (("127.0.0.1:1234", -1, 2), "process-id -1"), (("127.0.0.1:1234", 0, 0), "process-count 0"),
    (("127.0.0.1", 0, 2), "give host:port"), (("127.0.0.1:http", 0, 2), "give host:port"),
    (("127.0.0.1:99999", 1, 2), "give host:port"), ((":1234", 1, 2), "give host:port"),
    (("192.0.2.1:1234", 0, 2), "process 0 cannot listen there"), (("no.such.host.invalid:1234", 1, 2), "no.such.host")])
def test_arguments_that_do_not_fit(arguments, said):
    with pytest.raises(InputError, match=said):
        initialize(*arguments)


def test_a_port_in_use():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(InputError, match="cannot listen there"):
            initialize(f"127.0.0.1:{taken.getsockname()[1]}", 0, 2)


def test_nothing_in_the_environment(start, finish):
    code = ("from aejax.cli import main; import sys\n"
            "sys.exit(main(['train', 'standard', '--coordinator', 'auto']))")
    known = {name: "" for name in os.environ if name.startswith(("SLURM_", "OMPI_", "KUBERNETES_"))}
    ((_, error),) = finish(start("-c", code, **known), code=2)
    assert error.splitlines()[-1].startswith("aejax: the processes cannot be joined")


def test_one_process_needs_nobody():
    seen = []
    by_first(lambda: seen.append(1))
    meet("anywhere")
    assert seen == [1] and agreed(None) is None
