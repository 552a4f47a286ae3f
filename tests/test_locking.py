import json
import os
import socket
import subprocess
import sys

import pytest

from aejax.locking import locked
from aejax.types import InputError

HOLDER = "import sys\nfrom aejax.locking import locked\nwith locked(sys.argv[1]):\n    print(flush=True)\n    input()\n"


@pytest.fixture
def holder(tmp_path):
    """Another process that holds the lock of tmp_path / "run"."""
    with subprocess.Popen([sys.executable, "-c", HOLDER, tmp_path / "run"], stdin=subprocess.PIPE,
                          stdout=subprocess.PIPE, text=True) as process:
        process.stdout.readline()
        yield process
        process.kill()


def test_a_lock_that_cannot_be_removed_hides_no_error(tmp_path):
    with pytest.raises(RuntimeError, match="the reason"), locked(tmp_path / "run"):
        os.remove(tmp_path / "run" / "lock.json")
        (tmp_path / "run" / "lock.json").mkdir()   # as on a disk that became read-only
        raise RuntimeError("the reason")


def test_one_process_alone_writes_to_a_locked_folder(tmp_path, holder):
    with pytest.raises(InputError, match=f"process {holder.pid} on {socket.gethostname()} is writing there"):
        with locked(tmp_path / "run"):
            pytest.fail("two at once")
    holder.communicate("\n")
    for _ in range(2):
        with locked(tmp_path / "run"):
            with pytest.raises(InputError, match=f"process {os.getpid()} "), locked(tmp_path / "run"):
                pass
    assert not list((tmp_path / "run").iterdir())


@pytest.mark.parametrize("reaped", [True, False])
def test_the_lock_of_a_killed_process_is_taken_over(tmp_path, holder, caplog, reaped):
    holder.kill()
    if reaped:
        holder.wait()
    else:
        os.waitid(os.P_PID, holder.pid, os.WEXITED | os.WNOWAIT)   # dead, its exit code not yet asked for
    with locked(tmp_path / "run"):
        assert json.loads((tmp_path / "run" / "lock.json").read_text())["pid"] == os.getpid()
    assert f"taken over from process {holder.pid}" in caplog.text
    assert not list((tmp_path / "run").iterdir())


def lock_of(folder, **changes):
    with locked(folder):
        text = (folder / "lock.json").read_text()
    (folder / "lock.json").write_text(json.dumps(json.loads(text) | changes))


def test_a_process_number_used_again_is_not_its_former_owner(tmp_path):
    lock_of(tmp_path)
    with pytest.raises(InputError, match="is writing there"), locked(tmp_path):
        pass
    if os.path.exists("/proc/self/stat"):
        lock_of_another_time = json.loads((tmp_path / "lock.json").read_text()) | {"started": "1"}
        (tmp_path / "lock.json").write_text(json.dumps(lock_of_another_time))
        with locked(tmp_path):
            pass


def test_the_lock_of_another_host_stands(tmp_path):
    lock_of(tmp_path, host="elsewhere", pid=2**22 + 1)
    with pytest.raises(InputError, match="on elsewhere is writing there.*remove the lock if that process is dead"):
        with locked(tmp_path):
            pass
    assert (tmp_path / "lock.json").exists()


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"pid": null, "host": "a"}'])
def test_a_lock_without_a_process_is_left_to_the_user(tmp_path, text):
    (tmp_path / "lock.json").write_text(text)
    with pytest.raises(InputError, match="names no process; remove it"), locked(tmp_path):
        pass


def test_a_lock_taken_over_by_a_faster_process_is_given_back(tmp_path, monkeypatch):
    """Both found the same stale lock; between our look and our move the other one put its own in place."""
    lock_of(tmp_path, pid=2**22 + 1)
    faster = json.dumps({"pid": 1, "host": "a", "started": "0"})
    move = os.rename

    def late(source, target):
        source.write_text(faster)
        move(source, target)
    monkeypatch.setattr(os, "rename", late)
    with pytest.raises(InputError, match="lock.json: cannot be written .File exists"), locked(tmp_path):
        pass
    assert [path.name for path in tmp_path.iterdir()] == ["lock.json"]
    assert (tmp_path / "lock.json").read_text() == faster
