"""What `test_parallel` checks, computed on 8 virtual CPU devices in one process: `python many_devices.py OUTPUT`.

XLA_FLAGS says how many devices: --xla_force_host_platform_device_count=8. Importing this file, as pytest does to look
for doctests, leaves the flags of its own process alone.
"""

import functools
import json
import re
import sys
import warnings
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import optax

from aejax import networks, variants
from aejax.data import convert, open_shards
from aejax.train import NonFiniteLossError, feed, fit, init_state
from aejax.train.checkpoints import Checkpoints
from aejax.train.parallel import OverMesh, Static, route
from aejax.train.step import epoch_order, step_key, zero_sums
from aejax.types import Autoencoder, Callback, InputError

warnings.simplefilter("error")
jax.config.update("jax_numpy_rank_promotion", "raise")
KEY, SGD, FROZEN = jax.random.key(0), optax.sgd(0.05), optax.sgd(0.0)
X = np.random.default_rng(0).integers(0, 256, (83, 12), np.uint8)   # 5 batches of 16, and 3 examples too many
VALIDATION = np.random.default_rng(1).integers(0, 256, (21, 12), np.uint8)
ROUTES = {"mesh": {"devices": "all"}, "pmap": {"devices": 8, "parallel": "pmap"}}
VALIDATED = ("standard", "denoising", "sparse-kl")
NOISY = ("denoising", "higher_order_contractive", "importance_weighted", "quantised", "variational", "wasserstein",
         "adversarial", "vector_quantised")


def dense(widths=(6,), **options):
    return networks.Dense(shape=(12,), code_dim=4, widths=widths, **options)


@functools.cache
def models():
    """Built once, since a program is compiled for each."""
    made = {name: getattr(variants, name)(dense()) for name in variants.NAMES}
    made["wasserstein"] = variants.wasserstein(dense(), weight=1.0)   # a larger one magnifies rounding in 100 steps
    return made | {"sparse-kl": variants.sparse(dense(code_activation="sigmoid"), sparsity="kl", weight=0.1)}


def apart(one, other):
    """The largest difference of two trees."""
    pairs = zip(jax.tree.leaves(one), jax.tree.leaves(other), strict=True)
    return max(float(np.abs(np.asarray(a, np.float64) - np.asarray(b, np.float64)).max()) for a, b in pairs)


def metrics(history):
    return {name: values for name, values in history.items() if name != "seconds"}


def train(ae, x=X, *, epochs=3, optimizer=SGD, batch_size=16, **options):
    return fit(ae, x, optimizer=optimizer, key=KEY, epochs=epochs, batch_size=batch_size, **options)


def over_shards(ae, epochs):
    """SGD by hand: each device's part of the batch, its key folded with its index, and the mean of the gradients."""
    init_key, noise_key, order_key = (jax.random.fold_in(KEY, i) for i in range(3))
    params = init_state(ae, SGD, init_key, X[:1]).params

    @jax.jit
    def gradient_of(params, key, device, x):
        return jax.grad(lambda params: ae.loss(params, jax.random.fold_in(key, device), x)[0])(params)

    @jax.jit
    def descend(params, gradients):
        mean = jax.tree.map(lambda *leaves: sum(leaves) / 8, *gradients)
        return jax.tree.map(lambda p, g: p - 0.05 * g, params, mean)
    for epoch in range(epochs):
        order = epoch_order(order_key, epoch, len(X))
        for step in range(5):
            parts = X[order[step * 16:(step + 1) * 16]].reshape(8, 2, 12)
            key = step_key(noise_key, epoch, step)
            params = descend(params, [gradient_of(params, key, device, part) for device, part in enumerate(parts)])
    return params


def equality():
    """100 SGD steps of every variant; for three, validation of a size that the devices do not divide."""
    found = {}
    for name, ae in models().items():
        options = {"epochs": 20, "validation": VALIDATION if name in VALIDATED else None}
        state, history = train(ae, **options)
        found[name] = {}
        for kind, way in ROUTES.items():
            other, others = train(ae, **options, **way)
            found[name][kind] = {"params": apart(state.params, other.params), "step": int(other.step),
                                 "shape": apart(jax.tree.map(np.shape, state), jax.tree.map(np.shape, other)),
                                 "history": apart(metrics(history), metrics(others))}
        if name in (*NOISY, "sparse-kl"):
            found[name]["shards"] = apart(over_shards(ae, 6), train(ae, epochs=6, **way)[0].params)
        found[name]["moved"] = apart(state.params, init_state(ae, SGD, jax.random.fold_in(KEY, 0), X[:1]).params)
    return found


