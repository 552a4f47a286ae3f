"""`aejax suggest-code-dim`."""

import logging
from typing import Any

import numpy as np
import optax

from aejax import data as sources
from aejax import networks, variants
from aejax.applications.intrinsic_dimension import knee
from aejax.applications.intrinsic_dimension import suggest_code_dim as advise
from aejax.losses import squared_error
from aejax.train import SweepResult, sweep
from aejax.types import InputError
from aejax.verbs.common import load, print_aligned, say_device

logger = logging.getLogger("aejax")
WIDEST = 128   # of the sweep


def suggest_code_dim(flags: Any, *, command: str) -> None:
    """`aejax suggest-code-dim DATA`: what the data say about the width of a code, and one recommendation."""
    for name, least in (("neighbours", 2), ("epochs", 1), ("seeds", 1), ("seed", 0)):
        if getattr(flags, name) < least:
            raise InputError(f"--{name} must be at least {least}, got {getattr(flags, name)}")
    dataset = load(flags)
    found = advise(dataset.train, k=flags.neighbours, seed=flags.seed)
    if found.duplicates:
        logger.info("data: %d training examples equal another one and were left out of the neighbour distances",
                    found.duplicates)
    k = flags.neighbours
    rows = [["advice", "dimensions", "from"],
            ["intrinsic dimension, MLE", f"{found.intrinsic:.1f}", f"{k} neighbours among {found.points:,} points"],
            ["intrinsic dimension, TwoNN", f"{found.two_nn:.1f}", f"2 neighbours among {found.points:,} points"],
            ["PCA, 90 / 95 / 99 % of variance", " / ".join(map(str, found.variance)),
             f"{np.prod(dataset.shape)} values an example"]]
    code_dim, reason = found.code_dim, found.reason
    if flags.sweep:
        say_device()
        result = _sweep(dataset, flags)
        code_dims = [point.values["code_dim"] for point in result.points]
        code_dim = knee(code_dims, [point.val_loss for point in result.points])
        reason = "the knee of the validation error of trained autoencoders: beyond it, width buys less"
        rows.append(["knee of trained autoencoders", str(code_dim),
                     f"{len(code_dims)} widths x {flags.seeds} seeds, {flags.epochs} epochs"])
        print_aligned([["code_dim", "validation loss"], *(
            [str(d), f"{point.val_loss:.5g}"] for d, point in zip(code_dims, result.points, strict=True))], left=())
        print()
    print_aligned(rows, left=(0, 2))
    print(f"recommended: --code-dim {code_dim} ({reason})")


def _sweep(dataset: sources.Dataset, flags: Any) -> SweepResult:
    """Autoencoders n-256-d-256-n for d = 2, 4, 8 … below n, on 90 % of the training data; the rest validates."""
    n = int(np.prod(dataset.shape))
    code_dims = [d for d in (2**i for i in range(1, 20)) if d <= min(WIDEST, n)]
    if len(code_dims) < 3:
        raise InputError(f"{dataset.name}: examples of {n} values leave too few widths for a knee: leave --sweep out")
    x, validation = sources.split_validation(dataset.train, 0.1, flags.seed)
    if dataset.range is None:
        loss = squared_error(activation="identity", range=None)
    else:
        loss = squared_error(activation="tanh" if dataset.range[0] < 0 else "sigmoid")
    return sweep(lambda code_dim: variants.standard(networks.Dense(
        shape=dataset.shape, code_dim=code_dim, widths=(256,), activation="elu", code_activation="identity"),
        reconstruction=loss), x, grid={"code_dim": code_dims}, seeds=range(flags.seed, flags.seed + flags.seeds),
        optimizer=optax.adam(1e-3), epochs=flags.epochs, batch_size=min(128, len(x)), validation=validation)
