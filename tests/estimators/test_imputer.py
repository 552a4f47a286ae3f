import numpy as np
import pytest
from sklearn.experimental import enable_iterative_imputer  # noqa: F401
from sklearn.impute import IterativeImputer, SimpleImputer

from aejax.estimators import Imputer
from aejax.estimators.door import BLOCK
from aejax.types import InputError
from tests.estimators.conftest import correlated


def with_holes(x, seed=0, rate=0.2):
    hidden = np.random.default_rng(seed).random(x.shape) < rate
    return np.where(hidden, np.nan, x), hidden


@pytest.fixture(scope="module")
def tables():
    scale = correlated(1000, seed=1).std(0)
    train, test = correlated(1000, seed=1) / scale, correlated(500, seed=2) / scale
    return with_holes(train)[0], test, *with_holes(test, seed=1)


@pytest.fixture(scope="module")
def imputer(tables):
    return Imputer(epochs=60, widths=(64,), random_state=0).fit(tables[0])


def test_known_values_are_untouched_and_no_unknown_is_left(imputer, tables):
    _, _, holes, hidden = tables
    before = holes.copy()
    filled = imputer.transform(holes)
    assert filled.dtype == np.float64 and not np.isnan(filled).any()
    np.testing.assert_array_equal(filled[~hidden], holes[~hidden])
    np.testing.assert_array_equal(holes, before)
    single = imputer.transform(holes.astype(np.float32))
    assert single.dtype == np.float32
    np.testing.assert_array_equal(single[~hidden], holes.astype(np.float32)[~hidden])


def test_far_better_than_the_mean_and_near_chained_regressions(imputer, tables):
    """The oracles are scikit-learn's; most of this table's dependence is linear, which is theirs to win."""
    train, test, holes, hidden = tables

    def error(model):
        return np.sqrt(((model.transform(holes) - test)[hidden] ** 2).mean())
    mean = error(SimpleImputer(strategy="mean").fit(train))
    iterative = error(IterativeImputer(max_iter=20, tol=1e-2, random_state=0).fit(train))
    assert error(imputer) < 0.6 * mean
    assert error(imputer) < 1.3 * iterative


def test_what_stands_at_unknown_places_never_enters(imputer, tables):
    """A complete table with holes of the same places gives the same model, whatever was there."""
    train = tables[0][:64]
    model = Imputer(epochs=2, random_state=0).fit(train)
    assert all(np.isfinite(values).all() for values in model.history_.values())
    x = model.standardiser_.apply(train)
    np.testing.assert_allclose(np.nanmean(x, 0), 0, atol=1e-5)   # of the known values


def test_rows_without_holes_and_rows_of_holes_alone(imputer, tables):
    complete = tables[1][:20]
    np.testing.assert_array_equal(imputer.transform(complete), complete)
    unknown = imputer.transform(np.full((1, 6), np.nan))
    assert np.isfinite(unknown).all()
    assert (abs(unknown - np.nanmean(tables[0], 0)) < 2 * np.nanstd(tables[0], 0)).all()


def test_many_rows(imputer, tables):
    holes = np.concatenate([tables[2]] * 5)
    assert len(holes) > 2 * BLOCK
    filled = imputer.transform(holes)
    np.testing.assert_allclose(filled[-500:], imputer.transform(tables[2]), rtol=1e-4, atol=1e-5)


def test_infinite_values_and_empty_columns_are_refused(imputer, tables):
    with pytest.raises(ValueError, match="infinity"):
        imputer.transform(np.full((1, 6), np.inf))
    train = tables[0].copy()
    train[:, 4] = np.nan
    with pytest.raises(InputError, match="column 4"):
        Imputer().fit(train)


def test_names_are_those_of_the_columns(imputer):
    assert imputer.get_feature_names_out().tolist() == [f"x{i}" for i in range(6)]


def test_pictures(images):
    x = images.astype(np.float32) / 255
    holes, hidden = with_holes(x)
    model = Imputer(network="convolutional", widths=(4,), epochs=5, hidden_rate=(0.1, 0.4), random_state=0).fit(holes)
    filled = model.transform(holes)
    assert filled.dtype == np.float32 and 0 <= filled.min() <= filled.max() <= 1
    np.testing.assert_array_equal(filled[~hidden], x[~hidden])
    np.testing.assert_array_equal(Imputer(epochs=1, random_state=0).fit(images).transform(images), images)


@pytest.mark.parametrize("rate", [1.5, "much", (0.5, 0.1)])
def test_wrong_rates(tables, rate):
    with pytest.raises(ValueError):
        Imputer(hidden_rate=rate).fit(tables[0])
