"""The base of the estimators that may be any variant: by its name, as a function, or as an `Autoencoder`."""

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np

from aejax import variants
from aejax.applications.reconstruction import reconstruct
from aejax.estimators.base import AutoencoderEstimator
from aejax.estimators.building import describe_loss, is_plain, make_loss, make_network, make_variant
from aejax.recipes import Recipe, build
from aejax.types import Autoencoder, InputError, ReconstructionLoss


@dataclasses.dataclass(kw_only=True, eq=False, repr=False)
class VariantEstimator(AutoencoderEstimator):
    """The common base; use its subclasses."""

    variant: Any = "standard"
    options: Any = None
    corruption: Any = None

    def reconstruct(self, X: Any) -> np.ndarray:
        """x̂ of every example, float32, in the units of `X`: what the autoencoder makes of it."""
        return self._door.leave(self._run(reconstruct, self._checked(X)))

    def _maker(self) -> Callable[[Recipe], Autoencoder]:
        return build

    def _build(self, parts: Any) -> tuple[Recipe | None, Autoencoder | None]:
        if isinstance(self.variant, Autoencoder):
            self._refuse_what_the_autoencoder_settles()
            return None, self.variant
        table, options = len(self.shape_) == 1, dict(self.options or {})
        variant = next((name for name in variants.NAMES if getattr(variants, name) is self.variant), self.variant)
        corruption = {"name": self.corruption} if isinstance(self.corruption, str) else self.corruption
        named = isinstance(variant, str) and not isinstance(self.reconstruction, ReconstructionLoss)
        if named and parts is not None and is_plain((parts, options, corruption)):
            loss = describe_loss(self.reconstruction, table=table)
            return Recipe(variant, parts, loss, corruption, options), None
        network = make_network(self.network, parts)
        own = callable(variant) and self.reconstruction is None and not table   # such a function may know its loss
        loss = None if own else make_loss(self.reconstruction, table=table)
        return None, make_variant(variant, network, corruption, loss, options)

    def _refuse_what_the_autoencoder_settles(self) -> None:
        defaults = {field.name: field.default for field in dataclasses.fields(VariantEstimator)}
        for name in ("network", "code_dim", "widths", "reconstruction", "options", "corruption"):
            if getattr(self, name) is not defaults[name] and getattr(self, name) != defaults[name]:
                raise InputError(f"{name} does not apply where variant is an Autoencoder, which has its own")
