"""One run is one folder that a stranger can read: config.json, metrics.jsonl, params.safetensors, figures, report."""

import contextlib
import dataclasses
import hashlib
import json
import os
import platform
import shutil
from collections.abc import Iterator, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import traverse_util
from safetensors import SafetensorError
from safetensors.numpy import load_file
from safetensors.numpy import save as serialise

import aejax
from aejax.files import atomic
from aejax.locking import locked
from aejax.recipes import Recipe, build
from aejax.types import Autoencoder, Batch, InputError, Params

CAPTIONS = "captions"                 # the variant of runs of captions, see `captioning`
CODEC = "compression.safetensors"   # of runs that compress, see `codecs`
PRIORS = "priors"                 # folder of distributions of the codes, see `run_priors`
PARTS = ("checkpoints", "config.json", "metrics.jsonl", "params.safetensors", CODEC, "figures", "report.html",
         "results.json", PRIORS, "tensorboard", "threshold.json", "detector.safetensors", "wandb")


@dataclasses.dataclass(frozen=True)
class Run:
    """A run read back: its folder, its configuration as written, the autoencoder and its parameters."""

    path: Path
    config: Mapping[str, Any]
    recipe: Recipe
    ae: Autoencoder
    params: Params

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of one datum."""
        return tuple(self.config["data"]["shape"])


def check_folder(path: str | Path, *, overwrite: bool = False) -> Path:
    """Refuses a folder that cannot be written, or that already holds a run unless `overwrite`; changes nothing.

    Raises:
      InputError: with what to do.
    """
    path = Path(path).expanduser()
    if path.exists() and not path.is_dir():
        raise InputError(f"--output {path} is a file: name a folder")
    if path.is_dir() and any((path / part).exists() for part in PARTS) and not overwrite:
        raise InputError(f"--output {path} already holds a run: choose another folder, or add --overwrite")
    return path


@contextlib.contextmanager
def held(path: Path) -> Iterator[None]:
    """Makes a run's folder, and keeps other processes from writing a run into it; of many hosts the first one does.

    Raises:
      InputError: another process writes there, or the folder cannot be written; nothing in it was touched.
    """
    with _output(path):
        path.mkdir(parents=True, exist_ok=True)
    with locked(path) if jax.process_index() == 0 else contextlib.nullcontext():
        yield


def clear(path: Path) -> Path:
    """Makes the folder and removes an older run's files from it; files that are not a run's stay."""
    with _output(path):
        path.mkdir(parents=True, exist_ok=True)
        for part in PARTS:
            target = path / part
            if target.is_dir():
                shutil.rmtree(target)
            else:
                target.unlink(missing_ok=True)
    return path


@contextlib.contextmanager
def _output(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise InputError(f"--output {path}: {error.strerror or error}: choose a folder that can be written") from error


def environment() -> dict[str, Any]:
    """Versions and device of this process, for config.json and reports."""
    packages = ("jax", "jaxlib", "flax", "optax", "numpy")
    return {"versions": {"aejax": aejax.__version__, "python": platform.python_version(),
                         **{name: version(name) for name in packages}},
            "device": device()}


def device() -> str:
    """What the computation runs on, for people."""
    if jax.default_backend() == "cpu":
        return f"{os.cpu_count()} CPU cores"
    return f"{jax.device_count()} x {jax.devices()[0].device_kind}"


def write_json(path: str | Path, value: Any) -> None:
    """Writes indented JSON, whole or not at all."""
    with atomic(path) as temporary:
        temporary.write_text(json.dumps(value, indent=1, allow_nan=False, default=_plain) + "\n")


def _plain(value: Any) -> Any:
    if isinstance(value, np.ndarray):
        return value.tolist()
    if isinstance(value, np.generic):
        return value.item()
    if dataclasses.is_dataclass(value):
        return dataclasses.asdict(value)
    raise TypeError(f"{type(value).__name__} in JSON")


def save(path: Path, recipe: Recipe, params: Params, config: Mapping[str, Any]) -> None:
    """Writes params.safetensors, then config.json with the recipe, the environment and the digest of the parameters."""
    digest = write_params(path / "params.safetensors", params)
    write_json(path / "config.json",
               {"recipe": dataclasses.asdict(recipe), **config, **environment(), "params_sha256": digest})


def write_params(path: Path, params: Params) -> str:
    """Writes parameters, whole or not at all; the SHA-256 of the file."""
    flat = {name: np.asarray(leaf, order="C") for name, leaf in traverse_util.flatten_dict(params, sep="/").items()}
    content = serialise(flat)   # safetensors' own writing hides the system's error, such as a full disk
    with atomic(path) as temporary:
        temporary.write_bytes(content)
    return hashlib.sha256(content).hexdigest()


def read_params(path: Path, ae: Autoencoder, shape: Sequence[int] | Batch, advice: str = "train the run again",
                ) -> Params:
    """Parameters of an autoencoder from the file `path`; `shape` is that of a datum, or a batch of any other kind.

    Raises:
      InputError: damaged, or not of this autoencoder; it ends with the advice.
    """
    try:
        params = jax.tree.map(jnp.asarray, traverse_util.unflatten_dict(load_file(path), sep="/"))
    except SafetensorError as error:
        raise InputError(f"{path} is damaged ({error}): {advice}") from error
    plain = isinstance(shape, (list, tuple)) and all(isinstance(size, int) for size in shape)
    batch = jax.ShapeDtypeStruct((1, *shape), np.float32) if plain else shape
    expected = jax.eval_shape(ae.init, jax.random.key(0), batch)
    if jax.tree.map(lambda leaf: leaf.shape, expected) != jax.tree.map(lambda leaf: leaf.shape, params):
        raise InputError(f"{path} does not fit the recipe in config.json: {advice}")
    return params


def load(path: str | Path) -> Run:
    """Reads a run back.

    Raises:
      InputError: no run there, its files are damaged or do not fit together, or it is a run of captions.
    """
    path, config, recipe = opened(path)
    if recipe.variant == CAPTIONS:
        raise InputError(f"{path} is a run of captions, which aejax imagine and aejax describe read: name another run")
    with _undamaged(path):
        ae, shape = build(recipe), config["data"]["shape"]
    return Run(path, config, recipe, ae, read_params(path / "params.safetensors", ae, shape))


def opened(path: str | Path) -> tuple[Path, dict[str, Any], Recipe]:
    """The folder, the configuration and the recipe of a run whose parameters are those that it describes.

    Raises:
      InputError: no run there, or its files are damaged.
    """
    path = Path(path).expanduser()
    inside = sorted(config.parent.name for config in path.glob("*/config.json"))
    if inside and not (path / "config.json").exists():
        raise InputError(f"{path} holds several runs: name one of them, {', '.join(inside)}")
    for part in ("config.json", "params.safetensors"):
        if not (path / part).is_file():
            raise InputError(f"{path} holds no finished run ({part} is missing): train one with --output {path}")
    with _undamaged(path):
        config = json.loads((path / "config.json").read_text())
        recipe, _ = Recipe(**config["recipe"]), config["data"]["shape"]
    weights = path / "params.safetensors"
    if hashlib.sha256(weights.read_bytes()).hexdigest() != config.get("params_sha256"):
        raise InputError(f"{weights} is not the file that config.json describes (sha256 differs): train the run again")
    return path, config, recipe


@contextlib.contextmanager
def _undamaged(path: Path) -> Iterator[None]:
    try:
        yield
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(f"{path / 'config.json'} is damaged ({error}): train the run again") from error
