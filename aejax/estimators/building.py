"""From an estimator's parameters to its autoencoder: by names where possible, so that it can be saved and shared."""

import dataclasses
import functools
import json
from collections.abc import Callable, Mapping
from typing import Any

import optax

from aejax import variants
from aejax.recipes import LOSSES, NETWORKS, Recipe, build, build_corruption, build_loss, build_network, nearest
from aejax.types import Autoencoder, InputError, Network, ReconstructionLoss

WIDTHS = (128,)   # of a dense network where none are given
CODES = ("dense", "convolutional", "style")   # networks that have a code of a chosen width


def describe_network(network: Any, *, shape: tuple[int, ...], code_dim: int | None, widths: Any,
                     activation: Any) -> Mapping[str, Any] | None:
    """A network's parts as a recipe has them; None of an object that plain values do not describe.

    Without `code_dim`, the code has half as many units as a datum has values, at least 1 and at most 32.
    """
    if not isinstance(network, str):
        return _parts(network)
    name = nearest(network, CODES, "network")
    parts = {"name": name, "shape": list(shape), "activation": activation, "code_activation": "identity",
             "code_dim": _code_dim(shape) if code_dim is None else code_dim}
    if widths is not None or name == "dense":
        given = WIDTHS if widths is None else widths
        parts["widths" if name == "dense" else "channels"] = [int(width) for width in given]
    return parts


def _code_dim(shape: tuple[int, ...]) -> int:
    values = 1
    for size in shape:
        values *= size
    return min(32, max(1, values // 2))


def _parts(network: Any) -> Mapping[str, Any] | None:
    for name, known in NETWORKS.items():
        if type(network) is known:
            fields = {field: getattr(network, field) for field in known.__dataclass_fields__
                      if field not in ("name", "parent")}
            return {"name": name, **fields} if is_plain(fields) else None
    return None


def describe_loss(reconstruction: str | None, *, table: bool) -> Mapping[str, Any]:
    """A loss's parts: of tables any finite float, of images [0, 1]."""
    name = nearest("squared_error" if reconstruction is None else reconstruction, LOSSES, "loss")
    if name == "cross_entropy":
        return {"name": name}
    return {"name": name, "activation": "identity", "range": None} if table else {"name": name, "activation": "sigmoid"}


def make_network(network: Any, parts: Mapping[str, Any] | None) -> Network:
    """The network itself.

    Raises:
      InputError: an object that is none.
    """
    if parts is not None:
        return build_network(parts)
    if not isinstance(network, Network):
        raise InputError(f"network must be a name ({', '.join(CODES)}) or a linen module with encode and decode, got "
                         f"{network!r:.60}")
    return network


def make_loss(reconstruction: Any, *, table: bool) -> ReconstructionLoss:
    """The loss itself."""
    if isinstance(reconstruction, ReconstructionLoss):
        return reconstruction
    return build_loss(describe_loss(reconstruction, table=table))


def make_variant(variant: Any, network: Network, corruption: Any, reconstruction: ReconstructionLoss | None,
                 options: Mapping[str, Any]) -> Autoencoder:
    """The autoencoder where a recipe cannot hold its parts.

    Raises:
      InputError: arguments that do not apply, or a function that returns no `Autoencoder`.
    """
    function = getattr(variants, nearest(variant, variants.NAMES, "variant")) if isinstance(variant, str) else variant
    if not callable(function):
        raise InputError("variant must be a name, an Autoencoder, or a function network -> Autoencoder, got "
                         f"{variant!r:.60}")
    parts = {"name": corruption} if isinstance(corruption, str) else corruption
    given = {"corruption": build_corruption(parts) if isinstance(parts, Mapping) else parts,
             "reconstruction": reconstruction}
    try:
        ae = function(network, **{name: value for name, value in given.items() if value is not None}, **options)
    except TypeError as error:
        raise InputError(f"{getattr(function, '__name__', function)}: {error}") from error
    if not isinstance(ae, Autoencoder):
        raise InputError(f"{getattr(function, '__name__', function)} returned {type(ae).__name__}, not an Autoencoder")
    return ae


def is_plain(value: Any) -> bool:
    """Whether JSON can hold it."""
    try:
        json.dumps(value)
    except (TypeError, ValueError):
        return False
    return True


def built(recipe: Recipe, maker: Callable[[Recipe], Autoencoder] = build) -> Autoencoder:
    """The autoencoder of a recipe, the same object each time: programs are compiled once for all of its fits."""
    return _built(json.dumps(dataclasses.asdict(recipe), sort_keys=True), maker)


@functools.lru_cache(64)
def _built(text: str, maker: Callable[[Recipe], Autoencoder]) -> Autoencoder:
    return maker(Recipe(**json.loads(text)))


@functools.lru_cache(64)
def adam(learning_rate: float) -> optax.GradientTransformation:
    """One object for each rate, for the same reason."""
    return optax.adam(learning_rate)
