"""What the estimators share: their parameters, training, and the way through the model."""

import abc
import dataclasses
from collections.abc import Callable
from typing import Any

import jax
import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted

from aejax.data.dataset import cut
from aejax.estimators import saving
from aejax.estimators.building import adam, built, describe_network
from aejax.estimators.door import Door, checked, fit_standardiser, in_blocks
from aejax.recipes import Recipe
from aejax.trackers import Progress
from aejax.train import fit
from aejax.types import Autoencoder, Batch, InputError


@dataclasses.dataclass(kw_only=True, eq=False, repr=False)
class AutoencoderEstimator(BaseEstimator, abc.ABC):
    """The common base; use its subclasses.

    Parameters are kept as given, and looked at by `fit`: hence no types stand here.
    """

    network: Any = "dense"
    code_dim: Any = None
    widths: Any = None
    activation: Any = "silu"
    reconstruction: Any = None
    standardise: Any = True
    epochs: Any = 100
    batch_size: Any = 64
    learning_rate: Any = 3e-3
    validation_fraction: Any = 0.0
    patience: Any = 10
    verbose: Any = False
    random_state: Any = None

    def save_pretrained(self, folder: Any, *, overwrite: bool = False) -> None:
        """Writes the fitted estimator into a new folder: JSON and safetensors, no pickle; see `saving`.

        Args:
          folder: its path; an older estimator there is replaced only with `overwrite`.

        Raises:
          InputError: the folder is taken or cannot be written, or the model was given as objects that JSON cannot hold.
        """
        check_is_fitted(self)
        saving.save(self, folder, overwrite=overwrite)

    @classmethod
    def from_pretrained(cls, folder: Any) -> "AutoencoderEstimator":
        """Reads what `save_pretrained` wrote; it predicts bit for bit what was saved.

        Raises:
          InputError: no such folder, one of another class or a newer version, or a damaged file.
        """
        return saving.load(cls, folder)

    @property
    def autoencoder_(self) -> Autoencoder:
        """The four pure functions, to be called with `params_`."""
        return built(self.recipe_, self._maker()) if self._object is None else self._object

    @abc.abstractmethod
    def _maker(self) -> Callable[[Recipe], Autoencoder]:
        """What builds a recipe."""

    @abc.abstractmethod
    def _build(self, parts: Any) -> tuple[Recipe | None, Autoencoder | None]:
        """The recipe, or where JSON can hold none, the autoencoder itself; `parts` are the network's, if it has any."""

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "params_")

    def _seed(self) -> int:
        return int(check_random_state(self.random_state).randint(2**31 - 1))

    def _checked(self, X: Any, **options) -> np.ndarray:
        """`X` of a fitted estimator."""
        check_is_fitted(self)
        return checked(self, X, reset=False, **options)

    def _train(self, x: np.ndarray, seed: int) -> None:
        """Fits standardiser and autoencoder to checked data."""
        self._check_parameters()
        table = x.ndim == 2
        code_dim = None if self.code_dim is None else int(self.code_dim)   # of NumPy, in a grid of np.arange
        parts = describe_network(self.network, shape=self.shape_, code_dim=code_dim, widths=self.widths,
                                 activation=self.activation)
        self.recipe_, self._object = self._build(parts)
        ae = self.autoencoder_
        self.standardiser_ = fit_standardiser(x) if table and self.standardise else None
        if self.standardiser_ is not None and ae.range is not None:
            raise InputError(f"standardised columns leave the range {ae.range} of this loss: set standardise=False and "
                             "bring data in that range, or take a loss of range None")
        self._door = Door(self.standardiser_, ae.range)
        data, validation = self._enter(x), None
        if self.validation_fraction:
            data, validation = (jax.tree.map(lambda a, rows=rows: a[rows], data) for rows in
                                _two_parts(len(x), self.validation_fraction, seed))
        count = len(jax.tree.leaves(data)[0])
        state, history = fit(
            ae, data, optimizer=adam(self.learning_rate), key=jax.random.key(seed), epochs=self.epochs,
            batch_size=min(self.batch_size, count), validation=validation,
            patience=None if validation is None else self.patience,
            callbacks=(Progress(type(self).__name__),) if self.verbose else ())
        self.params_, self.history_ = jax.tree.map(np.array, jax.device_get(state.params)), history
        self.n_epochs_ = len(history["loss"])
        self.code_dim_ = int(jax.eval_shape(ae.encode, self.params_, jax.tree.map(lambda a: a[:1], data)).shape[1])

    def _enter(self, x: np.ndarray) -> Batch:
        """A block of checked data as the model takes it."""
        return self._door.enter(x)

    def _run(self, function: Callable[..., np.ndarray], x: np.ndarray) -> np.ndarray:
        """An application's function (ae, params, x, batch_size=…) over checked data."""
        ae = self.autoencoder_
        return in_blocks(lambda block, batch_size: function(ae, self.params_, block, batch_size=batch_size), x,
                         self._enter)

    def _check_parameters(self) -> None:
        for name, kinds, fits, wanted in (
                ("code_dim", (int, np.integer, type(None)), lambda v: v is None or v >= 1, "at least 1, or None"),
                ("widths", (tuple, list, type(None)), _are_widths, "whole numbers, each at least 1, or None"),
                ("epochs", (int, np.integer), lambda v: v >= 1, "a whole number, at least 1"),
                ("batch_size", (int, np.integer), lambda v: v >= 1, "a whole number, at least 1"),
                ("patience", (int, np.integer, type(None)), lambda v: v is None or v >= 1, "at least 1, or None"),
                ("learning_rate", (float, int, np.number), lambda v: 0 < v < np.inf, "a positive number"),
                ("validation_fraction", (float, int, np.number), lambda v: 0 <= v < 1, "from 0 to below 1")):
            value = getattr(self, name)
            if not isinstance(value, kinds) or not fits(value):
                raise InputError(f"{name} must be {wanted}, got {value!r:.60}")


def _are_widths(value: Any) -> bool:
    return value is None or all(isinstance(width, (int, np.integer)) and width >= 1 for width in value)


def _two_parts(count: int, fraction: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    kept, held = cut(count, fraction, seed)
    if not len(kept) or not len(held):
        raise InputError(f"a part of {fraction:g} of {count} examples leaves one without any: bring more data, or "
                         "take another fraction")
    return kept, held
