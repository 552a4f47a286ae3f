import io
import json

import numpy as np
import pytest
import tensorflow_datasets as tfds
from PIL import Image

from aejax import data
from aejax.data import prepared

RANDOM = np.random.default_rng(0)


def png(image):
    file = io.BytesIO()
    Image.fromarray(image[..., 0] if image.shape[-1] == 1 else image).save(file, "png")
    return io.BytesIO(file.getvalue())


class Patches(tfds.core.GeneratorBasedBuilder, skip_registration=True):
    """A small set, of what the test hands over: {split: [(image, label), …]}."""

    VERSION = tfds.core.Version("1.0.0")

    def __init__(self, *, splits, labelled=True, tensor=False, **options):
        self.content, self.labelled, self.tensor = splits, labelled, tensor
        super().__init__(**options)

    def _info(self):
        first = next(iter(self.content.values()))[0][0]
        image = tfds.features.Image(shape=(None, None, first.shape[-1]))
        if self.tensor:
            image = tfds.features.Tensor(shape=first.shape, dtype=np.uint8,
                                         encoding=tfds.features.Encoding.BYTES)
        features = {"id": tfds.features.Scalar(dtype=np.int64), "picture": image}
        if self.labelled:
            features["kind"] = tfds.features.ClassLabel(names=["moss", "bark"])
        return tfds.core.DatasetInfo(builder=self, features=tfds.features.FeaturesDict(features),
                                     disable_shuffling=True)

    def _split_generators(self, dl_manager):
        return {split: self._generate_examples(content) for split, content in self.content.items()}

    def _generate_examples(self, content):
        for i, (image, label) in enumerate(content):
            yield i, {"id": i, "picture": image if self.tensor else png(image),
                      **({"kind": label} if self.labelled else {})}


def images(n, shape=(9, 7, 3)):
    return [(RANDOM.integers(0, 256, shape, np.uint8), i % 2) for i in range(n)]


@pytest.fixture
def prepare(tmp_path):
    def write(splits, folder=tmp_path, **options):
        builder = Patches(data_dir=str(folder), file_format="array_record", splits=splits, **options)
        builder.download_and_prepare(download_dir=str(tmp_path / "downloads"))
        return folder / "patches" / "1.0.0"
    return write


@pytest.mark.parametrize("tensor", [True, False])
def test_a_prepared_set_is_read_back(tmp_path, prepare, tensor):
    splits = {"train": images(6), "test": images(3)}
    folder = prepare(splits, tensor=tensor)
    dataset = data.load("patches", data_dir=tmp_path)
    for split, x, labels in (("train", dataset.train, dataset.train_labels),
                             ("test", dataset.test, dataset.test_labels)):
        np.testing.assert_array_equal(x, [image for image, _ in splits[split]])
        assert labels.tolist() == [label for _, label in splits[split]]
    assert dataset.train.dtype == np.uint8 and dataset.label_names == ("moss", "bark") and dataset.notes == ()
    assert str(folder) in dataset.source
    assert data.load(folder).digest == dataset.digest


def test_every_usual_place_is_looked_at(tmp_path, prepare, monkeypatch):
    splits = {"train": images(4), "test": images(2)}
    prepare(splits, folder=data.cache_dir())
    assert str(data.cache_dir()) in data.load("patches").source
    prepare(splits, folder=tmp_path / "tfds")
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path / "tfds"))
    assert str(tmp_path / "tfds") in data.load("patches").source


def test_without_a_test_split(tmp_path, prepare):
    prepare({"train": images(10)}, labelled=False, folder=tmp_path / "a")
    dataset = data.load("patches", data_dir=tmp_path / "a", seed=1)
    assert len(dataset.train) == 8 and len(dataset.test) == 2 and dataset.train_labels is None
    assert "80/20 by seed 1" in dataset.notes[0] and dataset.label_names is None
    prepare({"train": images(10), "validation": images(3)}, folder=tmp_path / "b")
    dataset = data.load("patches", data_dir=tmp_path / "b")
    assert len(dataset.test) == 3 and "'validation'" in dataset.notes[0]


