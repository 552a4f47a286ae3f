"""What a run needs beside its parameters to compress pictures: written once after training, read by the verbs."""

import functools
import hashlib
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import jax
import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save as serialise

from aejax.applications import compressed_file, compression, lossless
from aejax.applications.compressed_file import CompressedFile
from aejax.applications.compression import Codec, decoded, fit_codec, integer_codes
from aejax.applications.entropy_coding import Tables, check_tables
from aejax.applications.pixel_model import (
    SEEN,
    WIDTHS,
    Geometry,
    Layer,
    PixelModel,
    check_model,
    grey_levels,
    integers,
    pixel_trainer,
)
from aejax.files import atomic
from aejax.runs import CODEC, Run
from aejax.train import fit
from aejax.train.optimizers import falling_adam
from aejax.types import Autoencoder, Callback, InputError, Params

PIXEL_RATE = 2e-3        # of Adam at the beginning; it falls to 0 as a cosine
logger = logging.getLogger("aejax")


class RunCodec(NamedTuple):
    """A run's codec.

    Attributes:
      codec: for `compression` and `lossless`.
      pixels: the model of pixels, or None where none was trained.
      digest: SHA-256 of all of it, the parameters included.
    """

    codec: Codec
    pixels: PixelModel | None
    digest: str


def train_pixels(codec: Codec, train: np.ndarray, *, levels: int = 256, **options) -> PixelModel:
    """Trains the model of pixels on training pictures, uint8 (N, H, W, C), and what the codec makes of them.

    It keeps `levels` grey levels. Further options are those of `fit_pixels`.

    Raises:
      InputError: no pictures.
    """
    if train.ndim != 4:
        raise InputError(f"pictures (H, W, C) are needed for lossless coding, got examples of shape {train.shape[1:]}")
    codes = codec.tables.clip(integer_codes(codec.ae, codec.params, train))
    guides, _ = lossless.guides_of(decoded(codec.ae, codec.params, codes))
    return fit_pixels(train, guides, kept=grey_levels(train, levels), **options)


