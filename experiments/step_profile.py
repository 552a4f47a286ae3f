"""Where does the time of a training step go? Thread time by kind of work, read off a trace of XLA's own events.

MNIST's first images, batch 256, Adam, the loop that `fit` runs. A program's instructions are sorted by what they do:
products (also where fused), gathering (rows of the data set, and their conversion to floats), sums (bias gradients,
the loss, the check that all is finite), element-wise work of loss and gradient, random numbers, the optimiser.
Instructions overlap on several threads, so that their sum is not the seconds on the clock; both are given.

Command: python -m experiments.step_profile --data-dir FOLDER   (about 2 minutes on 2 cores)
Result: experiments/results/step_profile.json
"""

import collections
import dataclasses
import gzip
import json
import re
import tempfile
import time
from pathlib import Path

import jax
import numpy as np
import optax
import tyro

from aejax import corruptions, data, losses, networks, variants
from aejax.train.resident import resident
from aejax.train.step import epoch_order, init_state, run_segment, zero_sums
from aejax.types import Autoencoder
from experiments._record import BaseConfig, Record

NO_EVENTS = ("while", "call", "parameter", "get-tuple-element", "tuple", "constant", "bitcast")   # of their own
KINDS = ("products", "element-wise", "sums", "gathering", "random numbers", "optimiser", "copies and the rest")


@dataclasses.dataclass(frozen=True)
class Config(BaseConfig):
    """Sizes of the profile; `--smoke` takes few images of mnist_mini."""

    batch_size: int = 256
    images: int = 25_600
    rounds: int = 5


def main(config: Config) -> Record:
    """Profiles standard and denoising steps of two widths."""
    record = Record("step_profile", config)
    images, rounds, widths = (512, 1, (3,)) if config.smoke else (config.images, config.rounds, (30, 500))
    x = data.load("mnist_mini" if config.smoke else "mnist", data_dir=config.data_dir).train[:images]
    for code_dim in widths:
        network = networks.Dense(shape=x.shape[1:], code_dim=code_dim)
        loss = losses.mean_squared_error()
        models = {"standard": variants.standard(network, reconstruction=loss),
                  "denoising": variants.denoising(network, corruption=corruptions.masking_noise(0.5),
                                                  reconstruction=loss)}
        for name, ae in models.items():
            row, settings = f"784-{code_dim}-784 {name}", {"images": images, "rounds": rounds}
            if record.done(row, settings):
                continue
            clock, spent = profile(ae, x, config.batch_size, rounds)
            values = {"clock": ("µs a step", [clock])}
            values |= {kind: ("µs of threads a step", [spent[kind]]) for kind in KINDS}
            record.add(row, settings, values, seeds=[0], n=rounds * (images // config.batch_size))
    return record


def profile(ae: Autoencoder, images: np.ndarray, batch_size: int, rounds: int) -> tuple[float, dict[str, float]]:
    """Median µs a step by the clock, without the profiler; and µs of threads by kind, within it."""
    optimizer, key, x = optax.adam(1e-3), jax.random.key(0), resident(images)
    steps, order = len(images) // batch_size, epoch_order(key, 0, len(images))
    state = [init_state(ae, optimizer, key, images[:1])]

    def arguments():
        return state[0], zero_sums(ae, state[0], images, batch_size), x, order, key, 0, 0, steps
    compiled = run_segment.lower(*arguments(), ae=ae, optimizer=optimizer, batch_size=batch_size).compile()

    def epoch() -> float:
        given = arguments()
        begin = time.perf_counter()
        state[0] = jax.block_until_ready(compiled(*given)[0])
        return (time.perf_counter() - begin) / steps * 1e6
    epoch()
    clock = float(np.median([epoch() for _ in range(rounds)]))
    with tempfile.TemporaryDirectory() as folder:
        with jax.profiler.trace(folder):
            for _ in range(rounds):
                epoch()
        (path,) = Path(folder).rglob("*.trace.json.gz")
        events = json.loads(gzip.decompress(path.read_bytes()))["traceEvents"]
    kinds, spent = kinds_of(compiled.as_text()), collections.Counter(dict.fromkeys(KINDS, 0.0))
    for event in events:
        if event.get("ph") == "X" and event["name"] in kinds:
            spent[kinds[event["name"]]] += event["dur"] / (rounds * steps)
    return clock, dict(spent)


def kinds_of(program: str) -> dict[str, str]:
    """The kind of every instruction of a compiled program that is an event of its own, by its name."""
    bodies = dict(re.findall(r"^%?([\w.-]+) \([^\n]*\{\n(.*?)^\}", program, re.DOTALL | re.MULTILINE))
    kinds = {}
    for line in program.splitlines():
        match = re.match(r"\s+(?:ROOT )?%([\w.-]+) = .*?\b([a-z][a-z-]*)\((.*)", line)
        if match is None or match[2] in NO_EVENTS:
            continue
        called = re.search(r"calls=%?([\w.-]+)", line)
        kinds[match[1]] = _kind(match[2], line + (bodies.get(called[1], "") if called else ""))
    return kinds


def _kind(opcode: str, text: str) -> str:
    names = " ".join(re.findall(r'op_name="([^"]*)"', text))
    if opcode == "dot" or " dot(" in text:
        return "products"
    if " gather(" in text or re.search(r"= f32\S+ convert\(.*?u8|u8\[[\d,]+\]", text):
        return "gathering"
    if "u32[" in text and re.search(r"xor\(|shift-right-logical\(", text):
        return "random numbers"
    if re.search(r" reduce(-window)?\(", text):
        return "sums"
    if "jvp(" in names:
        return "element-wise"
    return "copies and the rest" if opcode == "copy" or not names else "optimiser"


if __name__ == "__main__":
    main(tyro.cli(Config, description=__doc__))
