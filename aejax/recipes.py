"""A recipe: everything that makes an autoencoder, as plain JSON values, and the autoencoder made from it."""

import dataclasses
import difflib
import inspect
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from aejax import corruptions, losses, networks, variants
from aejax.types import Autoencoder, Corruption, InputError, Network, Range, ReconstructionLoss

NETWORKS = {"dense": networks.Dense, "convolutional": networks.Convolutional, "spatial": networks.Spatial,
            "style": networks.Style, "unet": networks.UNet}
UNBOUNDED = ("adversarial", "regularised", "vector_quantised", "wasserstein")   # variants whose code should be free
CORRUPTIONS = ("identity", "masking_noise", "gaussian_noise", "salt_and_pepper_noise", "poisson_noise",
               "signal_dependent_noise", "block_mask", "hidden_regions", "downsample")
LOSSES = ("squared_error", "mean_squared_error", "cross_entropy")


@dataclasses.dataclass(frozen=True)
class Recipe:
    """What to build. Each part is {"name": …} and the keyword arguments of the function or class of that name.

    Attributes:
      variant: a name of `variants.NAMES`.
      network: {"name": one of `NETWORKS`, "shape": …, and what else that class takes}.
      reconstruction: {"name": one of `LOSSES`, …}.
      corruption: {"name": one of `CORRUPTIONS`, …}, for variants that take one; else None.
      options: the variant's further keyword arguments (weight, method, sparsity …).

    >>> recipe = Recipe("denoising", {"name": "dense", "shape": [4], "code_dim": 2},
    ...                 corruption={"name": "masking_noise", "rate": 0.3})
    >>> ae = build(recipe)
    """

    variant: str
    network: Mapping[str, Any]
    reconstruction: Mapping[str, Any] = dataclasses.field(default_factory=lambda: {"name": "squared_error"})
    corruption: Mapping[str, Any] | None = None
    options: Mapping[str, Any] = dataclasses.field(default_factory=dict)


def build(recipe: Recipe) -> Autoencoder:
    """The autoencoder of a recipe.

    Raises:
      InputError: an unknown name (with the nearest known one), or an option that does not apply to it.
    """
    variant = getattr(variants, nearest(recipe.variant, variants.NAMES, "variant"))
    options = dict(recipe.options) | {"reconstruction": build_loss(recipe.reconstruction)}
    if recipe.corruption is not None:
        options["corruption"] = build_corruption(recipe.corruption)
    _check_options(recipe.variant, variant, options, skip=1)
    return variant(build_network(recipe.network), **options)


def build_network(parts: Mapping[str, Any]) -> Network:
    """The network of a recipe; lists become tuples."""
    arguments = {key: tuple(value) if isinstance(value, list) else value for key, value in parts.items()}
    name = nearest(arguments.pop("name"), tuple(NETWORKS), "network")
    fields = {field for field in NETWORKS[name].__dataclass_fields__ if field not in ("name", "parent")}
    for key in arguments:
        if key not in fields:
            raise InputError(f"a {name} network takes no {key}; it takes {', '.join(sorted(fields))}")
    return NETWORKS[name](**arguments)


LEVELS = {"masking_noise": ("rate",), "gaussian_noise": ("std",), "salt_and_pepper_noise": ("rate",),
          "signal_dependent_noise": ("slope", "floor"), "hidden_regions": ("rate",)}
MASKS = ("masking_noise", "block_mask", "hidden_regions")


def blind(parts: Mapping[str, Any]) -> dict[str, Any]:
    """A recipe's corruption, each example drawing its level between 0 and the one that was given, or the default.

    >>> blind({"name": "gaussian_noise", "std": 0.5})
    {'name': 'gaussian_noise', 'std': [0.0, 0.5]}
    """
    name = nearest(parts["name"], CORRUPTIONS, "corruption")
    if name not in LEVELS:
        other = ": take signal_dependent_noise, whose slope is 1/peak, with floor 0" if name == "poisson_noise" else ""
        raise InputError(f"blind does not apply to {name}, which has no level that could be drawn from 0 on{other}")
    drawn = {}
    for level in LEVELS[name]:
        given = parts.get(level, inspect.signature(getattr(corruptions, name)).parameters[level].default)
        drawn[level] = [0.0, given[-1] if isinstance(given, (list, tuple)) else given]
    return dict(parts) | drawn


def fill_of(corruption: Mapping[str, Any] | None, range: Range | None) -> float | None:
    """The value, in a model's range, that a recipe's corruption puts into hidden places; None if it hides none.

    >>> fill_of({"name": "hidden_regions"}, (-1.0, 1.0))
    -3.0
    """
    if corruption is None or corruption["name"] not in MASKS:
        return None
    default = inspect.signature(getattr(corruptions, corruption["name"])).parameters["fill"].default
    low, high = (0.0, 1.0) if range is None else range
    return float(np.float32(low) + np.float32(high - low) * np.float32(corruption.get("fill", default)))


def told(network: Mapping[str, Any], corruption: Mapping[str, Any] | None, range: Range | None) -> dict[str, Any]:
    """A recipe's network; a U-Net is told which value marks what the corruption hides, where no datum can have it."""
    fill = fill_of(corruption, range)
    marks = fill is not None and range is not None and not range[0] <= fill <= range[1]
    return dict(network) | ({"unknown": fill} if marks and network["name"] == "unet" else {})


def build_corruption(parts: Mapping[str, Any]) -> Corruption:
    """The corruption of a recipe."""
    if parts["name"] == "identity":
        return corruptions.identity
    return _call("corruption", parts, CORRUPTIONS, corruptions)


def build_loss(parts: Mapping[str, Any]) -> ReconstructionLoss:
    """The loss of a recipe."""
    return _call("loss", parts, LOSSES, losses)


def nearest(name: str, known: tuple[str, ...], kind: str) -> str:
    """`name` if it is known, else an error that suggests the nearest known one."""
    if name in known:
        return name
    close = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    hint = f"; did you mean {close[0]!r}?" if close else ";"
    raise InputError(f"unknown {kind} {name!r}{hint} known: {', '.join(known)}")


def _call(kind: str, parts: Mapping[str, Any], known: tuple[str, ...], module: Any) -> Any:
    arguments = {key: tuple(value) if isinstance(value, list) else value for key, value in parts.items()}
    name = nearest(arguments.pop("name"), known, kind)
    function = getattr(module, name)
    _check_options(name, function, arguments)
    return function(**arguments)


def _check_options(name: str, function: Callable, options: Mapping[str, Any], skip: int = 0) -> None:
    known = tuple(inspect.signature(function).parameters)[skip:]
    for key in options:
        if key not in known:
            raise InputError(f"{key} does not apply to {name}; it takes {', '.join(known) or 'no option'}")