def fit_pixels(pictures: np.ndarray, guides: np.ndarray, *, epochs: int, seed: int = 0, batch_size: int = 256,
               widths: tuple[int, int] = WIDTHS, geometry: Geometry = SEEN, kept: np.ndarray | None = None,
               callbacks: Sequence[Callback] = ()) -> PixelModel:
    """Trains the model of pixels on pictures and their guides, uint8 from 0 to 15.

    Args:
      pictures, guides: (N, H, W, C).
      epochs, seed, batch_size, callbacks: as for `fit`; a batch has at most N pictures.
      widths, geometry: as for `pixel_trainer`.
      kept: as for `integers`; what the model is trained on.
    """
    pictures = pictures if kept is None else kept[pictures]
    batch_size = min(batch_size, len(pictures))
    trainer = pixel_trainer(pictures.shape[1:], widths=widths, geometry=geometry)
    state, _ = fit(trainer, (pictures, guides),
                   optimizer=falling_adam(PIXEL_RATE, epochs * (len(pictures) // batch_size)),
                   key=jax.random.fold_in(jax.random.key(seed), 30_000), epochs=epochs, batch_size=batch_size,
                   callbacks=callbacks)
    return integers(jax.device_get(state.params), geometry, kept)


def prepare(path: Path, ae: Autoencoder, params: Params, train: np.ndarray, *, pixel_epochs: int | None = None,
            levels: int = 256, seed: int = 0, callbacks: Sequence[Callback] = ()) -> None:
    """Fits the tables of a freshly trained run, trains the model of pixels if asked for, and writes both to its folder.

    `levels`, `seed` and `callbacks` are those of the latter.
    """
    codec = fit_codec(ae, params, train)
    arrays = {f"tables/{name}": array for name, array in codec.tables._asdict().items()}
    if pixel_epochs:
        model = train_pixels(codec, train, epochs=pixel_epochs, levels=levels, seed=seed, callbacks=callbacks)
        arrays |= {f"pixels/{name}": array.astype(np.int32) for name, array in _named(model).items()}
    content = serialise({name: np.asarray(array, order="C") for name, array in arrays.items()},
                        metadata={"params_sha256": _sha256(path / "params.safetensors")})
    with atomic(path / CODEC) as temporary:
        temporary.write_bytes(content)


def load_codec(run: Run, *, pixels: bool = False, exact: bool = False) -> RunCodec:
    """The codec of a run; with `pixels` its model of pixels must be there, and with `exact` keep every value.

    Raises:
      InputError: with the command that trains a run which has what is missing.
    """
    path = run.path / CODEC
    train = "aejax train quantised" + (" --pixel-epochs 5" if pixels or exact else "")
    if run.recipe.variant != "quantised" or not path.is_file():
        raise InputError(f"{run.path} cannot compress, its codes are not rounded or have no tables: train a run with "
                         f"{train}")
    try:
        with safe_open(path, "np") as file:
            arrays = {name: file.get_tensor(name) for name in file.keys()}   # noqa: SIM118 (no mapping)
            own = (file.metadata() or {}).get("params_sha256") == run.config["params_sha256"]
        tables = Tables(*(arrays[f"tables/{name}"] for name in Tables._fields))
        named = {name.removeprefix("pixels/"): array for name, array in arrays.items() if name.startswith("pixels/")}
        model = _model(named) if named else None
    except (SafetensorError, KeyError, OSError) as error:
        raise InputError(f"{path} is damaged ({error}): train the run again") from error
    if not own:
        raise InputError(f"{path} belongs to other parameters than those of the run: train the run again")
    check_tables(tables)
    if model is not None:
        check_model(model)
        if exact and not model.exact:
            raise InputError(f"{run.path} keeps {len(np.unique(model.kept))} grey levels, so that its files are not "
                             f"lossless: train a run with {train}, or take --pixels")
    elif pixels or exact:
        raise InputError(f"{run.path} has no model of pixels: train a run with {train}")
    digest = hashlib.sha256(bytes.fromhex(run.config["params_sha256"]) + path.read_bytes()).hexdigest()
    return RunCodec(Codec(run.ae, run.params, tables), model, digest)


def write(own: RunCodec, tiles: np.ndarray, *, pixels: bool = False, names: Sequence[str] = (),
          sizes: Sequence[tuple[int, int]] = (), array: str = "") -> bytes:
    """The bytes of a file with pictures, uint8 (N, H, W, C), of the run's shape; see `CompressedFile` for the rest.

    With `pixels` every pixel is coded, as the model of pixels keeps it.

    Raises:
      InputError: `pixels` without a model of them.
    """
    if pixels and own.pixels is None:
        raise InputError("coding every pixel needs a model of pixels: see train_pixels")
    data = (lossless.compress(own.codec, own.pixels, tiles) if pixels else compression.compress(own.codec, tiles))
    return compressed_file.pack(CompressedFile(pixels, own.digest, tiles.shape[1:], len(tiles),
                                               compression.probe(own.codec), data, tuple(names), tuple(sizes), array))


def read(own: RunCodec, content: bytes, name: str = "the file", run: str = "this codec",
         ) -> tuple[CompressedFile, np.ndarray]:
    """What the bytes of a file hold, and the pictures, uint8 (N, H, W, C), decoded.

    Raises:
      InputError: no such file, damaged, of another model, or of a machine that computes otherwise.
    """
    file = compressed_file.unpack(content, name)
    compressed_file.check_model(file, own.digest, name, run)
    compressed_file.check_contents(file, own.codec.shape, name)
    compression.check_probe(own.codec, file.probe)
    if file.pixels:
        return file, lossless.decompress(own.codec, own.pixels, file.data, file.count)
    return file, compression.decompress(own.codec, file.data, file.count)


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _named(model: PixelModel) -> dict[str, np.ndarray]:
    """The arrays of a pixel model by name."""
    named = {name: np.asarray(array) for name, array in model._asdict().items() if name != "layers"}
    return named | {f"{name}_{i}": np.asarray(array) for i, layer in enumerate(model.layers)
                    for name, array in layer._asdict().items()}


def _model(named: dict[str, np.ndarray]) -> PixelModel:
    take = functools.partial(np.asarray, dtype=np.float32)
    layers = tuple(Layer(*(take(named[f"{name}_{i}"]) for name in Layer._fields)) for i in range(3))
    others = {name: take(named[name]) for name in ("rows", "columns", "channels", "weights")}
    return PixelModel(geometry=named["geometry"], layers=layers, kept=named["kept"].astype(np.uint8), **others)
