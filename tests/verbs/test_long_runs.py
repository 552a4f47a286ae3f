"""What may befall a long run, through the command line: signals, a second process, a full or a read-only disk."""

import contextlib
import os
import shlex
import shutil
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from aejax.cli import main
from aejax.trackers import Progress

EPOCH = 600   # steps, so many that the first checkpoint lies in the middle of it


@pytest.fixture(scope="session")
def arguments(tmp_path_factory):
    """A training with checkpoints, without --output; of a table, whose report is quickly drawn."""
    path = tmp_path_factory.mktemp("long") / "table.csv"   # 1000 rows: 600 to train, 200 to validate, 200 to test
    np.savetxt(path, np.random.default_rng(0).normal(size=(1000, 3)), delimiter=",", header="a,b,c", comments="")
    return ["train", "denoising", "--data", path, "--batch-size", 1, "--validation", 0.25, "--code-dim", 2,
            "--epochs", 2, "--patience", 2, "--checkpoint-every", 110]


@pytest.fixture(scope="session")
def whole(arguments, aejax, tmp_path_factory):
    """What the training gives where nothing befalls it."""
    run = tmp_path_factory.mktemp("whole") / "run"
    with open(os.devnull, "w") as nowhere, contextlib.redirect_stdout(nowhere), contextlib.redirect_stderr(nowhere):
        assert aejax(*arguments, "--output", run) == 0
    return result(run)


def result(run):
    lines = (run / "metrics.jsonl").read_text().splitlines()
    return (run / "params.safetensors").read_bytes(), [line.split(', "seconds"')[0] for line in lines]


def files(folder):
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_second_process_is_refused_and_sigterm_saves_the_first(aejax, arguments, whole, tmp_path, capsys):
    run = tmp_path / "a run"
    command = [sys.executable, "-m", "aejax.cli", *map(str, arguments), "--output", run]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            while not (run / "checkpoints" / "110").exists():
                assert process.poll() is None, process.communicate()[1]
                time.sleep(0.005)
            process.send_signal(signal.SIGSTOP)   # so that the second one finds the first alive, and still
            time.sleep(0.05)
            before = files(run)
            for flags, said in (([], "already holds a run"), (["--resume"], f"process {process.pid} on"),
                                (["--overwrite"], f"process {process.pid} on")):
                assert aejax(*arguments, "--output", run, *flags) == 2
                error = capsys.readouterr().err.splitlines()[-1]
                assert error.startswith("aejax: ") and said in error and "choose another folder" in error
                assert files(run) == before
            process.send_signal(signal.SIGTERM)
            process.send_signal(signal.SIGCONT)
            out, err = process.communicate(timeout=60)
        finally:
            process.kill()
    assert process.returncode == 0 and "Traceback" not in err
    assert max(int(path.name) for path in (run / "checkpoints").iterdir()) % EPOCH != 0
    printed, _, resume = out.strip().partition("saved; resume with: aejax ")
    assert printed.startswith("SIGTERM at step ") and resume.endswith("--resume")
    assert main(shlex.split(resume)) == 0
    assert result(run) == whole


@pytest.fixture
def disk(tmp_path):
    """A small file system of its own, and what happens to it: `disk("full")`, `disk("read-only")`, `disk("mended")`."""
    folder = tmp_path / "disk"
    folder.mkdir()

    def mount(*options):
        found = shutil.which("mount")
        return found and subprocess.run([found, *options, folder], capture_output=True).returncode == 0

    def change(what):
        if what == "full":
            with contextlib.suppress(OSError), open(folder / "filler", "wb", buffering=0) as filler:
                while filler.write(bytes(4096)):
                    pass
        elif what == "read-only":
            while not mount("-o", "remount,ro"):   # refused while a checkpoint is being written
                time.sleep(0.005)
        else:
            mount("-o", "remount,rw")
            (folder / "filler").unlink(missing_ok=True)
    if not mount("-t", "tmpfs", "-o", "size=2m", "tmpfs"):
        pytest.skip("mounting a small file system needs root")
    yield change
    subprocess.run(["umount", folder], check=True)


@pytest.mark.parametrize(("what", "epoch", "reason"), [
    ("full", 0, "metrics.jsonl: cannot be written (No space left on device)"),
    ("full", 1, "could not be written (No space left on device)"),
    ("read-only", 0, "cannot be written (Read-only file system)")])
def test_a_disk_that_fails_is_one_line_and_what_was_saved_stays(aejax, arguments, whole, disk, tmp_path, capsys,
                                                                monkeypatch, what, epoch, reason):
    run = tmp_path / "disk" / "run"

    def fail(self, at, logs, state):
        if at == epoch:
            disk(what)
    with monkeypatch.context() as patched:
        patched.setattr(Progress, "on_epoch_end", fail)
        assert aejax(*arguments, "--output", run) == 2
    *log, error = capsys.readouterr().err.splitlines()
    assert error.startswith("aejax: ") and reason in error, error
    assert not any("Traceback" in line for line in log)
    disk("mended")
    saved = max(int(name) for name in os.listdir(run / "checkpoints") if name.isdecimal())
    assert saved > 0
    monkeypatch.setattr("aejax.locking._start_of", lambda pid: None)   # the lock that could not be removed: we are dead
    assert aejax(*arguments, "--output", run, "--resume") == 0
    said = capsys.readouterr().err
    assert f"resumed at step {saved}" in said and "damaged" not in said
    assert result(run) == whole


@pytest.mark.parametrize("flags", [[], ["--resume"]])
def test_a_read_only_folder_is_one_line(aejax, arguments, disk, tmp_path, capsys, flags):
    disk("read-only")
    for output in ("disk", "disk/run"):
        assert aejax(*(arguments if flags else arguments[:-2]), "--output", tmp_path / output, *flags) == 2
        error = capsys.readouterr().err.splitlines()[-1]
        assert error.startswith("aejax: ") and "Read-only file system" in error and output in error
