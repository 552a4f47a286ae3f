"""What the compression experiment trains, and the curves that it measures."""

import dataclasses
import time
from collections.abc import Callable

import jax
import numpy as np
import optax

from aejax import codecs, networks, variants
from aejax.applications import compression, lossless
from aejax.applications.compressed_file import CHECK, HEAD
from aejax.applications.compression import Codec
from aejax.applications.pixel_model import PixelModel, grey_levels
from aejax.train import fit
from experiments import _compression_classical as classical

Point = tuple[float, float]   # bytes an image, PSNR in dB


@dataclasses.dataclass(frozen=True)
class Budget:
    """Sizes of the full run; the smoke run's are as small as can be."""

    code_dim: int = 128
    widths: tuple[int, ...] = (512,)
    epochs: int = 15
    learning_rate: float = 2e-3
    weights: tuple[float, ...] = (0.03, 0.012, 0.006, 0.003)   # of a bit: the points of the curve
    guide_weight: float = 0.1        # of the autoencoder that guides the model of pixels
    guided: tuple[int, ...] = (256,)            # grey levels that models of pixels keep, given code and guide
    alone: tuple[int, ...] = (256, 32, 8, 4, 3) # … and without
    pixel_widths: tuple[int, int] = (128, 128)
    pixel_epochs: int = 2
    pixel_batch: int = 64
    choice: int = 2000               # images of the training set on which PCA's widths are chosen
    steps: tuple[float, ...] = (1.2, 1.0, 0.8, 0.65, 0.5, 0.4, 0.32, 0.25, 0.2)   # of PCA's coefficients
    numbers: tuple[int, ...] = (32, 64, 128, 256, 400)
    settings: int = 99               # of each image codec, at most
    single: int = 500                # images that are coded as a file each


SMOKE = Budget(code_dim=4, widths=(), epochs=1, weights=(0.03, 0.01), guide_weight=0.01, guided=(4,), alone=(256,),
               pixel_widths=(8, 8), pixel_epochs=1, choice=20, steps=(1.0, 0.5), numbers=(4, 8), settings=1, single=3)


def psnr(x: np.ndarray, y: np.ndarray) -> float:
    """Of the mean squared error over all images, in dB: what the objective minimises."""
    return float(-10 * np.log10(max(np.mean((x / np.float32(255) - y / np.float32(255)) ** 2), 1e-10)))


def trained_codec(train: np.ndarray, weight: float, seed: int, budget: Budget) -> Codec:
    """A quantised autoencoder, Adam with a rate that falls to 0 as a cosine, and its tables."""
    network = networks.Dense(shape=train.shape[1:], code_dim=budget.code_dim, widths=budget.widths, activation="relu",
                             code_activation="identity")
    ae = variants.quantised(network, weight=weight)
    batch_size = min(256, len(train) // 2)
    schedule = optax.cosine_decay_schedule(budget.learning_rate, budget.epochs * (len(train) // batch_size))
    state, _ = fit(ae, train, optimizer=optax.adam(schedule), key=jax.random.key(seed), epochs=budget.epochs,
                   batch_size=batch_size)
    return compression.fit_codec(ae, state.params, train)


def guides(codec: Codec, x: np.ndarray) -> np.ndarray:
    """What the decoder makes of the codes, as the model of pixels sees it."""
    codes = codec.tables.clip(compression.integer_codes(codec.ae, codec.params, x))
    return lossless.guides_of(compression.decoded(codec.ae, codec.params, codes))[0]


def written(codec: Codec, x: np.ndarray, model: PixelModel | None = None) -> tuple[int, np.ndarray]:
    """Bytes of the file with all images, its head included, and the images decoded from these bytes."""
    own = codecs.RunCodec(codec, model, "0" * 64)
    content = codecs.write(own, x, pixels=model is not None)
    return len(content), codecs.read(own, content)[1]


def point(x: np.ndarray, coded: tuple[int, np.ndarray]) -> Point:
    """Bytes an image, and the PSNR."""
    return coded[0] / len(x), psnr(x, coded[1])


def pixel_model(train: np.ndarray, guide: np.ndarray, levels: int, seed: int, budget: Budget) -> PixelModel:
    """The model of pixels that keeps so many grey levels."""
    return codecs.fit_pixels(train, guide, epochs=budget.pixel_epochs, seed=seed, batch_size=budget.pixel_batch,
                             widths=budget.pixel_widths, kept=grey_levels(train, levels))


def pca_curve(train: np.ndarray, choice: np.ndarray, test: np.ndarray, budget: Budget) -> list[Point]:
    """PCA, its coefficients in steps and coded as codes are, for each step."""
    return [point(test, classical.pca_bytes(classical.fit_pca_codec(train, choice, step, budget.numbers), test))
            for step in budget.steps]


def codec_curves(test: np.ndarray, budget: Budget, *, single: bool = False) -> dict[str, list[Point]]:
    """Image codecs at several settings, on sheets or as a file for each image."""
    return {name: [point(test, classical.lossy_bytes(test, kind, setting, single=single))
                   for setting in settings[: budget.settings]]
            for name, (kind, settings) in classical.LOSSY.items()}


def pixels_alone(model: PixelModel, x: np.ndarray) -> tuple[int, np.ndarray]:
    """The same without code and guide: bytes of the pixels and of a file's head, and the images again."""
    guide = np.zeros_like(x)
    data = lossless.compress_pixels(model, x, guide)
    return len(data) + HEAD.size + CHECK.size, lossless.decompress_pixels(model, data, guide)


def timed(function: Callable[[], object]) -> tuple[object, float]:
    """What a function returns, and its seconds."""
    begin = time.perf_counter()
    result = function()
    return result, time.perf_counter() - begin
