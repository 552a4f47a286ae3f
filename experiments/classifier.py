"""How good is the small classifier that pictures are measured with? Trained and tested on MNIST and Fashion-MNIST.

Three convolutions and a layer of 64 features, 97,000 weights kept as float16; Adam with a cosine schedule on all 60,000
training images, each batch shifted by up to two pixels, clothes mirrored at random. No setting was searched for; the
test images are labelled with the weights as they are committed.

Command: python -m experiments.classifier --data-dir FOLDER   (about 7 minutes on 2 cores)
Result: experiments/results/classifier.json, aejax/applications/weights/*.safetensors
"""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import optax
import tyro

from aejax import data
from aejax.applications.classifier import FEATURES, NETWORK, SHAPE, WEIGHTS, features, logits, nearest, write_weights
from aejax.autoencoder import to_range
from aejax.train import fit
from aejax.types import Autoencoder
from experiments._record import BaseConfig, Record

MIRRORED = ("fashion_mnist",)   # a mirrored shoe is a shoe, a mirrored digit is none
SHIFT = 2   # pixels


@dataclasses.dataclass(frozen=True)
class Config(BaseConfig):
    """Budget of the full run; `--smoke` takes a few digits, and writes weights beside its results."""

    names: tuple[str, ...] = ("mnist", "fashion_mnist")
    epochs: tuple[int, ...] = (6, 10)   # of each
    batch_size: int = 256
    learning_rate: float = 3e-3
    seed: int = 0


def main(config: Config) -> Record:
    """Trains, writes the weights, and measures them as they were written."""
    record = Record("classifier", config)
    folder = record.path.parent if config.smoke or config.output else WEIGHTS
    for name, epochs in [("mnist_mini", 1)] if config.smoke else zip(config.names, config.epochs, strict=True):
        dataset = data.load(name, data_dir=config.data_dir)
        settings = {"data": dataset.digest, "epochs": epochs, "batch_size": config.batch_size,
                    "learning_rate": config.learning_rate, "seed": config.seed}
        if record.done(name, settings):
            continue
        train, test, labels = dataset.train, dataset.test, dataset.test_labels
        if config.smoke:
            train, test, labels = train[:256], test[:100], labels[:100]
        batch_size = 32 if config.smoke else config.batch_size
        x = {"image": train, "label": dataset.train_labels[: len(train)]}
        rate = optax.cosine_decay_schedule(config.learning_rate, epochs * (len(train) // batch_size))
        state, history = fit(classifier(name in MIRRORED), x, optimizer=optax.adam(rate), epochs=epochs,
                             batch_size=batch_size, key=jax.random.key(config.seed))
        path = folder / f"{name}.safetensors"
        params = jax.tree.map(lambda leaf: leaf.astype(jnp.float16).astype(jnp.float32), state.params)   # as written
        found = jax.nn.log_softmax(logits(params, test), axis=1)
        accuracy = float(jnp.mean(jnp.argmax(found, axis=1) == labels))
        size = write_weights(path, params, {"data": name, "accuracy": f"{accuracy:.4f}", "images": str(len(test))})
        distances, _ = nearest(features(params, test[:1000]), features(params, train))
        values = {"test accuracy": ("%", [100 * accuracy]),
                  "test cross-entropy": ("nats", [-float(jnp.mean(found[np.arange(len(labels)), labels]))]),
                  "loss of the last epoch": ("nats", history["loss"][-1:]),
                  "test image to the nearest training image": ("feature unit", [float(distances.mean())]),
                  "weights": ("kB", [size / 1e3]),
                  "parameters": ("", [sum(leaf.size for leaf in jax.tree.leaves(params))]),
                  "features": ("", [FEATURES])}
        record.add(name, settings, values, seeds=[config.seed], n=len(test))
    return record


def classifier(mirrored: bool) -> Autoencoder:
    """What a training step needs: where parameters begin, and the cross-entropy on shifted (and mirrored) images."""
    def init(key, x):
        return NETWORK.init(key, jnp.zeros((1, *SHAPE)))["params"]

    def loss(params, key, batch):
        images = to_range(batch["image"], (0.0, 1.0))
        keys = jax.random.split(key, 2)
        corner = jax.random.randint(keys[0], (2,), 0, 2 * SHIFT + 1)   # of a whole batch alike
        wide = jnp.pad(images, ((0, 0), (SHIFT, SHIFT), (SHIFT, SHIFT), (0, 0)))
        images = jax.lax.dynamic_slice(wide, (0, corner[0], corner[1], 0), images.shape)
        if mirrored:
            flip = jax.random.bernoulli(keys[1], shape=(len(images), 1, 1, 1))
            images = jnp.where(jnp.broadcast_to(flip, images.shape), images[:, :, ::-1], images)
        found = NETWORK.apply({"params": params}, images)
        error = optax.softmax_cross_entropy_with_integer_labels(found, batch["label"]).mean()
        return error, {"loss": error}
    return Autoencoder(init, None, None, loss, (0.0, 1.0))


if __name__ == "__main__":
    main(tyro.cli(Config, description=__doc__))
