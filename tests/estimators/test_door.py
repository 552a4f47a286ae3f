import numpy as np
import pytest
from scipy import sparse
from sklearn.base import BaseEstimator

from aejax.estimators.door import BLOCK, Door, checked, fit_standardiser, in_blocks
from aejax.types import InputError


def door(x, **options):
    estimator = BaseEstimator()
    return checked(estimator, x, reset=True, **options), estimator


@pytest.mark.parametrize(("x", "words"), [
    (np.array([[1.0, np.nan], [0, 1]]), "NaN"), (np.array([[1.0, np.inf], [0, 1]]), "infinity"),
    (np.zeros((0, 3)), "0 sample"), (np.zeros((3, 0)), "0 feature"), (np.ones((2, 2)) * 1j, "Complex"),
    (np.array([["a", "b"]]), "could not convert string"), (np.array([[1.0, {}]], object), "float"),
    ([1.0, 2.0], "1D array"), (np.zeros((2, 3, 4)), r"\[\.\.\., None\]"), (np.zeros((2, 3, 4, 1, 1)), "N, H, W, C"),
    (np.zeros((2, 0, 4, 1)), "N, H, W, C"),
])
def test_unusable_data_are_refused(x, words):
    with pytest.raises((ValueError, TypeError), match=words):
        door(x)


@pytest.mark.parametrize("form", [sparse.csr_matrix, sparse.csr_array])
def test_sparse_data_are_refused(form):
    with pytest.raises(TypeError, match="(?i)sparse"):
        door(form(np.eye(3)))


def test_numbers_keep_the_width_of_their_floats():
    for dtype, found in ((np.float32, np.float32), (np.float64, np.float64), (np.int64, np.float64),
                         (np.uint8, np.float64), (bool, np.float64), (object, np.float64)):
        assert door(np.ones((2, 3), dtype))[0].dtype == found
    x, estimator = door([[1, 2], [3, 4]])
    assert x.shape == (2, 2) and estimator.n_features_in_ == 2 and estimator.shape_ == (2,)


def test_pictures_pass_as_they_are(images):
    x, estimator = door(images)
    assert x.dtype == np.uint8 and estimator.n_features_in_ == 30 and estimator.shape_ == (6, 5, 1)
    assert door(images.astype(np.float32) / 255)[0].dtype == np.float32
    checked(estimator, images[:2], reset=False)
    with pytest.raises(InputError, match=r"fitted on \('N', 6, 5, 1\)"):
        checked(estimator, images[:, :5], reset=False)
    with pytest.raises(ValueError, match="5 features|fitted on"):
        checked(estimator, np.zeros((2, 5)), reset=False)


def test_floats_outside_the_range_are_refused():
    with pytest.raises(InputError, match="range 0 to 1"):
        Door(None, (0.0, 1.0)).enter(np.full((2, 2, 2, 1), 200.0))
    assert Door(None, (0.0, 1.0)).enter(np.array([[0.5, np.nan]])).dtype == np.float32


def test_columns_are_standardised_and_come_back(table):
    model = Door(fit_standardiser(table), None)
    x = model.enter(table)
    np.testing.assert_allclose(x.mean(0), 0, atol=1e-5)
    np.testing.assert_allclose(x.std(0), 1, atol=1e-5)
    np.testing.assert_allclose(model.leave(x), table, rtol=1e-4)


def test_statistics_of_known_values_only(table):
    holes = table.copy()
    holes[::3, 0] = np.nan
    scale = fit_standardiser(holes)
    np.testing.assert_allclose(scale.mean, np.nanmean(holes, 0), rtol=1e-6)
    np.testing.assert_allclose(scale.std, np.nanstd(holes, 0), rtol=1e-5)
    holes[:, 2] = np.nan
    with pytest.raises(InputError, match="column 2 has no known value"):
        fit_standardiser(holes)


def test_a_constant_column_is_only_shifted():
    assert fit_standardiser(np.full((4, 1), 7.1)).std.tolist() == [1.0]


def test_values_too_large_for_float32_are_refused():
    with pytest.raises(InputError, match="column 1 .* float32"):
        fit_standardiser(np.array([[0.0, 1e60], [1.0, -1e60]]))
    with pytest.raises(InputError, match="infinite"):
        Door(None, None).enter(np.array([[1e60]]))


@pytest.mark.parametrize(("count", "sizes"), [(1, [8]), (9, [16]), (BLOCK, [BLOCK]), (BLOCK + 3, [BLOCK, 8])])
def test_blocks_have_few_sizes_and_keep_the_order(count, sizes):
    seen = []

    def double(block, batch_size):
        seen.append(len(block))
        assert batch_size == len(block)
        return 2 * block
    x = np.arange(float(count))[:, None]
    np.testing.assert_array_equal(in_blocks(double, x, lambda block: block), 2 * x)
    assert seen == sizes
