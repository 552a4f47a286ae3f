"""What does a convolution cost on this device, alone and inside a compiled loop, as XLA's own and as a matrix product?

Two layers, 32 to 64 channels with stride 2 and 64 to 128, on 14×14 places, batch 256: value and gradient of a sum of
squares. An epoch of `fit` is a compiled loop, so the second column is what training pays.

Command: python -m experiments.convolution_cost   (less than 2 minutes on 2 cores)
Result: experiments/results/convolution_cost.json
"""

import dataclasses
import functools
from collections.abc import Callable

import jax
import jax.numpy as jnp
import tyro

from aejax.networks.convolution import convolve
from experiments._harness import interleaved, spread
from experiments._record import BaseConfig, Record

STEPS = 3
PADDING = ((1, 1), (1, 1))


@dataclasses.dataclass(frozen=True)
class Config(BaseConfig):
    """Sizes of the timing; `--smoke` takes few images."""

    batch_size: int = 256
    rounds: int = 5


def native(x: jax.Array, kernel: jax.Array, *, stride: int = 1, padding=PADDING) -> jax.Array:
    """XLA's own convolution, whatever the platform."""
    return jax.lax.conv_general_dilated(x, kernel, (stride, stride), padding,
                                        dimension_numbers=("NHWC", "HWIO", "NHWC"))


def main(config: Config) -> Record:
    """Times four programs in turn: each form, its steps dispatched one by one and as one loop."""
    record = Record("convolution_cost", config)
    batch, rounds = (4, 1) if config.smoke else (config.batch_size, config.rounds)
    settings = {"batch": batch, "rounds": rounds, "steps": STEPS}
    forms: dict[str, Callable] = {"ours": convolve, "XLA's convolution": native}
    if record.done("ours", settings):
        return record
    x = jax.random.normal(jax.random.key(0), (batch, 14, 14, 32))
    kernels = [0.1 * jax.random.normal(jax.random.key(i), (3, 3, c, 2 * c)) for i, c in enumerate((32, 64))]

    def loss(kernels: list[jax.Array], form: Callable) -> jax.Array:
        hidden = jax.nn.relu(form(x, kernels[0], stride=2, padding=PADDING))
        return jnp.sum(form(hidden, kernels[1], padding=PADDING) ** 2)

    def step(kernels: list[jax.Array], form: Callable) -> list[jax.Array]:
        return jax.tree.map(lambda w, g: w - 1e-9 * g, kernels, jax.grad(loss)(kernels, form))

    @functools.partial(jax.jit, static_argnames="form")
    def loop(kernels: list[jax.Array], form: Callable) -> list[jax.Array]:
        return jax.lax.fori_loop(0, STEPS, lambda _, w: step(w, form), kernels)
    alone = jax.jit(step, static_argnames="form")

    def one_by_one(form: Callable) -> None:
        found = kernels
        for _ in range(STEPS):
            found = alone(found, form)
        jax.block_until_ready(found)
    calls = {f"{name} alone": functools.partial(one_by_one, form) for name, form in forms.items()}
    calls |= {f"{name} in a loop": lambda form=form: jax.block_until_ready(loop(kernels, form))
              for name, form in forms.items()}
    seconds = interleaved(calls, rounds)
    for name in ("XLA's convolution", "ours"):   # ours last: its row says that all is measured
        values = {}
        for way in ("alone", "in a loop"):
            each = seconds[f"{name} {way}"]
            values |= spread(f"step {way}", "ms", 1e3 * each / STEPS)
            values |= spread(f"ratio {way}", "of ours in a loop", each / seconds["ours in a loop"])
        record.add(name, settings, values, seeds=[0], n=rounds)
    return record


if __name__ == "__main__":
    main(tyro.cli(Config, description=__doc__))
