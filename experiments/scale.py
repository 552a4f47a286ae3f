"""How would training grow over many accelerators? A calculation on paper: nothing here is timed.

The data-parallel training step (Adam, replicated state, batch over the mesh axis "data") is compiled for 8 virtual
devices; FLOPs, bytes of memory traffic and bytes all-reduced are read off the compiled program at two batch sizes,
which gives each as a constant plus a slope in the batch. With vendors' figures a step then takes

    max(FLOPs / peak, bytes / memory bandwidth) + 2 (D − 1)/D · gradient bytes / link bandwidth + 2 log₂(D) · latency

the first term a roofline, the second a ring all-reduce, the third an assumption. Each is the best that the hardware
allows; nothing overlaps, and dispatch, input and the inefficiency of small products are left out.

Command: python -m experiments.scale   (less than 2 minutes on 2 cores)
Result: experiments/results/scale.json, and from it the tables of docs/scale.md
"""

import dataclasses
import functools
import json
import math
import os
import re
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import jax
import numpy as np
import optax
import tyro
from jax.sharding import AxisType, NamedSharding, PartitionSpec

from aejax import networks, variants
from aejax.train.step import init_state, train_step
from experiments._record import BaseConfig, Record

SHAPE = (28, 28, 1)
DEVICES = 8          # virtual ones, of the compiled program
COUNTS = (1, 8, 64, 1024)
LATENCY = 5e-6       # s from one device to the next: an assumption, no vendor's figure
NETWORKS = {
    **{f"784-{d}-784": functools.partial(networks.Dense, shape=SHAPE, code_dim=d) for d in (30, 100, 500, 2000)},
    "784-512-256-32, mirrored": functools.partial(networks.Dense, shape=SHAPE, code_dim=32, widths=(512, 256)),
    "convolutional 32/64, code 30": functools.partial(networks.Convolutional, shape=SHAPE, code_dim=30,
                                                      channels=(32, 64))}
COLLECTIVE = re.compile(r"= (.*?) (all-reduce|all-gather|reduce-scatter|collective-permute|all-to-all)(?:-start)?\(")
BYTES = {"pred": 1, "u8": 1, "bf16": 2, "f16": 2, "s32": 4, "u32": 4, "f32": 4, "f64": 8}


@dataclasses.dataclass(frozen=True)
class Hardware:
    """Vendor's figures of one accelerator, for one direction of its links.

    Attributes:
      flops: a second, of float32 products as XLA runs them there by default (TF32 on GPUs, one bf16 pass on TPUs).
      memory: bytes a second between the chip and its memory.
      link: bytes a second that a device sends within its domain.
      domain: devices that these links join.
      across: bytes a second that a whole domain sends to others.
    """

    flops: float
    memory: float
    link: float
    domain: int
    across: float

    def bandwidth(self, devices: int) -> float:
        """Bytes a second of a ring over so many devices: that of its slowest link."""
        return self.link if devices <= self.domain else min(self.link, self.across)


HARDWARE = {
    "A100 80 GB, 8 HDR adapters": Hardware(156e12, 2.039e12, 300e9, 8, 8 * 25e9),
    "A100 80 GB, one 100 Gb/s adapter": Hardware(156e12, 2.039e12, 300e9, 8, 12.5e9),
    "H100 SXM, 8 NDR adapters": Hardware(494.7e12, 3.35e12, 450e9, 8, 8 * 50e9),
    "TPU v4": Hardware(275e12, 1.2e12, 1.1e15 / 4096, 4096, math.inf),
    "TPU v5e": Hardware(197e12, 819e9, 51.2e12 / 256, 256, 800e9)}


@dataclasses.dataclass(frozen=True)
class Step:
    """What a device does in a step on n examples: constant + slope · n, of FLOPs and of bytes; and what it shares."""

    flops: tuple[float, float]
    bytes: tuple[float, float]
    shared: float

    def work(self, hardware: Hardware, examples: float) -> float:
        """Seconds of the roofline."""
        return max((constant + slope * examples) / speed for (constant, slope), speed in
                   ((self.flops, hardware.flops), (self.bytes, hardware.memory)))

    def sharing(self, hardware: Hardware, devices: int) -> float:
        """Seconds of the all-reduce."""
        sent = 2 * (devices - 1) / devices * self.shared
        return sent / hardware.bandwidth(devices) + 2 * math.log2(devices) * LATENCY

    def images(self, hardware: Hardware, devices: int, examples: int) -> float:
        """A second, of all devices, each with so many examples a step."""
        return devices * examples / (self.work(hardware, examples) + self.sharing(hardware, devices))

    def balance(self, hardware: Hardware, devices: int, latency: bool = True) -> float:
        """Examples a device below which sharing takes longer than work; 0 where it never does."""
        time = self.sharing(hardware, devices) - (0 if latency else 2 * math.log2(devices) * LATENCY)
        return max(0.0, min((time * speed - constant) / slope for (constant, slope), speed in
                            ((self.flops, hardware.flops), (self.bytes, hardware.memory))))


@dataclasses.dataclass(frozen=True)
class Config(BaseConfig):
    """Sizes; `--smoke` compiles one network for small batches."""

    batch_size: int = 256
    """Of each device, for images a second."""


