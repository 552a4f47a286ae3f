"""MNIST and Fashion-MNIST as tensorflow-datasets builders that need no TensorFlow.

The stock builders read their files through TensorFlow. These have names of their own, so that they never mix
with sets that the stock ones prepared. Imported only when something has to be prepared: tensorflow-datasets
takes a moment. The checksums of the addresses stand in `checksums.tsv` beside this file, where
tensorflow-datasets finds them by itself.
"""

from pathlib import Path

import numpy as np
import tensorflow_datasets as tfds

from aejax.data import idx
from aejax.data.published import LABELS


class IdxBuilder(tfds.core.GeneratorBasedBuilder, skip_registration=True):
    """Four IDX files -> array_record; from `manual_dir` if they are there, else by download.

    Args:
      shape: of one image, (H, W, 1). The published sets have (28, 28, 1).
    """

    VERSION = tfds.core.Version("1.0.0")
    MANUAL_DOWNLOAD_INSTRUCTIONS = "Optional: a folder with the four IDX files, plain or .gz."
    URL = ""
    LABELS: tuple[str, ...] = ()

    def __init__(self, *, shape: tuple[int, ...] = (28, 28, 1), **options):
        self._shape = shape
        super().__init__(**options)

    def _info(self):
        # DatasetInfo by hand: the usual helper looks for metadata files that this package does not have.
        return tfds.core.DatasetInfo(
            builder=self, disable_shuffling=True, supervised_keys=("image", "label"),
            features=tfds.features.FeaturesDict({
                "image": tfds.features.Tensor(shape=self._shape, dtype=np.uint8,
                                              encoding=tfds.features.Encoding.BYTES),
                "label": tfds.features.ClassLabel(names=list(self.LABELS))}))

    def _split_generators(self, dl_manager):
        try:
            paths = idx.find(Path(dl_manager.manual_dir))
        except (AssertionError, OSError):   # how tensorflow-datasets says that there is no such folder
            paths = None
        if paths is None:
            # One after another: of several at once, those that outlive the first failure would go on retrying,
            # and hold up the end of the program for minutes.
            paths = tuple(Path(dl_manager.download(f"{self.URL}{name}.gz")) for name in idx.FILES)
        train, train_labels, test, test_labels = idx.read_set(paths)
        return {"train": self._generate_examples(train, train_labels),
                "test": self._generate_examples(test, test_labels)}

    def _generate_examples(self, images, labels):
        for i, (image, label) in enumerate(zip(images, labels, strict=True)):
            yield i, {"image": image[..., None], "label": int(label)}


class AejaxMnist(IdxBuilder):
    """Handwritten digits, 60,000 + 10,000."""

    URL = "https://storage.googleapis.com/cvdf-datasets/mnist/"
    LABELS = LABELS["mnist"]


class AejaxFashionMnist(IdxBuilder):
    """Pictures of clothes, 60,000 + 10,000."""

    URL = "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/"
    LABELS = LABELS["fashion_mnist"]


BUILDERS = {"mnist": AejaxMnist, "fashion_mnist": AejaxFashionMnist}
