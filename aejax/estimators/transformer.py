"""`AutoencoderTransformer`: codes as features."""

import dataclasses
from typing import Any

import numpy as np
from sklearn.base import ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils.validation import check_array, check_is_fitted

from aejax.applications.anomaly_detection import reconstruction_score
from aejax.applications.reconstruction import decode, encode
from aejax.estimators.door import checked, in_blocks
from aejax.estimators.variant_estimator import VariantEstimator
from aejax.types import InputError


@dataclasses.dataclass(kw_only=True, eq=False, repr=False)
class AutoencoderTransformer(ClassNamePrefixFeaturesOutMixin, TransformerMixin, VariantEstimator):
    """Codes as features: `transform` encodes, `inverse_transform` decodes.

    Data are tables (N, F) of numbers, standardised inside, or images (N, H, W, C), uint8 or floats in [0, 1].

    Args:
      variant: a name of `aejax.variants.NAMES`, a function network -> `Autoencoder`, or an `Autoencoder` of the data's
        shape, for which `network` to `corruption` do not apply.
      options: further keyword arguments of the variant, {"weight": 0.1}.
      network: "dense", "convolutional", or a linen module with `encode` and `decode`.
      code_dim: width of the code; None: half of the number of values of a datum, at most 32.
      widths: of a dense network's hidden layers, (128,) if None; of a convolutional one's stages, (16, 32) if None.
      activation: of hidden layers, a name of `aejax.networks.ACTIVATIONS`; the code is linear.
      corruption: what a denoising variant is trained against: a name, {"name": "gaussian_noise", "std": 0.3}, or a
        function; on the scale of the standardised columns, or of [0, 1].
      reconstruction: "squared_error", "mean_squared_error", "cross_entropy" (data in [0, 1]), or a loss; by default
        the first.
      standardise: whether a table's columns are brought to mean 0 and standard deviation 1.
      epochs, batch_size, learning_rate: of Adam; fewer examples than `batch_size` are one batch.
      validation_fraction: share of the examples that is held out, drawn by seed, to measure val_loss; 0: none.
      patience: with validation, epochs without a lower val_loss before training ends and returns to the best; None:
        never.
      verbose: whether epochs are reported on stderr.
      random_state: seed, `numpy.random.RandomState` or None: of parameters, noise, order and held-out part.

    Attributes:
      history_: equally long lists "loss", its terms, "val_…" of these, and "seconds".
      params_: the parameters, to be used with `autoencoder_`, the pure functions.
      code_dim_, shape_: of a code, and of a datum.
      standardiser_: mean and standard deviation of the columns, or None.
      n_features_in_, feature_names_in_, n_epochs_: as usual; the number of epochs done.

    >>> X = np.random.default_rng(0).normal(size=(40, 6))
    >>> model = AutoencoderTransformer(code_dim=2, epochs=2, random_state=0).fit(X)
    >>> model.transform(X).shape, model.inverse_transform(model.transform(X)).shape
    ((40, 2), (40, 6))
    """

    def fit(self, X: Any, y: Any = None) -> "AutoencoderTransformer":
        """Trains on `X`; `y` is ignored.

        Raises:
          ValueError: data or parameters that cannot be used, in one line.
        """
        x = checked(self, X, reset=True, least=2)
        self._train(x, self._seed())
        return self

    def transform(self, X: Any) -> np.ndarray:
        """The codes, float32 (N, code_dim)."""
        return self._run(encode, self._checked(X))

    def inverse_transform(self, X: Any) -> np.ndarray:
        """Codes (N, code_dim) decoded: float32 in the units of the data, (N, F) or (N, H, W, C)."""
        check_is_fitted(self)
        codes = check_array(X, dtype=[np.float32, np.float64])
        if codes.shape[1] != self.code_dim_:
            raise InputError(f"codes of {codes.shape[1]} units; those of this model have {self.code_dim_}")
        ae = self.autoencoder_
        return self._door.leave(in_blocks(
            lambda block, batch_size: decode(ae, self.params_, block, batch_size=batch_size), codes,
            lambda block: block.astype(np.float32)))

    def score(self, X: Any, y: Any = None) -> float:
        """−mean ½‖x − x̂‖², of standardised columns or of pixels in [0, 1]: larger is better, 0 is perfect."""
        return -float(self._run(reconstruction_score, self._checked(X)).astype(np.float64).mean())

    @property
    def _n_features_out(self) -> int:
        return self.code_dim_

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = ["float32"]
        return tags