def test_unequal_sizes_need_a_size(tmp_path, prepare, refused):
    prepare({"train": images(2) + images(1, (5, 4, 3)), "test": images(1)})
    with refused("9x7x3", "image 2 is 5x4x3", "--size"):
        data.load("patches", data_dir=tmp_path)
    assert data.load("patches", data_dir=tmp_path, size=(6, 5)).train.shape == (3, 6, 5, 3)


def change_info(folder, **changes):
    path = folder / "dataset_info.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


def test_another_format_is_refused_with_the_remedy(tmp_path, prepare, refused):
    folder = prepare({"train": images(2)})
    change_info(folder, fileFormat="tfrecord")
    with refused(folder, "tfrecord", "file_format='array_record'"):
        data.load("patches", data_dir=tmp_path)
    (folder / "dataset_info.json").write_text("{")
    with refused(folder, "dataset_info.json"):
        data.load("patches", data_dir=tmp_path)


def test_damage_is_refused_by_name(tmp_path, prepare, refused):
    folder = prepare({"train": images(4), "test": images(2)})
    (record,) = folder.glob("*train.array_record*")
    record.write_bytes(record.read_bytes()[:-2000])
    with refused(folder, "cannot be read", "prepare"):
        data.load("patches", data_dir=tmp_path)


def test_unfit_sets_are_refused(tmp_path, prepare, refused):
    folder = prepare({"test": images(2)}, folder=tmp_path / "a")
    with refused(folder, "no split 'train'", "test"):
        data.load("patches", data_dir=tmp_path / "a")

    class Numbers(Patches):
        def _info(self):
            return tfds.core.DatasetInfo(builder=self, features=tfds.features.FeaturesDict({"id": np.int64}))

        def _generate_examples(self, content):
            yield 0, {"id": 1}
    Numbers(data_dir=str(tmp_path / "b"), file_format="array_record", splits={"train": images(1)}
            ).download_and_prepare(download_dir=str(tmp_path / "downloads"))
    with refused("no uint8 image", "id"):
        data.load("numbers", data_dir=tmp_path / "b")


def test_the_newest_version_and_the_named_configuration(tmp_path):
    for name in ("set/1.9.0", "set/1.10.0", "set/1.2", "other/big/2.0.0", "other/small/3.0.0",
                 "set/incomplete.1.11.0"):
        (tmp_path / name).mkdir(parents=True)
        (tmp_path / name / "dataset_info.json").write_text("{}")
    assert prepared.find("set", [tmp_path / "no", tmp_path]) == tmp_path / "set/1.10.0"
    assert prepared.find("other/big", [tmp_path]) == tmp_path / "other/big/2.0.0"
    assert prepared.find("other", [tmp_path]).parent.parent == tmp_path / "other"
    assert prepared.find("absent", [tmp_path]) is None and prepared.find("../set", [tmp_path]) is None
    assert prepared.available([tmp_path]) == ["other", "set"]


def test_stock_names_prepared_by_tensorflow_datasets_are_used(tmp_path, refused):
    class Mnist(Patches):
        pass
    splits = {"train": images(4, (28, 28, 1)), "test": images(2, (28, 28, 1))}
    Mnist(data_dir=str(tmp_path), file_format="array_record", splits=splits).download_and_prepare(
        download_dir=str(tmp_path / "downloads"))
    dataset = data.load("mnist", data_dir=tmp_path)
    assert dataset.train.shape == (4, 28, 28, 1) and "tensorflow-datasets" in dataset.source
    change_info(tmp_path / "mnist" / "1.0.0", fileFormat="tfrecord")
    with refused("tfrecord, which needs TensorFlow", "download"):
        data.load("mnist", data_dir=tmp_path)


def test_a_prepared_set_is_checked_by_its_name(tmp_path, prepare):
    train = images(8)
    prepare({"train": train, "test": train[:1] + images(2)})
    report = data.check("patches", data_dir=tmp_path)
    assert report["kind"] == "images" and report["shape"] == [9, 7, 3] and report["examples"] == {"train": 8, "test": 3}
    assert report["classes"] == {"train": {"moss": 4, "bark": 4}, "test": {"moss": 2, "bark": 1}}
    assert report["duplicates"] == {"train": 0, "test_in_train": 1} and report["warnings"][0].startswith("leak: 1 test")
