"""`Imputer`: unknown values of a table, or pixels, from the known ones."""

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np
from sklearn.base import OneToOneFeatureMixin, TransformerMixin

from aejax.applications.imputation import impute, imputing_autoencoder
from aejax.corruptions.noise import Level
from aejax.estimators.base import AutoencoderEstimator
from aejax.estimators.building import describe_loss, is_plain, make_loss, make_network
from aejax.estimators.door import BLOCK, checked
from aejax.recipes import Recipe, build_loss, build_network
from aejax.types import Autoencoder, Batch, InputError, Masked, Params, ReconstructionLoss


@dataclasses.dataclass(kw_only=True, eq=False, repr=False)
class Imputer(OneToOneFeatureMixin, TransformerMixin, AutoencoderEstimator):
    """Fills NaN with what an autoencoder makes of the known values of the same example.

    It learns from incomplete data: in training, more values are hidden, and the loss is that of the known values alone.

    Args:
      hidden_rate: chance that a known value is hidden in training, or a pair (lowest, highest) from which each example
        draws its own: about the share of values that is unknown where it is used.

    The other arguments and attributes are those of `AutoencoderTransformer`, without `variant`, `options` and
    `corruption`. Data are tables of numbers, or images of floats in [0, 1]; NaN is what is unknown.

    Source: Gondara and Wang, "MIDA: multiple imputation using denoising autoencoders", PAKDD 2018.

    >>> X = np.random.default_rng(0).normal(size=(40, 6))
    >>> X[::3, 2] = np.nan
    >>> filled = Imputer(epochs=2, random_state=0).fit_transform(X)
    >>> bool(np.isnan(filled).any()), bool((filled[1] == X[1]).all())
    (False, True)
    """

    hidden_rate: Any = 0.25

    def fit(self, X: Any, y: Any = None) -> "Imputer":
        """Trains on `X`, which may hold NaN; `y` is ignored.

        Raises:
          ValueError: data or parameters that cannot be used, in one line; a column without any known value.
        """
        x = checked(self, X, reset=True, least=2, missing=True)
        rates = self.hidden_rate if isinstance(self.hidden_rate, (tuple, list)) else (self.hidden_rate,)
        if not all(isinstance(rate, (float, int, np.number)) for rate in rates):
            raise InputError(f"hidden_rate must be a probability or a pair of them, got {self.hidden_rate!r:.60}")
        self._train(x, self._seed())
        return self

    def transform(self, X: Any) -> np.ndarray:
        """`X` with its NaN filled: a copy in its dtype, whose known values are untouched, bit for bit."""
        filled = self._checked(X, missing=True).copy()
        if filled.dtype == np.uint8:
            return filled
        for begin in range(0, len(filled), BLOCK):
            block = filled[begin: begin + BLOCK]
            unknown = np.isnan(block)
            rows = np.flatnonzero(unknown.reshape(len(block), -1).any(axis=1))
            if len(rows):
                found = self._door.leave(self._run(_filled, block[rows]))
                block[rows] = np.where(unknown[rows], found, block[rows])
        return filled

    def _enter(self, x: np.ndarray) -> Batch:
        known = ~np.isnan(x)
        values = self._door.enter(x)
        return Masked(np.where(known, values, values.dtype.type(self._door.lowest)), known)

    def _maker(self) -> Callable[[Recipe], Autoencoder]:
        return _imputing

    def _build(self, parts: Any) -> tuple[Recipe | None, Autoencoder | None]:
        table = len(self.shape_) == 1
        rates = [float(rate) for rate in np.atleast_1d(self.hidden_rate)]
        rate = rates[0] if len(rates) == 1 else rates
        if parts is not None and is_plain(parts) and not isinstance(self.reconstruction, ReconstructionLoss):
            return Recipe("imputing_autoencoder", parts, describe_loss(self.reconstruction, table=table), None,
                          {"rate": rate}), None
        return None, imputing_autoencoder(make_network(self.network, parts), rate=_level(rate),
                                          reconstruction=make_loss(self.reconstruction, table=table))

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags


def _filled(ae: Autoencoder, params: Params, x: Masked, *, batch_size: int) -> np.ndarray:
    return impute(ae, params, x.values, x.known_mask, batch_size=batch_size)


def _imputing(recipe: Recipe) -> Autoencoder:
    return imputing_autoencoder(build_network(recipe.network), rate=_level(recipe.options["rate"]),
                                reconstruction=build_loss(recipe.reconstruction))


def _level(rate: float | list[float]) -> Level:
    return tuple(rate) if isinstance(rate, list) else rate
