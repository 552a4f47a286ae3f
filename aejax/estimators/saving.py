"""A fitted estimator as a folder that needs no pickle: JSON, safetensors, and the checksums of both.

    config.json          class, format version, parameters as given, recipe, names of columns, history, versions
    params.safetensors   the network's parameters
    preprocess.json      shape of a datum, range, mean and standard deviation of the columns
    threshold.json       of an `AnomalyDetector`: threshold, its rule and sign, calibration scores
    SHA256SUMS           of the others, as sha256sum writes them

The folder appears whole or not at all. What is read back is checked before it is used, and no code comes out of it.
"""

import dataclasses
import inspect
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jax
import numpy as np

from aejax.data import Standardiser
from aejax.estimators.building import built, is_plain
from aejax.estimators.door import Door
from aejax.files import SUMS, checksums, new_folder, writing
from aejax.recipes import Recipe, build_network
from aejax.runs import environment, read_params, write_json, write_params
from aejax.types import InputError

FORMAT, VERSION = "aejax estimator", 1
REQUIRED = ("config.json", "params.safetensors", "preprocess.json")
ADVICE = "save it again, or copy the whole folder again"


def save(estimator: Any, folder: str | Path, *, overwrite: bool) -> None:
    """Writes a fitted estimator; see `AutoencoderEstimator.save_pretrained`."""
    if estimator.recipe_ is None:
        raise InputError("this model was given as objects (variant, network, corruption or reconstruction) that JSON "
                         "cannot hold: give them by name to save it, or keep params_ and build it again")
    scale = estimator.standardiser_
    names = getattr(estimator, "feature_names_in_", None)
    config = {"format": FORMAT, "format_version": VERSION, "class": type(estimator).__name__,
              "parameters": _parameters(estimator), "recipe": dataclasses.asdict(estimator.recipe_),
              "n_features_in": estimator.n_features_in_, "feature_names_in": None if names is None else list(names),
              "code_dim": estimator.code_dim_, "history": estimator.history_, **environment()}
    preprocess = {"shape": estimator.shape_, "range": estimator.autoencoder_.range,
                  "standardiser": scale and {"mean": scale.mean, "std": scale.std}}
    files = {"config.json": config, "preprocess.json": preprocess, **getattr(estimator, "_saved", dict)()}
    with new_folder(Path(folder).expanduser(), overwrite=overwrite, mark="preprocess.json",
                    kind="saved estimator") as temporary:
        write_params(temporary / "params.safetensors", estimator.params_)
        for name, content in files.items():
            write_json(temporary / name, content)
        with writing(Path(folder)):
            (temporary / SUMS).write_text(checksums(temporary))


def load(cls: type, folder: str | Path) -> Any:
    """Reads a fitted estimator; see `AutoencoderEstimator.from_pretrained`."""
    folder = Path(folder).expanduser()
    files = _read(folder)
    config, preprocess = files["config.json"], files["preprocess.json"]
    _check_kind(cls, config, folder)
    try:
        recipe = Recipe(**config["recipe"])
        estimator = cls(**_arguments(cls, config["parameters"], recipe))
        estimator.recipe_, estimator._object = recipe, None
        estimator.n_features_in_, estimator.code_dim_ = config["n_features_in"], config["code_dim"]
        estimator.history_, estimator.n_epochs_ = config["history"], len(config["history"]["loss"])
        if config["feature_names_in"] is not None:
            estimator.feature_names_in_ = np.array(config["feature_names_in"], object)
        estimator.shape_, scale = tuple(preprocess["shape"]), preprocess["standardiser"]
        estimator.standardiser_ = scale and Standardiser(*(np.array(scale[name], np.float32)
                                                           for name in ("mean", "std")))
        ae = built(recipe, estimator._maker())
        estimator._door = Door(estimator.standardiser_, ae.range)
        getattr(estimator, "_restored", lambda files: None)(files)
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise InputError(f"{folder}: its files do not fit together ({error}); {ADVICE}") from error
    params = read_params(folder / "params.safetensors", ae, estimator.shape_, ADVICE)
    estimator.params_ = jax.tree.map(np.asarray, params)
    return estimator


def _parameters(estimator: Any) -> dict[str, Any]:
    """Constructor's arguments that JSON can hold, or that can be told from the recipe."""
    given = estimator.get_params(deep=False)
    given = {name: value.item() if isinstance(value, np.generic) else value for name, value in given.items()}
    if "variant" in given and not isinstance(given["variant"], str):
        given["variant"] = estimator.recipe_.variant
    if not isinstance(given["random_state"], (int, type(None))):
        given["random_state"] = None   # a generator that has moved on since
    return {name: value for name, value in given.items() if is_plain(value)}


def _arguments(cls: type, parameters: Mapping[str, Any], recipe: Recipe) -> dict[str, Any]:
    known = inspect.signature(cls).parameters
    if strange := sorted(set(parameters) - set(known)):
        raise ValueError(f"unknown parameters {', '.join(strange)}")
    found = {name: tuple(value) if isinstance(value, list) else value for name, value in parameters.items()}
    return found if "network" in found else found | {"network": build_network(recipe.network)}


def _read(folder: Path) -> dict[str, Any]:
    """The folder's JSON files by name, after its checksums."""
    for name in (*REQUIRED, SUMS):
        if not (folder / name).is_file():
            raise InputError(f"{folder} holds no saved estimator ({name} is missing): name a folder that "
                             "save_pretrained wrote")
    try:
        written = (folder / SUMS).read_text(errors="replace").splitlines()
        found = set(checksums(folder).splitlines())
    except OSError as error:
        raise InputError(f"{folder}: cannot be read ({error.strerror or error}); {ADVICE}") from error
    names = {line[66:] for line in written}
    damaged = sorted({line[66:] for line in written if line not in found} | (set(REQUIRED) - names))
    if damaged:
        raise InputError(f"{folder}: {', '.join(damaged)} changed since it was saved; {ADVICE}")
    try:
        return {name: json.loads((folder / name).read_text()) for name in names if name.endswith(".json")}
    except ValueError as error:
        raise InputError(f"{folder}: no JSON ({error}); {ADVICE}") from error


def _check_kind(cls: type, config: Any, folder: Path) -> None:
    if not isinstance(config, dict) or config.get("format") != FORMAT:
        raise InputError(f"{folder} is no {FORMAT}: name a folder that save_pretrained wrote")
    if config.get("format_version") != VERSION:
        raise InputError(f"{folder} has format version {config.get('format_version')}, this aejax reads {VERSION}: "
                         "use the version of aejax that its config.json names")
    if config.get("class") != cls.__name__:
        raise InputError(f"{folder} holds an {config.get('class')}: call {config.get('class')}.from_pretrained")
