"""A recipe: everything that makes an autoencoder, as plain JSON values, and the autoencoder made from it."""

import dataclasses
import difflib
import inspect
from collections.abc import Callable, Mapping
from typing import Any

from aejax import corruptions, losses, networks, variants
from aejax.types import Autoencoder, Corruption, InputError, Network

NETWORKS = {"dense": networks.Dense, "convolutional": networks.Convolutional, "unet": networks.UNet}
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
    options = dict(recipe.options) | {"reconstruction": _call("loss", recipe.reconstruction, LOSSES, losses)}
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


def build_corruption(parts: Mapping[str, Any]) -> Corruption:
    """The corruption of a recipe."""
    if parts["name"] == "identity":
        return corruptions.identity
    return _call("corruption", parts, CORRUPTIONS, corruptions)


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
