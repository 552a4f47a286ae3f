"""A table whose columns depend on each other, pictures, and estimators fitted on them once."""

import numpy as np
import pytest

from aejax.estimators import AutoencoderTransformer


def correlated(count: int, seed: int, features: int = 6) -> np.ndarray:
    """Two hidden factors, linear and squared, and a little noise: no column is independent of the others."""
    rng = np.random.default_rng(seed)
    hidden = rng.normal(size=(count, 2))
    hidden = np.concatenate([hidden, hidden**2], axis=1)
    mixing = np.random.default_rng(0).normal(size=(4, features))
    return (hidden @ mixing + 0.1 * rng.normal(size=(count, features))) * 10.0 ** np.arange(-2, features - 2) + 5


@pytest.fixture(scope="session")
def table() -> np.ndarray:
    """(256, 6), columns of very different scales."""
    return correlated(256, seed=1)


@pytest.fixture(scope="session")
def fresh() -> np.ndarray:
    """(128, 6), of the same distribution."""
    return correlated(128, seed=2)


@pytest.fixture(scope="session")
def transformer(table) -> AutoencoderTransformer:
    return AutoencoderTransformer(code_dim=3, epochs=30, random_state=0).fit(table)


@pytest.fixture(scope="session")
def picture_transformer(images) -> AutoencoderTransformer:
    return AutoencoderTransformer(code_dim=4, epochs=5, random_state=0).fit(images)
