"""A small codec and a small model of pixels, trained once for the tests of compression."""

import jax
import numpy as np
import optax
import pytest

from aejax import codecs, networks, variants
from aejax.applications.compression import fit_codec
from aejax.applications.pixel_model import Geometry
from aejax.train import fit


@pytest.fixture(scope="session")
def codec(images):
    """Of `images`."""
    network = networks.Dense(shape=(6, 5, 1), code_dim=4, code_activation="identity")
    ae = variants.quantised(network, weight=0.02)
    state, _ = fit(ae, images, optimizer=optax.adam(1e-2), key=jax.random.key(0), epochs=40, batch_size=32)
    return fit_codec(ae, state.params, images)


@pytest.fixture(scope="session")
def pixels(codec, images):
    """Of `images` and of what `codec` makes of them."""
    return codecs.train_pixels(codec, images, epochs=40, batch_size=32, widths=(16, 12), geometry=Geometry(2, 1))


@pytest.fixture(scope="session")
def colour():
    """40 colour pictures, uint8 (40, 4, 3, 3), and a model of their pixels that guides tell nothing."""
    rng = np.random.default_rng(0)
    pictures = np.repeat(rng.integers(0, 256, (40, 4, 1, 3), np.uint8), 3, axis=2)
    return pictures, codecs.fit_pixels(pictures, np.zeros_like(pictures), epochs=10, widths=(8, 8),
                                       geometry=Geometry(1, 1))
