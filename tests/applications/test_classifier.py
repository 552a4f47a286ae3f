import json
import tomllib
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import linen as nn
from scipy.spatial.distance import cdist

from aejax import data
from aejax.applications import classifier
from aejax.types import InputError

ROOT = Path(__file__).parent.parent.parent
DIGITS = data.load()


def test_it_reads_digits_that_it_was_not_trained_on():
    """The 2,000 embedded test digits lie in MNIST's test part."""
    judge = classifier.load("mnist")
    probabilities = np.asarray(judge.probabilities(DIGITS.test))
    accuracy = np.mean(probabilities.argmax(axis=1) == DIGITS.test_labels)
    assert accuracy >= 0.985 and abs(accuracy - judge.accuracy) < 0.01   # of 2,000: sd 0.002
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, rtol=1e-5)


@pytest.mark.parametrize(("name", "least"), [("mnist", 99.0), ("fashion_mnist", 89.0)])
def test_the_accuracy_it_states_is_the_measured_one(name, least):
    rows = json.loads((ROOT / "experiments" / "results" / "classifier.json").read_text())["rows"]
    found = {row["metric"]: row["value"] for row in rows if row["name"] == name}
    judge = classifier.load(name)
    assert found["test accuracy"] >= least
    assert judge.accuracy == pytest.approx(found["test accuracy"] / 100, abs=5e-5)   # four digits
    assert len(judge.label_names) == 10 and judge.name == name
    params, _ = classifier.read_weights(classifier.WEIGHTS / f"{name}.safetensors")
    assert sum(leaf.size for leaf in jax.tree.leaves(params)) == found["parameters"]
    assert (classifier.WEIGHTS / f"{name}.safetensors").stat().st_size == round(1e3 * found["weights"])


def test_its_convolutions_are_those_of_flax():
    params, _ = classifier.read_weights(classifier.WEIGHTS / "mnist.safetensors")
    x = jnp.asarray(DIGITS.test[:20], jnp.float32) / 255
    found = classifier.features(params, x)
    x = x.reshape(-1, 14, 2, 14, 2).transpose(0, 1, 3, 2, 4).reshape(-1, 14, 14, 4)
    for i, (width, stride) in enumerate(((32, 1), (64, 2), (48, 2))):
        convolution = nn.Conv(width, (3, 3), strides=stride, padding="SAME")
        x = nn.relu(convolution.apply({"params": params[f"convolutions_{i}"]}, x))
    expected = nn.relu(nn.Dense(classifier.FEATURES).apply({"params": params["hidden"]}, x.reshape(20, -1)))
    assert expected.max() > 1
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_weights_are_small_and_in_the_wheel():
    assert 0 < sum(path.stat().st_size for path in classifier.WEIGHTS.iterdir()) <= 500_000
    packaged = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["package-data"]
    (pattern,) = packaged["aejax.applications"]
    found = set((ROOT / "aejax" / "applications").glob(pattern))
    assert found == {classifier.WEIGHTS / f"{name}.safetensors" for name in classifier.NAMES.values()}


def test_bytes_and_floats_are_the_same_images():
    judge = classifier.load("mnist")
    images = DIGITS.test[:5]
    for function in (judge.features, judge.probabilities):
        expected = np.asarray(function(images))
        np.testing.assert_allclose(function(images / np.float32(255)), expected, atol=1e-5)
        np.testing.assert_array_equal(function(images), expected)
    assert judge.features(images).shape == (5, classifier.FEATURES)
    assert classifier.load("mnist_mini").name == "mnist"


def test_images_do_not_see_each_other():
    """More than are computed at once; one by one they give the same."""
    images = DIGITS.test[:classifier.CHUNK + 3]
    found = np.asarray(classifier.load("mnist").features(images))
    for index in (0, classifier.CHUNK - 1, classifier.CHUNK, len(images) - 1):
        alone = classifier.load("mnist").features(images[index: index + 1])
        np.testing.assert_allclose(found[index: index + 1], alone, atol=1e-4)


def test_it_can_be_compiled_and_differentiated():
    judge = classifier.load("mnist")
    images = jnp.asarray(DIGITS.test[:2] / np.float32(255))
    gradient = jax.jit(jax.grad(lambda x: jnp.sum(classifier.entropy(judge.probabilities(x)))))(images)
    assert gradient.shape == images.shape and float(jnp.abs(gradient).max()) > 0


@pytest.mark.parametrize(("images", "words"), [
    (np.zeros((2, 28, 28), np.uint8), "28, 28, 1"), (np.zeros((2, 32, 32, 1), np.uint8), "32"),
    (np.zeros((0, 28, 28, 1), np.uint8), "0"), (np.zeros((2, 28, 28, 1), np.int32), "int32"),
    (np.full((2, 28, 28, 1), -1.0, np.float32), "-1"), (np.full((2, 28, 28, 1), np.nan, np.float32), "NaN")])
def test_what_it_does_not_take_is_one_line(images, words):
    with pytest.raises(InputError, match=words) as error:
        classifier.load("mnist").features(images)
    assert len(str(error.value).splitlines()) == 1


def test_other_data_and_damaged_weights(tmp_path):
    with pytest.raises(InputError, match="cifar10.*fashion_mnist"):
        classifier.load("cifar10")
    (tmp_path / "x.safetensors").write_bytes((classifier.WEIGHTS / "mnist.safetensors").read_bytes()[:5000])
    for name in ("x", "missing"):
        with pytest.raises(InputError, match=name):
            classifier.read_weights(tmp_path / f"{name}.safetensors")


def test_weights_come_back_as_they_were_written(tmp_path):
    params = {"a": {"kernel": np.array([[0.5, -2.0]], np.float32)}, "b": np.array([3.0], np.float32)}
    size = classifier.write_weights(tmp_path / "w.safetensors", params, {"accuracy": "0.5"})
    found, facts = classifier.read_weights(tmp_path / "w.safetensors")
    assert size == (tmp_path / "w.safetensors").stat().st_size and facts == {"accuracy": "0.5"}
    assert jax.tree.structure(found) == jax.tree.structure(params)
    np.testing.assert_array_equal(found["a"]["kernel"], params["a"]["kernel"])
    assert found["b"].dtype == np.float32


def test_the_nearest_reference_is_scipys():
    rng = np.random.default_rng(0)
    x, references = rng.normal(100, 1, (300, 6)).astype(np.float32), rng.normal(100, 1, (50, 6)).astype(np.float32)
    x[7] = references[3]
    distance, index = classifier.nearest(x, references)
    expected = cdist(x.astype(np.float64), references.astype(np.float64))
    np.testing.assert_allclose(distance, expected.min(axis=1), rtol=1e-3, atol=1e-6)
    assert distance[7] == 0 and index[7] == 3 and np.mean(index == expected.argmin(axis=1)) > 0.98


def test_entropy_is_scipys():
    from scipy.stats import entropy
    p = np.random.default_rng(0).dirichlet(np.ones(10), 4).astype(np.float32)
    np.testing.assert_allclose(classifier.entropy(p), entropy(p, axis=1), rtol=1e-5)
