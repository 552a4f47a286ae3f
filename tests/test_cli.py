"""The command line as a newcomer types it, through a subprocess; `tests/verbs` covers each verb."""

import os
import subprocess
import sys

import numpy as np
import pytest

from aejax.cli import main
from aejax.flags import VERBS

ENVIRONMENT = {**os.environ, "PYTHONWARNINGS": "error::DeprecationWarning:aejax"}


def aejax(*arguments, cwd=None, **environment):
    return subprocess.run([sys.executable, "-m", "aejax.cli", *map(str, arguments)], capture_output=True, text=True,
                          cwd=cwd, env={**ENVIRONMENT, **environment}, timeout=300)


@pytest.mark.parametrize("arguments", [["--help"], ["sweep", "--help"], ["data", "--help"], ["doctor", "--help"]])
def test_help_imports_no_jax(arguments):
    code = ("import sys\nfrom aejax.cli import main\n"
            f"try: main({arguments!r})\nexcept SystemExit as end: assert end.code == 0\n"
            "heavy = {'jax', 'flax', 'optax', 'matplotlib', 'tensorflow_datasets', 'numpy'} & set(sys.modules)\n"
            "assert not heavy, heavy")
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=ENVIRONMENT)
    assert done.returncode == 0, done.stderr
    assert "usage: aejax" in done.stdout


@pytest.mark.parametrize("arguments", [["--help"], ["data", "check", "few.npy", "--json"]], ids=["long", "short"])
@pytest.mark.parametrize("unbuffered", ["", "1"], ids=["buffered", "unbuffered"])
def test_a_reader_that_leaves_is_no_error(tmp_path, arguments, unbuffered):
    """As in `aejax --help | head`; the pipe is closed before anything is written, so that no clock decides."""
    np.save(tmp_path / "few.npy", np.arange(24, dtype=np.float32).reshape(6, 4))
    read, write = os.pipe()
    os.close(read)
    done = subprocess.run([sys.executable, "-m", "aejax.cli", *arguments], stdout=write, stderr=subprocess.PIPE,
                          text=True, cwd=tmp_path, timeout=300, env={**ENVIRONMENT, "PYTHONUNBUFFERED": unbuffered})
    os.close(write)
    assert done.returncode == 141
    assert "Traceback" not in done.stderr and "BrokenPipe" not in done.stderr


def test_an_output_without_our_characters_is_no_error():
    for arguments in (["sweep", "--help"], ["suggest-code-dim", "--help"]):
        done = aejax(*arguments, PYTHONIOENCODING="ascii")
        assert done.returncode == 0 and "Traceback" not in done.stderr and done.stdout.isascii()


def test_another_broken_pipe_keeps_its_traceback(monkeypatch):
    def broken(*_, **__):
        raise BrokenPipeError
    monkeypatch.setattr("aejax.verbs.run", broken)
    with pytest.raises(BrokenPipeError):
        main(["doctor"])


def test_a_typo_in_the_verb_gets_a_suggestion():
    done = aejax("comapre")
    assert done.returncode == 2
    assert done.stderr == ("aejax: unknown verb 'comapre'; did you mean 'compare'? known: compare, train, sweep, "
                           f"runs, {', '.join([*VERBS][4:])}\n")


def test_a_typo_in_a_flag_is_found_before_work_starts(tmp_path):
    done = aejax("train", "standard", "--epoch", 3, "--output", tmp_path / "run")
    assert done.returncode == 2 and "--epochs" in done.stdout + done.stderr
    assert not (tmp_path / "run").exists()


def test_train_evaluate_reconstruct(tmp_path):
    from PIL import Image
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (40, 8, 8)).astype(np.uint8)
    np.save(tmp_path / "noise.npy", images)
    Image.fromarray(images[0]).save(tmp_path / "one.png")
    cache = {"XDG_CACHE_HOME": str(tmp_path / "cache")}
    trained = aejax("train", "denoising", "--data", "noise.npy", "--epochs", 1, "--batch-size", 8, "--code-dim", 2,
                    "--output", "run", cwd=tmp_path, **cache)
    assert trained.returncode == 0, trained.stderr
    assert trained.stdout.splitlines()[-1] == str(tmp_path / "run" / "report.html")
    assert {path.name for path in (tmp_path / "run").iterdir()} == {
        "config.json", "metrics.jsonl", "params.safetensors", "figures", "report.html", "results.json"}
    assert "split 80/20" in trained.stderr or "80" in trained.stderr   # says how the test part came about
    assert aejax("evaluate", "run", cwd=tmp_path, **cache).returncode == 0
    again = aejax("train", "denoising", "--data", "noise.npy", "--output", "run", cwd=tmp_path, **cache)
    assert again.returncode == 2 and "--overwrite" in again.stderr and len(again.stderr.splitlines()) == 1
    done = aejax("reconstruct", "run", "one.png", "--output", "out", cwd=tmp_path, **cache)
    assert done.returncode == 0 and (tmp_path / "out" / "one.png").exists()
