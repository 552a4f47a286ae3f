"""How help reads; `tests/test_cli.py` has the process as a whole."""

import io
import os
import pty
import subprocess
import sys

import pytest

from aejax.cli import main
from aejax.flags import VERBS
from aejax.help_text import colour_wanted, wrapped

CALLS = [[], *([verb] for verb in VERBS), ["anomaly", "fit"], ["anomaly", "score"]]


@pytest.mark.parametrize("call", CALLS, ids=lambda call: "-".join(call) or "all")
def test_help_fits_80_columns(call, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    with pytest.raises(SystemExit) as end:
        main([*call, "--help"])
    out = capsys.readouterr().out
    assert end.value.code == 0 and out.startswith(f"usage: {' '.join(['aejax', *call])} [-h]")
    assert [line for line in out.splitlines() if len(line) > 80] == [] and "\x1b" not in out


def test_sentences_of_flags_are_not_broken_where_the_source_is():
    """A line of a flag's text that its own next word would have fitted into was broken by hand."""
    done = subprocess.run([sys.executable, "-m", "aejax.cli", "anomaly", "fit", "--help"], capture_output=True,
                          text=True, env={**os.environ, "COLUMNS": "80", "PYTHONIOENCODING": "utf-8"}, timeout=300)
    lines = [line.strip("│").rstrip() for line in done.stdout.splitlines() if line.startswith("│")]
    assert len(lines) > 40
    for line, following in zip(lines, lines[1:], strict=False):
        if following.startswith(" " * 10):   # goes on
            assert len(line) + 1 + len(following.split()[0]) > 76, line


def test_wrapped():
    long = "A sentence of some words, " * 5
    assert all(len(line) <= 40 for line in wrapped(long, 40).split("\n"))
    box = "│" + " " * 60 + "│"
    assert wrapped(f"{box}\nshort", 40) == f"{box}\nshort"
    few = "usage: aejax anomaly [-h] {fit,score}" + " [--flag FLAG]" * 4
    assert "{fit,score}" in wrapped(few, 60) and wrapped(few, 60).split("\n")[1].startswith(" " * 7)


@pytest.mark.parametrize(("terminals", "no_color", "wanted"), [
    ((True, True), None, True), ((True, True), "", True), ((True, True), "1", False), ((False, True), None, False),
    ((True, False), None, False)])
def test_colour(monkeypatch, terminals, no_color, wanted):
    for name, terminal in zip(("stdout", "stderr"), terminals, strict=True):
        stream = io.StringIO()
        stream.isatty = lambda terminal=terminal: terminal
        monkeypatch.setattr(sys, name, stream)
    monkeypatch.delenv("NO_COLOR", raising=False)
    if no_color is not None:
        monkeypatch.setenv("NO_COLOR", no_color)
    assert colour_wanted() == wanted


@pytest.mark.parametrize(("arguments", "no_color"), [
    (["data", "--help"], True), (["data", "--help"], False), (["runs", "--srot", "x"], True)],
    ids=["plain", "colour", "error"])
def test_on_a_terminal(arguments, no_color):
    ours, theirs = pty.openpty()
    environment = {**os.environ, "TERM": "xterm", "COLUMNS": "80"} | {"NO_COLOR": "1" if no_color else ""}
    done = subprocess.Popen([sys.executable, "-m", "aejax.cli", *arguments], stdout=theirs, stderr=theirs,
                            env=environment)
    os.close(theirs)
    text = b""
    while True:
        try:
            part = os.read(ours, 65536)
        except OSError:   # Linux ends a terminal so
            break
        if not part:
            break
        text += part
    os.close(ours)
    assert done.wait(timeout=300) == (0 if "--help" in arguments else 2)
    assert (b"\x1b[" in text) != no_color and b"--" in text
