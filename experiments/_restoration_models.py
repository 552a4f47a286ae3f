"""What the restoration experiment trains, what it measures with, and how strengths are chosen."""

import dataclasses
import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax

from aejax import losses, metrics, networks, variants
from aejax.train import fit
from aejax.types import Autoencoder, Corruption, Network, Params

FILL = -1.0   # what stands at unknown places; the U-Net knows it as such


@dataclasses.dataclass(frozen=True)
class Budget:
    """Sizes of one row; the smoke run's are as small as can be."""

    channels: tuple[int, ...] = (16, 32, 64)
    blocks: int = 1
    width: int = 1024        # of the dense networks
    steps: int = 3000        # of a U-Net; a task may take a multiple of it
    dense_steps: int = 1600
    batch_size: int = 16     # of a U-Net: many small steps learn more than few large ones in the same time
    dense_batch_size: int = 256
    rate: float = 1.5e-3     # of a U-Net
    dense_rate: float = 1e-3
    test: int = 2000         # images that numbers are measured on
    choice: int = 200        # validation images that strengths and ways are chosen on
    linear: int = 58_000     # images that linear maps are fitted to
    shown: int = 10          # images in a figure


SMOKE = Budget(channels=(2, 3), blocks=0, width=8, steps=2, dense_steps=2, dense_batch_size=16, test=6, choice=3,
               linear=200, shown=1)


class Images(NamedTuple):
    """One data set: uint8 for training; floats (N, H, W, C) on the [0, 1] scale to choose on and to measure on."""

    name: str
    train: np.ndarray
    choice: np.ndarray
    test: np.ndarray


def unit(x: np.ndarray) -> np.ndarray:
    """uint8 to floats on the [0, 1] scale."""
    return x.astype(np.float32) / np.float32(255)


def unet(shape: tuple[int, ...], budget: Budget, **options: Any) -> networks.UNet:
    """The U-Net of every task with noise or missing detail."""
    return networks.UNet(shape=shape, channels=budget.channels, blocks=budget.blocks, **options)


def dense(shape: tuple[int, ...], budget: Budget) -> networks.Dense:
    """n-w-w-w-n: what fills regions of a fixed place."""
    return networks.Dense(shape=shape, code_dim=budget.width, widths=(budget.width,), activation="relu",
                          code_activation="relu")


def narrow(shape: tuple[int, ...], budget: Budget) -> networks.Dense:
    """n-w/4-32-w/4-n: a manifold of 32 dimensions."""
    return networks.Dense(shape=shape, code_dim=min(32, budget.width), widths=(max(budget.width // 4, 4),),
                          activation="relu", code_activation="identity")


def train(network: Network, corruption: Corruption | None, x: np.ndarray, budget: Budget, seed: int, *,
          share: float = 1.0) -> tuple[Autoencoder, Params]:
    """Squared error of a linear output; Adam, warmed up, its rate falling to 0 as a cosine; `share` of the steps."""
    steps, batch_size, rate = (
        (max(2, round(share * budget.steps)), budget.batch_size, budget.rate) if isinstance(network, networks.UNet) else
        (budget.dense_steps, budget.dense_batch_size, budget.dense_rate))
    reconstruction = losses.squared_error(activation="identity")
    ae = (variants.standard(network, reconstruction=reconstruction) if corruption is None else
          variants.denoising(network, corruption=corruption, reconstruction=reconstruction))
    batch_size = min(batch_size, len(x))
    x = x[: steps * batch_size]
    an_epoch = len(x) // batch_size
    epochs = max(1, round(steps / an_epoch))
    falling = optax.warmup_cosine_decay_schedule(0, rate, min(100, epochs * an_epoch // 2), epochs * an_epoch)
    state, _ = fit(ae, x, optimizer=optax.adam(falling), key=jax.random.key(seed), epochs=epochs, batch_size=batch_size)
    return ae, state.params


def corrupted(corruption: Corruption, x: np.ndarray, seed: int, part: int) -> np.ndarray:
    """One draw of the corruption for floats on the [0, 1] scale; another one for each part of the data."""
    key = jax.random.fold_in(jax.random.key(seed), 1000 + part)
    return np.asarray(corruption(key, jnp.asarray(x)))


def psnr(clean: np.ndarray, found: np.ndarray, hidden: np.ndarray | None = None) -> float:
    """Mean over images of the PSNR in dB; with `hidden`, of the hidden pixels of each alone."""
    if hidden is None:
        return float(np.mean(metrics.psnr(clean, found)))
    axes = tuple(range(1, clean.ndim))
    errors = np.sum((clean - found) ** 2, axis=axes, where=hidden) / hidden.sum(axis=axes)
    return float(np.mean(-10 * np.log10(np.maximum(errors, 1e-10))))


def ssim(clean: np.ndarray, found: np.ndarray) -> float:
    """Mean over images of the structural similarity, with the paper's Gaussian window."""
    from skimage.metrics import structural_similarity
    return float(np.mean([structural_similarity(
        a, b, data_range=1.0, channel_axis=-1, gaussian_weights=True, sigma=1.5, use_sample_covariance=False)
        for a, b in zip(clean, np.clip(found, 0, 1).astype(clean.dtype), strict=True)]))


def scores(clean: np.ndarray, found: Mapping[str, np.ndarray], hidden: np.ndarray | None = None,
           ) -> dict[str, tuple[str, list[float]]]:
    """{"PSNR: method": ("dB", [value])} and SSIM of every method."""
    values: dict[str, tuple[str, list[float]]] = {}
    for name, images in found.items():
        values[f"PSNR: {name}"] = ("dB", [psnr(clean, images, hidden)])
        values[f"SSIM: {name}"] = ("", [ssim(clean, images)])
    return values


def choose(function: Callable[..., np.ndarray], option: str, strengths: Sequence[Any], clean: np.ndarray,
           *inputs: np.ndarray, hidden: np.ndarray | None = None) -> tuple[Callable[..., np.ndarray], Any]:
    """The function with the strength of the highest PSNR on validation images, and that strength."""
    found = [psnr(clean, function(*inputs, **{option: strength}), hidden) for strength in strengths]
    best = strengths[int(np.argmax(found))]
    return functools.partial(function, **{option: best}), best
