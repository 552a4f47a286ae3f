"""How fast is training, next to the bare matrix products and to other libraries, and how does its cost grow?

MNIST, batch 256, Adam. What is compared runs in one process and in turn, in an order drawn anew each round; ratios are
the result (medians and quartiles over rounds), seconds depend on the machine. Ours is `fit` with history and validation
on 10,000 images, whose time counts; the peers (`experiments/_peers.py`, the bench extra) train and do nothing else.

Command: python -m experiments.speed --data-dir FOLDER   (about 10 minutes on 2 cores; resumable)
Result: experiments/results/speed.json, speed_scaling.png
"""

import dataclasses
import os
import re
from pathlib import Path

import numpy as np
import tyro

from aejax import corruptions, data, figures, losses, networks, variants
from aejax.types import Autoencoder
from experiments import _floor, _peers
from experiments._apart import Apart
from experiments._harness import Call, interleaved, spread
from experiments._ours import program, sweeping, training
from experiments._record import BaseConfig, Record
from experiments._systems import precision, start_up, streaming
from experiments._work import Work, against

SHAPE = (28, 28, 1)
SIZE = 784


@dataclasses.dataclass(frozen=True)
class Config(BaseConfig):
    """Sizes of the timing; `--smoke` takes few images of mnist_mini and leaves the peers out."""

    batch_size: int = 256
    rounds: int = 5
    epochs: int = 3   # of each call of ours, whose median counts


def main(config: Config) -> Record:
    """Times one group after the other and records it."""
    record = Record("speed", config)
    if config.smoke:
        config = dataclasses.replace(config, rounds=1, epochs=2)
    dataset = data.load("mnist_mini" if config.smoke else "mnist", data_dir=config.data_dir)
    sizes = (512, 128) if config.smoke else (60_000, 10_000)
    work = Work(dataset.train[: sizes[0]], dataset.test[: sizes[1]], config,
                {} if config.smoke else _peers.installed())
    record.head["versions"] |= work.peers
    record.head |= {"processor": _processor(), "threads": os.cpu_count()}
    for code_dim in (30,) if config.smoke else (30, 500):
        dense(record, work, code_dim)
    for group in (streaming, sweeps, precision, other_variants, convolutional, scaling, start_up):
        group(record, work)
    return record


def _processor() -> str:
    path = Path("/proc/cpuinfo")
    found = re.search(r"model name\s*:\s*(.*)", path.read_text()) if path.exists() else None
    return found[1] if found else "unknown"


def _dense(code_dim: int, widths: tuple[int, ...] = ()) -> networks.Dense:
    return networks.Dense(shape=SHAPE, code_dim=code_dim, widths=widths)


def dense(record: Record, work: Work, code_dim: int) -> None:
    """784-d-784: ours, denoising, the peers, the products and the peak of one product."""
    prefix, config = f"784-{code_dim}-784", work.config
    side = 64 if config.smoke else 2048
    settings = work.settings(peers=work.peers, peak=side)
    if record.done(f"{prefix} ours", settings):
        return
    loss, network = losses.mean_squared_error(), _dense(code_dim)
    ae = variants.standard(network, reconstruction=loss)
    noisy = variants.denoising(network, corruption=corruptions.masking_noise(0.5), reconstruction=loss)
    x = _peers.signed(work.train)
    calls: dict[str, Call] = {"ours": training(ae, work.train, work.budget, work.test),
                              "denoising": training(noisy, work.train, work.budget, work.test),
                              "products": _floor.products(x, code_dim, config.batch_size),
                              "hand-written SGD": _floor.hand_written(x, code_dim, config.batch_size),
                              "peak": _floor.peak(side)}
    calls |= {name: Apart(make, work.train, x, code_dim, config.batch_size)
              for name, (package, make) in _peers.PEERS.items() if package in work.peers}
    seconds = interleaved(calls, config.rounds)
    peak = 2 * side**3 / float(np.median(seconds.pop("peak"))) / 1e9
    flops = _floor.product_flops(len(work.train), SIZE, code_dim)
    ours = seconds.pop("ours")
    for name, each in [*seconds.items(), ("ours", ours)]:   # ours last: its row says that the group is complete
        speed = flops / np.median(each) / 1e9
        values = spread("epoch", "s", each) | spread("ratio to ours", "of ours", each / ours) | {
            "throughput": ("images/s", [len(work.train) / np.median(each)]),
            "arithmetic": ("GFLOP/s", [speed]), "fraction of peak": ("of one large product", [speed / peak])}
        if name == "ours":
            values |= spread("ratio to products", "of the products", each / seconds["products"])
            values |= {"peak": ("GFLOP/s", [peak])} | program(ae, work.train, work.budget)
        record.add(f"{prefix} {name}", settings, values, seeds=[0], n=config.rounds)


