"""What `test_hosts` compares: a run of two processes of 4 devices, or of one of 8.

`two_hosts.py OUTPUT [PORT ID COUNT]`, or `two_hosts.py OUTPUT environment`; XLA_FLAGS says how many devices.
"""

import json
import signal
import sys
from pathlib import Path

import jax
import numpy as np
import optax

from aejax import networks, variants
from aejax.data import convert, open_shards
from aejax.train import TrainingInterruptedError, feed, fit
from aejax.train.checkpoints import Checkpoints
from aejax.train.hosts import by_first, initialize, meet
from aejax.train.parallel import local
from aejax.types import Callback, InputError

X = np.random.default_rng(0).integers(0, 256, (83, 4, 3, 1), np.uint8)
NETWORK, SGD = networks.Dense(shape=(4, 3, 1), code_dim=4, widths=(6,)), optax.sgd(0.05)


class Ask(Callback):
    """The last process alone is asked to stop, after the first epoch."""

    def on_epoch_end(self, epoch, logs, state):
        if epoch == 0 and jax.process_index() == jax.process_count() - 1:
            signal.raise_signal(signal.SIGTERM)


def train(ae, x=X, **options):
    return fit(ae, x, **{"optimizer": SGD, "key": jax.random.key(0), "epochs": 3, "batch_size": 16,
                         "validation": X[:21], "devices": "all"} | options)


def main(output):
    feed.BLOCK, found, arrays = 2, {"devices": [jax.process_count(), jax.local_device_count()]}, {}
    noisy, plain = variants.denoising(NETWORK), variants.tied(NETWORK)
    by_first(lambda: convert(X, output / "shards", shard_bytes=200))
    shards = open_shards(output / "shards")
    for name, (ae, x, options) in {
            "default": (noisy, X, {"devices": None}), "mesh": (noisy, X, {}), "shards": (noisy, shards, {}),
            "model": (plain, X, {"model_devices": 2}), "wide": (plain, X, {"model_devices": 8}),
            "pmap": (noisy, X, {"parallel": "pmap"}), "pmap shards": (noisy, shards, {"parallel": "pmap"})}.items():
        state, history = train(ae, x, **options)
        arrays |= {f"{name} {i}": np.asarray(leaf) for i, leaf in enumerate(jax.tree.leaves(local(state)))}
        arrays |= {f"{name} {key}": np.array(history[key]) for key in ("loss", "val_loss")}

    def checkpoint():
        return Checkpoints(output / "run", configuration={}, every=3)
    for resume in (False, True):
        try:
            state, _ = train(noisy, checkpoint=checkpoint(), resume=resume, callbacks=[] if resume else [Ask()])
        except TrainingInterruptedError as stop:
            found["stopped"] = str(stop)
    arrays |= {f"resumed {i}": np.asarray(leaf) for i, leaf in enumerate(jax.tree.leaves(local(state)))}

    def refuse():
        raise InputError("not this one")
    try:
        by_first(refuse)
    except InputError as error:
        found["refused"] = str(error)
    try:
        train(noisy, devices=3)
    except InputError as error:
        found["three"] = str(error)
    mine = output / f"found-{jax.process_index()}"
    np.savez(mine.with_suffix(".npz"), **arrays)
    mine.with_suffix(".json").write_text(json.dumps(found))
    meet("end")


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    if sys.argv[2:] == ["environment"]:
        initialize()
        (folder / f"{jax.process_index()}.json").write_text(json.dumps([jax.process_count(), jax.device_count()]))
    else:
        if len(sys.argv) > 2:
            initialize(f"127.0.0.1:{sys.argv[2]}", int(sys.argv[3]), int(sys.argv[4]), timeout=120)
        main(folder)
