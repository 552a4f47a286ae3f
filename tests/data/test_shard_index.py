import hashlib
import json

import numpy as np
import pytest

from aejax import data
from aejax.data import shard_index


@pytest.fixture
def folder(tmp_path):
    return data.convert(np.zeros((4, 3), np.uint8), tmp_path / "set")


def change(folder, edit):
    index = json.loads((folder / "index.json").read_text())
    edit(index)
    (folder / "index.json").write_text(json.dumps(index))


def test_the_index_describes_the_files(folder):
    index = shard_index.read_index(folder)
    (file,) = index["parts"]["train"]["files"]
    content = (folder / file["file"]).read_bytes()
    assert file == {"file": "train-00000.npy", "examples": 4, "bytes": len(content),
                    "sha256": hashlib.sha256(content).hexdigest()}
    assert index["format"] == "aejax shards" and index["version"] == 1 and index["shape"] == [3]


@pytest.mark.parametrize("edit", [
    lambda index: index.pop("shape"), lambda index: index.update(dtype="object"), lambda index: index.update(shape=[0]),
    lambda index: index.update(shape="x"), lambda index: index.update(range=None), lambda index: index.update(parts={}),
    lambda index: index.update(range=[0]), lambda index: index.update(parts={"train": {}}),
    lambda index: index.update(format="other"), lambda index: index["parts"]["train"].update(files=[]),
    lambda index: index["parts"]["train"]["files"][0].update(examples=-1),
    lambda index: index["parts"]["train"]["files"][0].update(file="../set/train-00000.npy"),
    lambda index: index["parts"]["train"].update(label_files=index["parts"]["train"]["files"] * 2)])
def test_a_damaged_index_is_named(folder, refused, edit):
    change(folder, edit)
    with refused(folder / "index.json", "damaged", "convert"):
        data.open_shards(folder)


@pytest.mark.parametrize("text", ["", "[", "[]", "null", "\xff"])
def test_an_index_that_is_none(folder, refused, text):
    (folder / "index.json").write_bytes(text.encode("latin-1"))
    with refused(folder / "index.json", "damaged"):
        data.open_shards(folder)


def test_a_later_version_is_refused(folder, refused):
    change(folder, lambda index: index.update(version=2))
    with refused(folder / "index.json", "version 2"):
        data.open_shards(folder)