def main(config: Config) -> Record:
    """Compiles the steps and does the arithmetic."""
    record = Record("scale", config)
    batches = (64, 128) if config.smoke else (1024, 4096)
    settings = {"batches": batches, "batch_size": config.batch_size, "latency": LATENCY,
                "hardware": {name: dataclasses.asdict(hardware) for name, hardware in HARDWARE.items()}}
    names = [name for name in (list(NETWORKS)[:1] if config.smoke else NETWORKS) if not record.done(name, settings)]
    for name, found in _in_a_process_of_its_own(names, batches).items():
        step = _step(found, [batch // DEVICES for batch in batches])
        values = {"parameters": ("bytes", found["parameters"]), "collectives": ("a step", found["collectives"][0]),
                  "all-reduced": ("bytes", found["shared"][0]), "work of the step": ("FLOP", step.flops[0]),
                  "work an image": ("FLOP", step.flops[1]), "traffic of the step": ("bytes", step.bytes[0]),
                  "traffic an image": ("bytes", step.bytes[1])}
        for kind, hardware in HARDWARE.items():
            for devices in COUNTS:
                values[f"{kind}: {devices}"] = "images/s", step.images(hardware, devices, config.batch_size)
            for devices in COUNTS[1:]:
                values[f"{kind}: balance {devices}"] = "examples a device", step.balance(hardware, devices)
                values[f"{kind}: balance {devices}, without latency"] = "examples a device", step.balance(
                    hardware, devices, latency=False)
        record.add(name, settings, {metric: (unit, [value]) for metric, (unit, value) in values.items()}, seeds=[], n=1)
    return record


def _step(found: Mapping[str, Any], examples: Sequence[int]) -> Step:
    """Straight lines through what two batch sizes cost; what is shared must not depend on the batch."""
    if len(set(found["shared"])) != 1 or set(found["collectives"]) != {1} or set(found["kinds"]) != {"all-reduce"}:
        raise ValueError(f"not one all-reduce a step, whatever the batch: {found}")

    def line(values: Sequence[float]) -> tuple[float, float]:
        slope = (values[1] - values[0]) / (examples[1] - examples[0])
        return max(0.0, values[0] - slope * examples[0]), slope
    return Step(line(found["flops"]), line(found["bytes"]), found["shared"][0])


def _in_a_process_of_its_own(names: Sequence[str], batches: Sequence[int]) -> dict[str, Any]:
    """`compiled` of each network, where JAX has `DEVICES` devices. Machine code is not looked at: it may be slow."""
    if not names:
        return {}
    root = str(Path(__file__).parent.parent)
    flags = (f"--xla_force_host_platform_device_count={DEVICES} --xla_backend_optimization_level=0 "
             "--xla_llvm_disable_expensive_passes=true")
    environment = {**os.environ, "XLA_FLAGS": flags, "JAX_PLATFORMS": "cpu",
                   "PYTHONPATH": os.pathsep.join([root, os.environ.get("PYTHONPATH", "")])}
    code = ("import json, sys; from experiments.scale import compiled; "
            "print(json.dumps(compiled(*json.load(sys.stdin))))")
    done = subprocess.run([sys.executable, "-c", code], input=json.dumps([list(names), list(batches)]), text=True,
                          stdout=subprocess.PIPE, env=environment, check=True)
    return json.loads(done.stdout.splitlines()[-1])


def compiled(names: Sequence[str], batches: Sequence[int]) -> dict[str, Any]:
    """FLOPs and bytes of a device, and the collectives, of each network's step at each batch of all devices."""
    mesh = jax.make_mesh((DEVICES,), ("data",), axis_types=(AxisType.Auto,))
    replicated, split = (NamedSharding(mesh, spec) for spec in (PartitionSpec(), PartitionSpec("data")))
    found = {}
    for name in names:
        ae, optimizer = variants.standard(NETWORKS[name]()), optax.adam(1e-3)
        state = jax.eval_shape(functools.partial(init_state, ae, optimizer), jax.random.key(0),
                               jax.ShapeDtypeStruct((1, *SHAPE), np.uint8))
        step = jax.jit(functools.partial(train_step, ae, optimizer), in_shardings=(replicated, replicated, split),
                       out_shardings=replicated)
        own = {"parameters": sum(4 * leaf.size for leaf in jax.tree.leaves(state.params)), "flops": [], "bytes": [],
               "collectives": [], "shared": [], "kinds": []}
        for batch in batches:
            program = step.lower(state, jax.random.key(0), jax.ShapeDtypeStruct((batch, *SHAPE), np.uint8)).compile()
            cost, shared = program.cost_analysis(), collectives(program.as_text())
            own["flops"].append(cost["flops"])
            own["bytes"].append(cost["bytes accessed"])
            own["collectives"].append(len(shared))
            own["shared"].append(sum(size for _, size in shared))
            own["kinds"] += [kind for kind, _ in shared]
        found[name] = own
    return found


def collectives(program: str) -> list[tuple[str, int]]:
    """The collective operations of a compiled program's text, each with the bytes of its result.

    >>> collectives("%a = (f32[784]{0}, f32[]) all-reduce(%b, %c), channel_id=2")
    [('all-reduce', 3140)]
    """
    found = []
    for result, kind in COLLECTIVE.findall(program):
        shapes = re.findall(r"(\w+)\[([\d,]*)\]", result)
        found.append((kind, sum(BYTES[dtype] * math.prod(int(n) for n in sizes.split(",") if n)
                                for dtype, sizes in shapes)))
    return found


if __name__ == "__main__":
    main(tyro.cli(Config, description=__doc__))
