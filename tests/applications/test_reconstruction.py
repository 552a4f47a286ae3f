import jax
import numpy as np
import pytest
from sklearn.decomposition import PCA

from aejax import jacobian, variants
from aejax.applications.reconstruction import decode, encode, jacobian_norm, pca, reconstruct
from aejax.types import InputError

X = np.random.default_rng(1).normal(size=(40, 4, 3, 1)) * np.arange(1, 13).reshape(4, 3, 1)


@pytest.fixture(scope="module")
def ae(dense):
    return variants.standard(dense)


@pytest.fixture(scope="module")
def params(ae, images):
    return ae.init(jax.random.key(0), images)


@pytest.mark.parametrize("batch_size", [1, 7, 64, 1000])
def test_batches_equal_all_at_once(ae, params, images, batch_size):
    code = ae.encode(params, images)
    np.testing.assert_allclose(encode(ae, params, images, batch_size=batch_size), code, atol=1e-6)
    reconstruction = reconstruct(ae, params, images, batch_size=batch_size)
    assert isinstance(reconstruction, np.ndarray) and reconstruction.shape == images.shape
    np.testing.assert_allclose(reconstruction, ae.decode(params, code), atol=1e-6)
    np.testing.assert_allclose(decode(ae, params, np.asarray(code), batch_size=batch_size), reconstruction, atol=1e-6)


def test_floats_outside_the_range_pass(ae, params, images):
    """Corrupted inputs leave the range; only training refuses such data."""
    assert np.isfinite(reconstruct(ae, params, images / np.float32(100) - 1)).all()


@pytest.mark.parametrize("batch_size", [9, 64])
def test_jacobian_norm_is_that_of_jacfwd(ae, params, unit, batch_size):
    expected = np.sqrt(jacobian.squared_norm(lambda x: ae.encode(params, x), unit, method="jacfwd"))
    found = jacobian_norm(ae, params, np.asarray(unit), batch_size=batch_size)
    assert found.shape == (64,)
    np.testing.assert_allclose(found, expected, rtol=1e-4)


@pytest.mark.parametrize("function", [reconstruct, encode, jacobian_norm])
def test_no_examples_are_refused(ae, params, images, function):
    with pytest.raises(InputError, match="no examples"):
        function(ae, params, images[:0])


@pytest.mark.parametrize("code_dim", [1, 5, 12])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_pca_is_scikit_learns(code_dim, dtype):
    x, flat = X.astype(dtype), X.reshape(40, -1)
    ours, theirs = pca(x, code_dim), PCA(code_dim, svd_solver="full").fit(flat)
    np.testing.assert_allclose(np.abs(np.sum(ours.components * theirs.components_, axis=1)), 1, atol=1e-5)
    np.testing.assert_allclose(np.abs(ours.encode(x)), np.abs(theirs.transform(flat)), atol=1e-4)
    expected = theirs.inverse_transform(theirs.transform(flat))
    np.testing.assert_allclose(ours.reconstruct(x).reshape(40, -1), expected, atol=1e-4)
    assert ours.reconstruct(x).dtype == dtype


def test_pca_of_all_components_is_the_identity():
    np.testing.assert_allclose(pca(X, 12).reconstruct(X), X, atol=1e-8)


@pytest.mark.parametrize("code_dim", [0, 13])
def test_pca_refuses_other_code_dims(code_dim):
    with pytest.raises(InputError, match=f"from 1 to 12, got {code_dim}"):
        pca(X, code_dim)
