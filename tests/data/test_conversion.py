import os
import subprocess
import sys

import numpy as np
import pytest

from aejax import data
from aejax.data import conversion

X = np.random.default_rng(0).integers(0, 256, (20, 4, 3, 1), np.uint8)


def content(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_files_hold_equally_many_examples_and_numpy_reads_them(tmp_path):
    folder = data.convert([(x, i) for i, x in enumerate(X)], tmp_path / "a" / "b", shard_bytes=8 * 12 + 5)
    assert sorted(content(folder)) == ["index.json", *(
        f"train-0000{i}{suffix}" for i in range(3) for suffix in (".labels.npy", ".npy"))]
    parts = [np.load(folder / f"train-0000{i}.npy") for i in range(3)]
    assert [len(part) for part in parts] == [8, 8, 4]
    np.testing.assert_array_equal(np.concatenate(parts), X)
    assert np.load(folder / "train-00002.labels.npy").tolist() == [16, 17, 18, 19]


def test_the_same_source_gives_the_same_bytes(tmp_path):
    a, b = (data.convert(X, tmp_path / name, name="x") for name in "ab")
    assert content(a) == content(b)


def failing(examples, error):
    yield from examples
    raise error


@pytest.mark.parametrize("error", [RuntimeError("source"), KeyboardInterrupt()])
def test_an_interrupted_conversion_leaves_nothing(tmp_path, error):
    with pytest.raises(type(error)):
        data.convert(failing(X, error), tmp_path / "x", shard_bytes=24)
    assert list(tmp_path.iterdir()) == []


def test_an_interrupted_conversion_leaves_what_was_there(tmp_path):
    folder = data.convert(X[:3], tmp_path / "x")
    before = content(folder)
    with pytest.raises(RuntimeError):
        data.convert(failing(X, RuntimeError()), folder, overwrite=True)
    assert content(folder) == before and list(tmp_path.iterdir()) == [folder]


def test_shards_come_back_when_the_move_fails(tmp_path, monkeypatch, refused):
    folder = data.convert(X[:3], tmp_path / "x")
    before, rename = content(folder), os.rename

    def full(source, target):
        if target == folder and not source.name.endswith("-old"):
            raise OSError(28, "No space left on device")
        rename(source, target)
    monkeypatch.setattr(os, "rename", full)
    with refused(folder, "No space left", "choose another"):
        data.convert(X, folder, overwrite=True)
    assert content(folder) == before and list(tmp_path.iterdir()) == [folder]


def test_a_killed_conversion_leaves_nothing_that_opens(tmp_path, refused):
    code = ("import os, sys; import numpy as np; from aejax import data\n"
            "def examples():\n    for i in range(9): yield np.zeros(4, np.uint8)\n    os._exit(9)\n"
            "from aejax.data import sources; sources.BLOCK_BYTES = 8\n"
            "data.convert(examples(), sys.argv[1], shard_bytes=8)")
    assert subprocess.run([sys.executable, "-c", code, str(tmp_path / "x")]).returncode == 9
    (left,) = tmp_path.iterdir()
    assert list(left.glob("train-*.npy")) and left.name.startswith(".")
    with refused("unfinished"):
        data.open_shards(left)
    assert len(data.open_shards(data.convert(X, tmp_path / "x"))) == 20


def test_existing_folders(tmp_path, refused):
    folder = data.convert(X[:3], tmp_path / "x")
    with refused(folder, "holds shards", "--overwrite"):
        data.convert(X, folder)
    assert len(data.open_shards(data.convert(X, folder, overwrite=True))) == 20
    assert list(tmp_path.iterdir()) == [folder]
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "thesis.txt").write_text("x")
    (tmp_path / "file").write_text("x")
    for name in ("own", "file"):
        with refused(tmp_path / name, "no folder of shards", "choose another"):
            data.convert(X, tmp_path / name, overwrite=True)
    with refused(tmp_path / "file" / "x", "cannot be written"):
        data.convert(X, tmp_path / "file" / "x")
    assert (tmp_path / "own" / "thesis.txt").read_text() == "x"


def test_in_the_cache_a_source_is_converted_once(tmp_path, monkeypatch):
    np.save(tmp_path / "x.npy", X)
    folder = data.convert(tmp_path / "x.npy")
    assert folder.is_relative_to(data.cache_dir()) and len(data.open_shards(folder)) == 16
    opened, begun = conversion.sources.open_source, []
    monkeypatch.setattr(conversion.sources, "open_source", lambda *a, **k: begun.append(1) or opened(*a, **k))
    assert data.convert(str(tmp_path / "x.npy")) == folder and not begun
    assert data.convert(tmp_path / "x.npy", seed=1) != folder
    assert data.convert(tmp_path / "x.npy", size=2) != folder and len(begun) == 2
    (folder / "train-00000.npy").write_bytes(b"x")   # damaged: made again
    assert data.convert(tmp_path / "x.npy") == folder and len(data.open_shards(folder)) == 16 and len(begun) == 3
    np.save(tmp_path / "x.npy", X[:10])
    again = data.convert(tmp_path / "x.npy")
    assert again != folder and len(data.open_shards(again)) == 8


def test_named_sets_and_pictures_have_their_place_in_the_cache(tmp_path, refused):
    folder = data.convert("mnist_mini")
    assert data.convert("mnist_mini") == data.convert(data.load()) == folder
    with refused("give a folder"):
        data.convert(iter(X))


def test_bad_arguments(tmp_path, refused):
    with refused("shard_bytes"):
        data.convert(X, tmp_path / "x", shard_bytes=0)
    with refused("size"):
        data.convert(X, tmp_path / "x", size=0)
    assert list(tmp_path.iterdir()) == []


MEMORY = """
import sys, threading, time
import numpy as np
from aejax import data
peak = 0
def watched():
    global peak
    for line in open("/proc/self/status"):
        if line.startswith("RssAnon"):
            peak = max(peak, int(line.split()[1]))
class Watched:
    def __init__(self, examples):
        self.examples = examples
    def __iter__(self):
        for i in range(self.examples):
            if i % 2000 == 0:
                watched()
            yield np.full((28, 28, 1), i % 256, np.uint8)
data.convert(Watched(int(sys.argv[1])), sys.argv[2], shard_bytes=2**22)
print(peak)
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="RssAnon is Linux's")
def test_memory_stays_bounded(tmp_path):
    peaks = [int(subprocess.run([sys.executable, "-c", MEMORY, str(n), str(tmp_path / str(n))], capture_output=True,
                                text=True, check=True).stdout) for n in (20_000, 80_000)]
    assert peaks[1] - peaks[0] < 10 * 1024, peaks   # KiB: a few blocks, while the data grow by 47 MB