def collectives(text):
    """(kind, bytes, whether it stands in a loop's body) of each collective of a compiled program."""
    found, computation = [], ""
    bodies = set(re.findall(r"body=%([\w.\-]+)", text))
    for line in text.splitlines():
        if head := re.match(r"(?:ENTRY )?%([\w.\-]+) \(", line):
            computation = head[1]
        match = re.search(r"= (.*?) (all-reduce|all-gather|reduce-scatter|all-to-all|collective-[a-z]+)(?:-start)?\(",
                          line)
        if match:
            sizes = [np.prod([int(n) for n in shape.split(",") if n], initial=int(bits) // 8)
                     for bits, shape in re.findall(r"[a-z]+(\d+)\[([\d,]*)\]", match[1])]
            found.append([match[2], int(sum(sizes)), computation in bodies])
    return found


def programs():
    """The collectives of the programs that `fit` runs."""
    networks_of = {0: (), 1: (6,), 3: (8, 7, 6)}
    made = {f"{name} {depth}": getattr(variants, name)(dense(widths)) for name in ("standard", "tied")
            for depth, widths in networks_of.items()}
    made |= {f"{name} 1": ae for name, ae in models().items()}   # those of `equality`, compiled already
    made["contractive 0"] = variants.contractive(dense(()))
    found = {}
    for name, ae in made.items():
        for kind, options in ROUTES.items():
            on = route(options["devices"], options.get("parallel", "mesh"), 1, 16)
            state = init_state(ae, SGD, KEY, X[:1])
            sums = zero_sums(ae, state, X[:1], 16)
            placed, x = on.spread((state, sums)), on.put(X[:80].reshape(5, 16, 12))
            program = on.program(placed[0], Static(ae, SGD, 16))
            text = program.lower(*placed, x, on.spread(KEY), 0, 0, 5).compile().as_text()
            kernels = sum(leaf.nbytes for leaf in jax.tree.leaves(state.params) if leaf.ndim == 2)
            found.setdefault(name, {})[kind] = {
                "found": collectives(text), "params": sum(leaf.nbytes for leaf in jax.tree.leaves(state.params)),
                "kernels": kernels, "metrics": len(sums)}
    return found


class Seen(Callback):
    """Notes what callbacks are shown; `cut` ends the run as a power cut would, after that epoch."""

    def __init__(self, cut=None):
        self.cut, self.shapes = cut, []

    def on_epoch_end(self, epoch, logs, state):
        self.shapes.append([list(np.shape(leaf)) for leaf in jax.tree.leaves(state)])
        if epoch == self.cut:
            raise RuntimeError("power cut")


def resumed(ae, folder, first, then, **options):
    """Stopped in the second epoch after a checkpoint at its step 1, resumed in another way."""
    def checkpoint(way):
        return Checkpoints(folder, configuration={"seed": 0, "devices": None, **way}, every=3)
    try:
        train(ae, callbacks=[Seen(1)], checkpoint=checkpoint(first), **options, **first)
    except RuntimeError:
        steps = sorted(int(path.name) for path in folder.glob("[0-9]*"))
    return train(ae, checkpoint=checkpoint(then), resume=True, **options, **then), steps


def checkpoints(folder):
    found, adam = {}, optax.adam(1e-2)
    ways = {"one": {}, **ROUTES, "model": {"devices": 8, "model_devices": 2}}
    pairs = {"mesh mesh": "denoising", "mesh one": "denoising", "one mesh": "denoising", "pmap pmap": "denoising",
             "pmap one": "standard", "one pmap": "standard", "mesh pmap": "standard", "model one": "standard"}
    options = {"optimizer": adam, "validation": VALIDATION, "patience": 9}
    uninterrupted = functools.cache(lambda name, way: train(models()[name], **options, **ways[way]))
    for pair, name in pairs.items():
        ae = models()[name]
        first, then = pair.split()
        whole, history = uninterrupted(name, first)
        (state, others), steps = resumed(ae, folder / pair, ways[first], ways[then], **options)
        found[pair] = {"state": apart(whole, state), "history": apart(metrics(history), metrics(others)),
                       "steps": steps, "epochs": len(others["loss"])}
    return found


def sources(folder):
    """Shards, arrays and pytrees in blocks of 2 steps."""
    pictures = X.reshape(-1, 4, 3, 1)
    shards = open_shards(convert(pictures, folder / "shards", shard_bytes=200))
    feed.BLOCK, found = 2, {}
    ae = variants.denoising(networks.Dense(shape=(4, 3, 1), code_dim=4))
    one, _ = train(ae, pictures)
    for kind, options in ROUTES.items():
        (array, history), (disk, streamed) = (train(ae, x, **options) for x in (pictures, shards))
        found[kind] = {"shards": apart(array, disk), "one": apart(one, disk), "history": apart(
            metrics(history), metrics(streamed))}
    pairs = {"x": X[:, :3] / np.float32(255), "y": X[:, 3:5] / np.float32(255)}
    ae = Autoencoder(init=lambda key, x: jnp.zeros((3, 2)), encode=None, decode=None, range=None,
                     loss=lambda p, key, b: ((s := jnp.mean(jnp.square(b["x"] @ p - b["y"] - 1))), {"loss": s}))
    one, _ = train(ae, pairs, validation=pairs)
    found["pytree"] = {kind: apart(one, train(ae, pairs, validation=pairs, **options)[0])
                       for kind, options in ROUTES.items()}
    feed.BLOCK = 64
    return found


def evaluations():
    """1029 examples: a full batch over the devices, and 5 more."""
    validation, ae = np.random.default_rng(2).integers(0, 256, (1029, 12), np.uint8), models()["denoising"]
    lasts = {kind: train(ae, epochs=1, optimizer=FROZEN, validation=validation, **options)[1]["val_loss"][0]
             for kind, options in {"one": {}, **ROUTES}.items()}
    on = OverMesh(tuple(jax.devices()))
    return lasts | {"spread": [str(part.sharding.spec) for part in on.validation(validation)]}


def the_model_axis():
    adam, ae, found = optax.adam(1e-2), variants.tied(dense((9,))), {}
    for name, optimizer in (("sgd", SGD), ("adam", adam)):
        one, history = train(ae, epochs=20, optimizer=optimizer, validation=VALIDATION)
        state, others = train(ae, epochs=20, optimizer=optimizer, validation=VALIDATION, devices="all", model_devices=2)
        found[name] = {"params": apart(one.params, state.params), "history": apart(metrics(history), metrics(others))}
    leaves = {jax.tree_util.keystr(path): [str(leaf.sharding.spec), list(leaf.addressable_shards[0].data.shape)]
              for path, leaf in jax.tree_util.tree_leaves_with_path(state)}
    return found | {"leaves": leaves}


def the_unusual():
    """Failures, callbacks, early stopping, recompilation."""
    found = {}

    def loss(p, key, x):   # one bad example of the fourth batch seen, on one device
        error, penalty = jnp.mean(jnp.square(p - x)), jnp.mean(jnp.where(x > 8.0, jnp.nan, 0.0))
        return error + penalty, {"loss": error + penalty, "reconstruction": error, "penalty": penalty}
    bad = Autoencoder(init=lambda key, x: jnp.zeros(()), encode=None, decode=None, range=(0.0, 9.0), loss=loss)
    x = np.zeros((80, 1), np.float32)
    x[epoch_order(jax.random.fold_in(KEY, 2), 0, 80)[3 * 16 + 5]] = 9.0
    walking = Autoencoder(init=lambda key, x: jnp.zeros(()), encode=None, decode=None, range=(0.0, 9.0),
                          loss=lambda p, key, x: ((s := jnp.mean(jnp.square(p - x))), {"loss": s}))
    slow = optax.chain(optax.scale_by_sign(), optax.scale(-1.0))
    for kind, options in ROUTES.items():
        try:
            train(bad, x, optimizer=slow, **options)
        except NonFiniteLossError as error:
            found[kind] = {"error": str(error), "step": int(error.state.step)}
        state, history = fit(walking, np.full((16, 1), 9.0, np.float32), optimizer=slow, key=KEY, epochs=20,
                             batch_size=16, validation=np.full((3, 1), 3.0, np.float32), patience=2, **options)
        found[kind] |= {"val_loss": history["val_loss"], "best": float(state.params)}
        seen, ae = Seen(), models()["standard"]
        state, _ = train(ae, callbacks=[seen], **options)
        found[kind]["shapes"] = [shapes == [list(leaf.shape) for leaf in jax.tree.leaves(init_state(
            ae, SGD, KEY, X[:1]))] for shapes in seen.shapes]
        found[kind]["everywhere"] = all(leaf.is_fully_replicated and len(leaf.devices()) == 8
                                        for leaf in jax.tree.leaves(state))
    on = route("all", "mesh", 1, 16)
    program = on.program(state if kind == "mesh" else on.spread(state), Static(ae, SGD, 16))
    for _ in range(2):
        train(ae, epochs=4, devices="all")
    found["compiled"] = program._cache_size()
    one, two = (train(models()["denoising"], **options)[0] for options in ({}, {"devices": 1}))
    found["one device"] = apart(one, two)
    found["some"] = [len(leaf.devices()) for leaf in jax.tree.leaves(
        train(ae, devices=jax.devices()[2:6])[0])]
    return found


def refusals():
    ae, found = models()["standard"], {}
    for name, options in {
            "batch": {"devices": "all", "batch_size": 20}, "small": {"devices": "all", "batch_size": 5},
            "pmap batch": {"devices": 8, "parallel": "pmap", "batch_size": 20}, "many": {"devices": 9},
            "none": {"devices": 0}, "name": {"devices": "gpu"}, "true": {"devices": True}, "empty": {"devices": []},
            "twice": {"devices": jax.devices()[:1] * 2}, "route": {"devices": 2, "parallel": "shard"},
            "model": {"devices": 8, "model_devices": 3}, "model pmap": {**ROUTES["pmap"], "model_devices": 2}}.items():
        try:
            train(ae, **options)
            found[name] = None
        except InputError as error:
            found[name] = str(error)
    return found


if __name__ == "__main__":
    output = Path(sys.argv[1])
    parts = {"equality": equality, "programs": programs, "checkpoints": functools.partial(checkpoints, output),
             "sources": functools.partial(sources, output), "evaluations": evaluations, "model": the_model_axis,
             "unusual": the_unusual, "refusals": refusals}
    chosen = sys.argv[2:] or list(parts)
    (output / "found.json").write_text(json.dumps({name: parts[name]() for name in chosen}))
