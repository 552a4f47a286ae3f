"""Autoencoders that several experiments use: one network, trained from several seeds together."""

from collections.abc import Mapping, Sequence
from typing import Any

import jax
import numpy as np
import optax

from aejax import networks, variants
from aejax.train.points import train_points
from aejax.types import Autoencoder, Params

NETWORKS: dict[str, dict[str, Any]] = {   # the lecture's, and a deeper one of the same code
    "784-30": {"code_dim": 30},
    "784-256-30": {"code_dim": 30, "widths": (256,), "activation": "relu", "code_activation": "identity"},
}


def trained(network: Mapping[str, Any], x: np.ndarray, *, seeds: Sequence[int], epochs: int, batch_size: int = 256,
            learning_rate: float = 1e-3) -> tuple[Autoencoder, list[Params]]:
    """A standard autoencoder of images, and its parameters for each seed; all seeds see the same batches."""
    ae = variants.standard(networks.Dense(shape=x.shape[1:], **network))
    states, _ = train_points(lambda: ae, x, points={}, seeds=np.array(seeds), optimizer=optax.adam(learning_rate),
                             shuffle_key=jax.random.key(1234), epochs=epochs, batch_size=batch_size)
    params = jax.device_get(states.params)
    return ae, [jax.tree.map(lambda leaf, i=i: leaf[i], params) for i in range(len(seeds))]
