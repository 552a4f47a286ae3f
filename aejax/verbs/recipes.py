"""The recipe that the flags of `aejax train` and `aejax sweep` describe; a flag that nothing takes is an error."""

import dataclasses
import inspect
from typing import Any

from aejax import variants
from aejax.measured_noise import noise_of
from aejax.recipes import NETWORKS, UNBOUNDED, Recipe, blind, build, nearest, told
from aejax.types import InputError, Range
from aejax.verbs.common import given, numbers


def recipe_of(flags: Any, shape: tuple[int, ...], range: Range | None) -> Recipe:
    """The recipe for data of `shape` and `range`.

    Raises:
      InputError: an unknown name, settings that do not fit, or a flag that the variant does not take.
    """
    nearest(flags.network, tuple(NETWORKS), "network")
    network, loss = _network(flags, shape), _loss(flags, range)
    taken = inspect.signature(getattr(variants, flags.variant)).parameters
    options = _options(flags)
    if flags.samples is not None and "method" in taken and flags.method != "hutchinson":
        raise InputError("--samples applies to --method hutchinson alone: the other methods are exact")
    details = given(rate=flags.rate, std=flags.std, fill=flags.fill, size=flags.block_size, factor=flags.factor,
                    peak=flags.peak, slope=flags.slope, floor=flags.floor)
    if "std" in taken and "std" in details:   # the variant's own noise, which corrupts no input
        options["std"] = details.pop("std")
    if (details or flags.blind) and "corruption" not in taken:
        raise InputError(f"--{next(iter(details), 'blind')} does not apply to {flags.variant}, which corrupts nothing")
    corruption = _corruption(flags, details)
    recipe = Recipe(flags.variant, told(network, corruption, range), loss, corruption, options)
    build(recipe)
    return recipe


def _network(flags: Any, shape: tuple[int, ...]) -> dict[str, Any]:
    free = "identity" if flags.network == "dense" and flags.variant in UNBOUNDED else None
    return {"name": flags.network, "shape": list(shape)} | given(
        code_dim=30 if flags.code_dim is None and flags.network not in ("unet", "spatial") else flags.code_dim,
        vector_dim=flags.vector_dim if flags.network == "spatial" else None,
        widths=numbers(flags.widths, "widths"), channels=numbers(flags.channels, "channels"),
        mapping_widths=numbers(flags.mapping_widths, "mapping-widths"), style_dim=flags.style_dim,
        activation=flags.activation or ("elu" if flags.network == "unet" else None),   # relu may die in its first steps
        code_activation=flags.code_activation or free, tied=flags.tied or None,
        precision=None if flags.precision == "float32" else flags.precision)


def _loss(flags: Any, range: Range | None) -> dict[str, Any]:
    loss: dict[str, Any] = {"name": flags.loss}
    if flags.loss != "cross_entropy":
        plain = range is None or flags.network == "unet"   # which adds to its input, and needs nothing that saturates
        needed = "identity" if plain else "tanh" if range[0] < 0 else "sigmoid"
        loss["activation"] = flags.output_activation or needed
        if range is None and loss["activation"] == "identity":
            loss["range"] = None
        elif range == (-1.0, 1.0) and loss["activation"] == "identity":
            loss["range"] = range
    elif flags.output_activation:
        raise InputError("--output-activation does not apply to cross_entropy, whose output is a sigmoid")
    elif flags.network == "unet":
        raise InputError("cross_entropy does not suit a unet, which adds to its input: take squared_error")
    return loss


def _options(flags: Any) -> dict[str, Any]:
    return given(weight=flags.weight, hessian_weight=flags.hessian_weight, sparsity=flags.sparsity,
                 target=flags.target, method=flags.method, samples=flags.samples, chunk_size=flags.chunk_size,
                 step=flags.step, kernel=flags.kernel, regulariser=flags.regulariser,
                 regulariser_weight=flags.regulariser_weight, codebook_size=flags.codebook_size,
                 commitment=flags.commitment, widths=numbers(flags.discriminator_widths, "discriminator-widths"),
                 vector_dim=None if flags.network == "spatial" else flags.vector_dim,
                 beta=flags.beta, warm_up=flags.warm_up, free_bits=flags.free_bits)


def _corruption(flags: Any, details: dict[str, Any]) -> dict[str, Any] | None:
    if not (flags.corruption or details or flags.blind):
        return None
    corruption = {"name": flags.corruption or "masking_noise"} | details
    if corruption["name"] == "hidden_regions" and flags.rate is not None:
        corruption["rate"] = [flags.rate, flags.rate]
    return blind(corruption) if flags.blind else corruption


def with_measured_noise(flags: Any) -> Any:
    """The flags with the noise of --noise-from, which is printed, as if it had been given."""
    if flags.noise_from is None:
        return flags
    for name in ("corruption", "slope", "floor"):
        if getattr(flags, name) not in (None, "signal_dependent_noise"):
            raise InputError(f"--noise-from measures the noise, a signal_dependent_noise: leave out --{name}")
    level = noise_of(flags.noise_from)
    print(f"noise of {flags.noise_from}: variance {level.slope:.3g} x + {level.floor:.3g}, a std of "
          f"{level.floor ** 0.5:.3g} at black and {(level.slope + level.floor) ** 0.5:.3g} at white")
    return dataclasses.replace(flags, noise_from=None, corruption="signal_dependent_noise", slope=float(level.slope),
                               floor=float(level.floor))
