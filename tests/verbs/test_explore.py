import json
import signal
import socket
import subprocess
import sys
import urllib.request

import numpy as np
import pytest
from safetensors.numpy import save_file

from aejax.explorer import server
from aejax.verbs import explore


def test_a_file(aejax, made, tmp_path, capsys):
    assert aejax("explore", made / "run", "--export", "page.html") == 0
    assert capsys.readouterr().out.splitlines() == [str(tmp_path / "page.html")]
    assert "Content-Security-Policy" in (tmp_path / "page.html").read_text()
    assert aejax("explore", made / "run", "--export", "page.html") == 2   # exists
    assert "choose another --export, or add --overwrite" in capsys.readouterr().err
    assert aejax("explore", made / "cells", "--export", "page.html", "--overwrite") == 0


def test_served_until_a_signal(made, tmp_path):
    """The address alone on standard output; exit code 0 after SIGTERM."""
    process = subprocess.Popen([sys.executable, "-m", "aejax.cli", "explore", str(made / "run")], cwd=tmp_path,
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        address = process.stdout.readline().strip()
        assert address.startswith("http://127.0.0.1:")
        with urllib.request.urlopen(address + "scene.json", timeout=30) as answer:
            assert json.load(answer)["title"] == "run"
        process.send_signal(signal.SIGTERM)
        out, err = process.communicate(timeout=30)
    finally:
        process.kill()
    assert process.returncode == 0 and out == "" and "Traceback" not in err and "Ctrl-C" in err


@pytest.fixture
def unserved(monkeypatch):
    """Opens the socket, and serves nothing."""
    seen = []
    monkeypatch.setattr(server, "serve", lambda app, sock: (seen.append(app), sock.close()))
    monkeypatch.setattr(explore.Operations, "warm_up", lambda self: None)
    return seen


def test_leaving_loopback_is_said(aejax, made, unserved, capsys):
    assert aejax("explore", made / "run") == 0
    assert "everyone" not in capsys.readouterr().err and not unserved[0].addresses
    assert aejax("explore", made / "run", "--host", "0.0.0.0") == 0
    assert "--host 0.0.0.0: everyone who reaches this machine" in capsys.readouterr().err and unserved[1].addresses


def test_steering_that_was_learnt(aejax, made, unserved, monkeypatch, capsys):
    found = []
    monkeypatch.setattr(server, "application", lambda operations, scene, **_: found.append(scene))
    assert aejax("steer", made / "run", "--edit", "brightness", "--epochs", 1, "--output", "out") == 0
    assert aejax("explore", made / "run", "--steering", "out/steering.safetensors") == 0
    way, direction = found[0]["steering"][-1], np.load("out/steering.npz")["direction"]
    np.testing.assert_allclose(server.unpack(way["direction"]), direction, rtol=1e-5)
    assert way["name"] == "brightness (out)" and way["limit"] == 1.0
    assert aejax("explore", made / "cells", "--steering", "out/steering.safetensors") == 0   # 2 values, too
    save_file({"a": np.zeros(1)}, "other.safetensors")
    for file, said in (("other.safetensors", "walk linear"), ("no.safetensors", "no walk")):
        assert aejax("explore", made / "run", "--steering", file) == 2
        assert said in capsys.readouterr().err.splitlines()[-1]


@pytest.mark.parametrize(("flags", "said"), [
    (["--map", "isomap"], "--map isomap"), (["--points", 1], "--points"), (["--port", 70000], "--port"),
    (["--export", "page.txt"], ".html"), (["--host", "no such host"], "--host")])
def test_bad_flags(aejax, made, unserved, capsys, flags, said):
    assert aejax("explore", made / "run", *flags) == 2
    assert said in capsys.readouterr().err.splitlines()[-1]


def test_a_taken_port(aejax, made, unserved, capsys):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        assert aejax("explore", made / "run", "--port", taken.getsockname()[1]) == 2
    assert "choose another" in capsys.readouterr().err


def test_without_the_extra(aejax, made, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "uvicorn", None)
    assert aejax("explore", made / "run") == 2
    assert "pip install 'aejax[explore]'" in capsys.readouterr().err
    assert aejax("explore", made / "run", "--export", "page.html") == 0   # the file needs none
