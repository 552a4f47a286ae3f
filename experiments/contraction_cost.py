"""What does exactness cost? Whole training steps with each Jacobian route, as multiples of a plain `standard` step.

Batch 256 of 784 pixels, Adam, steps in turn in one run, medians; peak memory is the compiled step's temporary buffers.
PyTorch's vmap(jacrev) stands in the same table where the bench extra is installed.

Command: python -m experiments.contraction_cost   (about 3 minutes on 2 cores)
Result: experiments/results/contraction_cost.json
"""

import dataclasses
import importlib.util

import jax
import jax.numpy as jnp
import numpy as np
import optax
import tyro

from aejax import data, networks, variants
from aejax.train.step import init_state, train_step
from experiments._harness import interleaved, ratios
from experiments._record import BaseConfig, Record

NETWORKS = {"784-30": (30, ()), "784-500": (500, ()), "784-500-30": (30, (500,)), "784-512-256-32": (32, (512, 256))}
METHODS = {"784-30": ("auto", "gram", "jacrev", "jacfwd", "hutchinson"), "784-500": ("auto", "hutchinson"),
           "784-500-30": ("auto", "jacrev", "jacfwd", "hutchinson"), "784-512-256-32": ("auto", "jacrev", "hutchinson")}


@dataclasses.dataclass(frozen=True)
class Config(BaseConfig):
    """Sizes of the timing; `--smoke` takes small batches, few rounds and leaves the slowest out."""

    batch_size: int = 256
    rounds: int = 25


def main(config: Config) -> Record:
    """Times the steps of every network and records ratios, seconds and memory."""
    record = Record("contraction_cost", config)
    rounds, batch_size = (2, 8) if config.smoke else (config.rounds, config.batch_size)
    x = jnp.asarray(data.load().train[:batch_size])
    for name, (code_dim, widths) in NETWORKS.items():
        if config.smoke and name != "784-30":
            continue
        settings = {"rounds": rounds, "batch_size": batch_size, "methods": METHODS[name], "peer": _has_torch()}
        if record.done(f"{name} standard", settings):
            continue
        network = networks.Dense(shape=(28, 28, 1), code_dim=code_dim, widths=widths)
        models = {"standard": variants.standard(network)}
        models |= {method: variants.contractive(network, method=method, samples=1) for method in METHODS[name]}
        built = {label: _step(ae, x) for label, ae in models.items()}
        calls = {label: call for label, (call, _) in built.items()}
        if _has_torch() and name != "784-500" and not config.smoke:
            calls |= _torch_steps(network, np.asarray(x))
        seconds = interleaved(calls, rounds)
        found = ratios(seconds, "standard")
        for label, (median, low, high) in found.items():
            values = {"ratio": ("of a standard step", [median]), "lower quartile": ("of a standard step", [low]),
                      "upper quartile": ("of a standard step", [high]),
                      "step": ("ms", [np.median(seconds[label]) * 1e3])}
            if label in built:
                extra = built[label][1] - built["standard"][1]
                values["memory above standard"] = ("MB", [extra / 1e6])
            record.add(f"{name} {label}", settings, values, seeds=[0], n=rounds)
    return record


def _step(ae, x):
    """A compiled training step that goes on from its last state, and the bytes of its temporary buffers."""
    optimizer = optax.adam(1e-3)
    state = init_state(ae, optimizer, jax.random.key(0), x[:1])
    step = jax.jit(lambda state, key: train_step(ae, optimizer, state, key, x)[0], donate_argnums=0)
    compiled = step.lower(state, jax.random.key(0)).compile()
    memory = compiled.memory_analysis().temp_size_in_bytes
    current = [state]

    def call():
        current[0] = jax.block_until_ready(compiled(current[0], jax.random.key(1)))
    return call, memory


def _has_torch() -> bool:
    return importlib.util.find_spec("torch") is not None


def _torch_steps(network: networks.Dense, images: np.ndarray):
    """The same steps in PyTorch, plain and with ‖J‖² by vmap(jacrev)."""
    import torch
    from torch.func import functional_call, jacrev, vmap
    x = torch.from_numpy(images.reshape(len(images), -1)).float() / 255

    def build(weight: float):
        sizes = [784, *network.widths, network.code_dim]
        encoder = torch.nn.Sequential(*(layer for a, b in zip(sizes[:-1], sizes[1:], strict=True)
                                        for layer in (torch.nn.Linear(a, b), torch.nn.Tanh())))
        back = sizes[::-1]
        decoder = [layer for a, b in zip(back[:-1], back[1:], strict=True)
                   for layer in (torch.nn.Linear(a, b), torch.nn.Tanh())][:-1]
        module = torch.nn.ModuleList([encoder, torch.nn.Sequential(*decoder)])
        optimizer = torch.optim.Adam(module.parameters(), lr=1e-3)

        def call():
            error = torch.sigmoid(module[1](encoder(x))) - x
            loss = 0.5 * error.square().sum(dim=1).mean()
            if weight:
                params = dict(encoder.named_parameters())
                jacobian = vmap(jacrev(lambda row: functional_call(encoder, params, (row[None],))[0]))(x)
                loss = loss + weight * jacobian.square().sum(dim=(1, 2)).mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        return call
    return {"PyTorch standard": build(0.0), "PyTorch vmap(jacrev)": build(0.1)}


if __name__ == "__main__":
    main(tyro.cli(Config, description=__doc__))
