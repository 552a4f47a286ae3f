import numpy as np
import tensorflow_datasets as tfds

from aejax.data import builders


def test_a_builder_serves_tensorflow_datasets_own_way(tmp_path, write_idx):
    arrays = write_idx(tmp_path / "idx")
    builder = builders.AejaxMnist(data_dir=str(tmp_path / "out"), file_format="array_record")
    config = tfds.download.DownloadConfig(manual_dir=str(tmp_path / "idx"))
    builder.download_and_prepare(download_dir=str(tmp_path / "downloads"), download_config=config)
    source = tfds.data_source("aejax_mnist", split="train", data_dir=str(tmp_path / "out"))
    assert len(source) == len(arrays[0])
    for record, image, label in zip(source, arrays[0], arrays[1], strict=True):
        np.testing.assert_array_equal(record["image"][..., 0], image)
        assert record["label"] == label


def test_names_differ_from_the_stock_builders():
    assert [builder.name for builder in builders.BUILDERS.values()] == ["aejax_mnist", "aejax_fashion_mnist"]


def test_every_address_has_its_published_checksum():
    for builder in builders.BUILDERS.values():
        for name in ("train-images-idx3-ubyte.gz", "t10k-labels-idx1-ubyte.gz"):
            assert len(builder.url_infos[builder.URL + name].checksum) == 64
