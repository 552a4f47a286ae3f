"""How a user's data become a model's, and come back: checked as scikit-learn does, standardised, block by block."""

import dataclasses
from collections.abc import Callable
from typing import Any

import jax
import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_array, validate_data

from aejax.autoencoder import check_data
from aejax.data import Standardiser
from aejax.types import Batch, InputError, Range

BLOCK = 1024   # examples that are standardised, and run through one program, at a time
LEAST = 8      # examples of the smallest program
FLOATS = [np.float64, np.float32]


def checked(estimator: BaseEstimator, X: Any, *, reset: bool, least: int = 1, missing: bool = False) -> np.ndarray:
    """`X` as an array: a table (N, F) of floats, or images (N, H, W, C), uint8 or floats.

    It sets `n_features_in_`, `shape_` and, of data frames, `feature_names_in_` where `reset`, else compares with them.

    Args:
      least: fewest examples.
      missing: whether NaN may stand for an unknown value.

    Raises:
      ValueError, TypeError: scikit-learn's own, or `InputError`.
    """
    options = {"ensure_all_finite": "allow-nan" if missing else True, "ensure_min_samples": least}
    ndim = X.ndim if hasattr(X, "ndim") else np.ndim(X) if isinstance(X, (list, tuple)) else 2
    if ndim <= 2:
        x = validate_data(estimator, X, reset=reset, dtype=FLOATS, **options)
    else:
        dtype = np.uint8 if getattr(X, "dtype", None) == np.uint8 else FLOATS
        x = check_array(X, allow_nd=True, dtype=dtype, estimator=estimator, **options)
        if x.ndim != 4 or 0 in x.shape:
            raise InputError(f"data of shape {x.shape}: tables are (N, F), images (N, H, W, C), grey ones "
                             "X[..., None]")
        if reset:
            estimator.n_features_in_ = int(np.prod(x.shape[1:]))
            vars(estimator).pop("feature_names_in_", None)
    if reset:
        estimator.shape_ = tuple(int(size) for size in x.shape[1:])
    elif x.shape[1:] != estimator.shape_:
        raise InputError(f"data of shape {x.shape}, but {type(estimator).__name__} was fitted on "
                         f"{('N', *estimator.shape_)}")
    return x


@dataclasses.dataclass(frozen=True, eq=False)
class Door:
    """Between the user's units and the model's.

    Attributes:
      standardiser: of a table's columns; None: values stay as they are.
      range: of the model.
    """

    standardiser: Standardiser | None
    range: Range | None

    def enter(self, x: np.ndarray) -> np.ndarray:
        """A block of data in the model's units, float32 or uint8."""
        if x.dtype == np.uint8:
            return x
        with np.errstate(over="ignore"):   # what float32 cannot hold becomes infinite, and is refused as that
            x = x.astype(np.float32) if self.standardiser is None else self.standardiser.apply(x)
        check_data(np.where(np.isnan(x), np.float32(self.lowest), x), self.range)
        return x

    @property
    def lowest(self) -> float:
        """The lower end of the range, 0 where there is none: what may stand where a value is unknown."""
        return 0.0 if self.range is None else float(self.range[0])

    def leave(self, x: np.ndarray) -> np.ndarray:
        """What the model says, in the user's units."""
        return x if self.standardiser is None else self.standardiser.invert(x)


def fit_standardiser(x: np.ndarray) -> Standardiser:
    """Mean and standard deviation of the known values of every column, NaN where unknown.

    Raises:
      InputError: a column without a known value, or too large for float32.
    """
    known = ~np.isnan(x)
    if not known.any(axis=0).all():
        column = int(np.argmin(known.any(axis=0)))
        raise InputError(f"column {column} has no known value: leave it out, or bring data for it")
    with np.errstate(over="ignore", invalid="ignore"):
        if known.all():
            scale = Standardiser.fit(x)
        else:
            columns = [Standardiser.fit(x[known[:, i], i: i + 1]) for i in range(x.shape[1])]
            scale = Standardiser(np.concatenate([c.mean for c in columns]), np.concatenate([c.std for c in columns]))
    bad = ~np.isfinite(scale.mean) | ~np.isfinite(scale.std)
    if bad.any():
        raise InputError(f"column {int(np.argmax(bad))} has values that float32 cannot hold: rescale it")
    return scale


def in_blocks(function: Callable[..., np.ndarray], x: np.ndarray, enter: Callable[[np.ndarray], Batch]) -> np.ndarray:
    """function(enter(rows), batch_size=…) over blocks of `x`, (N, …): memory for the model's work stays flat.

    Blocks are filled up with copies of their first row to the next power of two, so that data of many lengths share a
    few compiled programs.
    """
    parts = []
    for begin in range(0, len(x), BLOCK):
        block = enter(x[begin: begin + BLOCK])
        count = min(BLOCK, len(x) - begin)
        size = max(LEAST, 1 << (count - 1).bit_length())
        full = jax.tree.map(lambda a, more=size - count: np.concatenate([a, np.repeat(a[:1], more, axis=0)]), block)
        parts.append(function(full, batch_size=size)[:count])
    return np.concatenate(parts)