def other_variants(record: Record, work: Work) -> None:
    """Every variant but denoising over standard, 784-30-784, without validation."""
    cheap, few = ["tied", "sparse", "contractive", "higher_order_contractive"], work.first(2_560)
    if work.config.smoke:
        cheap = ["sparse"]
    settings = work.settings(variants=cheap, few=len(few))
    if record.done("variant standard", settings):
        return

    def calls(names: list[str], images: np.ndarray) -> dict[str, Call]:
        return {name: training(getattr(variants, name)(_dense(30)), images, work.budget) for name in names}
    if not work.config.smoke:   # few images: the exact Jacobian of a reconstruction costs some 150 standard steps
        few_calls = calls(["standard", "reconstruction_contractive"], few)
        few_calls["few images"] = few_calls.pop("standard")
        against(record, work, few_calls, "few images", work.config.rounds, settings, "variant ", len(few))
    train = work.first(30_000)
    against(record, work, calls([*cheap, "standard"], train), "standard", work.config.rounds, settings, "variant ",
            len(train))


def convolutional(record: Record, work: Work) -> None:
    """28×28 with 32 and 64 channels: ours and two forms of it in PyTorch, on whole batches, without validation."""
    channels, config = ((2, 4) if work.config.smoke else (32, 64)), work.config
    settings = work.settings(peers=work.peers, channels=channels)
    if record.done("convolutional ours", settings):
        return
    train = work.first(3_000)
    images = len(train) // config.batch_size * config.batch_size
    network = networks.Convolutional(shape=SHAPE, code_dim=30, channels=channels)
    ae = variants.standard(network, reconstruction=losses.mean_squared_error())
    calls: dict[str, Call] = {"ours": training(ae, train, work.budget)}
    if "torch" in work.peers:
        calls |= {f"PyTorch {form}": Apart(_peers.torch_convolutional, form, SHAPE, channels, 30, _peers.signed(train),
                                           config.batch_size) for form in _peers.CONVOLUTIONAL}
    against(record, work, calls, "ours", config.rounds, settings, "convolutional ", images)


def sweeps(record: Record, work: Work) -> None:
    """Models trained together over one `fit`: rates × seeds of denoising, and seeds of standard; 784-30-784."""
    rates, seeds = ((0.1, 0.5), range(1)) if work.config.smoke else ((0.1, 0.25, 0.5, 0.75), range(4))
    settings = work.settings(rates=rates, seeds=list(seeds))
    if record.done("sweep standard, one fit", settings):
        return
    network, train = _dense(30), work.first(12_800)

    def noisy(rate) -> Autoencoder:
        return variants.denoising(network, corruption=corruptions.masking_noise(rate))

    def standard() -> Autoencoder:
        return variants.standard(network)
    models = len(rates) * len(seeds)
    pairs = {"denoising": (noisy, {"rate": rates}, seeds, noisy(0.5)),
             "standard": (standard, {}, range(models), standard())}
    if work.config.smoke:
        del pairs["denoising"]
    for name, (make, grid, own_seeds, one) in pairs.items():
        calls = {f"{name}, {models} models": sweeping(make, train, grid, own_seeds, work.budget),
                 f"{name}, one fit": training(one, train, work.budget)}
        if name == "standard":
            calls[f"{name}, products of {models} models"] = _floor.products(
                _peers.signed(train), 30, work.config.batch_size, models)
        against(record, work, calls, f"{name}, one fit", work.config.rounds, settings, "sweep ")


def scaling(record: Record, work: Work) -> None:
    """Seconds an epoch against images, code_dim and depth; the exponent in the number of images; a figure."""
    axes: dict[str, tuple[int, ...]] = {"images": (7_500, 15_000, 30_000, 60_000), "code_dim": (30, 100, 300, 1000),
                                        "depth": (1, 2, 3, 4)}
    if work.config.smoke:
        axes = {"images": (256, 512)}
    settings = work.settings(axes=axes)
    if record.done("scaling exponent in images", settings):
        return
    few = work.first(axes["images"][0])
    cases = {f"images {n}": (_dense(30), work.train[:n]) for n in axes["images"]}
    cases |= {f"code_dim {d}": (_dense(d), few) for d in axes.get("code_dim", ())}
    cases |= {f"depth {k}": (_dense(30, (128,) * k), few) for k in axes.get("depth", ())}
    calls = {case: training(variants.standard(network), train, work.budget) for case, (network, train) in cases.items()}
    seconds = interleaved(calls, work.config.rounds)
    for case, each in seconds.items():
        record.add(f"scaling {case}", settings, spread("epoch", "s", each), seeds=[0], n=work.config.rounds)
    medians = {axis: [float(np.median(seconds[f"{axis} {value}"])) for value in values]
               for axis, values in axes.items()}
    figures.lines(record.path.with_name(f"{record.path.stem}_scaling.png"),
                  {f"{axis} from {values[0]:,}": ([value / values[0] for value in values], medians[axis])
                   for axis, values in axes.items()}, x="multiple of the smallest", y="seconds an epoch", scale="log")
    exponent = np.polyfit(np.log(axes["images"]), np.log(medians["images"]), 1)[0]
    record.add("scaling exponent in images", settings, {"exponent": ("", [exponent])}, seeds=[0], n=work.config.rounds)


if __name__ == "__main__":
    main(tyro.cli(Config, description=__doc__))
