import jax
import numpy as np
import pytest
from sklearn.decomposition import PCA
from sklearn.exceptions import NotFittedError

from aejax import networks, variants
from aejax.estimators import AutoencoderTransformer
from aejax.losses import squared_error
from aejax.types import InputError


def test_codes_and_back(transformer, table):
    code = transformer.transform(table)
    assert code.shape == (256, 3) and code.dtype == np.float32
    np.testing.assert_array_equal(transformer.inverse_transform(code), transformer.reconstruct(table))
    names = transformer.get_feature_names_out()
    assert names.tolist() == ["autoencodertransformer0", "autoencodertransformer1", "autoencodertransformer2"]


def test_the_pure_functions_are_there(transformer, table):
    x = transformer.standardiser_.apply(table[:4])
    np.testing.assert_allclose(jax.jit(transformer.autoencoder_.encode)(transformer.params_, x),
                               transformer.transform(table[:4]), rtol=1e-5, atol=1e-6)


def test_score_is_the_negative_error_of_standardised_columns(transformer, fresh):
    scale = transformer.standardiser_
    error = scale.apply(fresh) - scale.apply(transformer.reconstruct(fresh))
    assert transformer.score(fresh) == pytest.approx(-0.5 * (error**2).sum(1).mean(), rel=1e-3)


def test_a_linear_one_reaches_principal_components(table):
    """With a linear network and squared error the optimum is PCA's; the oracle is scikit-learn's."""
    linear = AutoencoderTransformer(code_dim=3, network=networks.Dense(
        shape=(6,), code_dim=3, code_activation="identity"), epochs=300, learning_rate=1e-2, random_state=0)
    linear.set_params(code_dim=None).fit(table)
    x = linear.standardiser_.apply(table)
    pca = PCA(3).fit(x)
    best = 0.5 * ((x - pca.inverse_transform(pca.transform(x))) ** 2).sum(1).mean()
    assert best <= -linear.score(table) * (1 + 1e-6) < 1.05 * best


def test_one_sample_and_one_feature(transformer, table):
    np.testing.assert_allclose(transformer.transform(table[:1]), transformer.transform(table)[:1], rtol=1e-5, atol=1e-6)
    with pytest.raises(ValueError, match="1 sample"):
        AutoencoderTransformer().fit(table[:1])
    narrow = AutoencoderTransformer(epochs=1, random_state=0).fit(table[:, :1])
    assert narrow.transform(table[:, :1]).shape == (256, 1)


def test_a_constant_column_is_harmless(table):
    x = table.copy()
    x[:, 3] = 7.1
    model = AutoencoderTransformer(epochs=5, random_state=0).fit(x)
    assert np.isfinite(model.transform(x)).all()
    np.testing.assert_allclose(model.reconstruct(x)[:, 3], 7.1, atol=1.0)


def test_wrong_codes_are_refused(transformer):
    with pytest.raises(InputError, match="2 units; those of this model have 3"):
        transformer.inverse_transform(np.zeros((1, 2)))
    with pytest.raises(ValueError, match="NaN"):
        transformer.inverse_transform(np.full((1, 3), np.nan))
    with pytest.raises(NotFittedError):
        AutoencoderTransformer().inverse_transform(np.zeros((1, 3)))


def test_pictures_of_both_kinds_of_network(picture_transformer, images):
    assert picture_transformer.transform(images).shape == (64, 4)
    assert picture_transformer.inverse_transform(picture_transformer.transform(images)).shape == images.shape
    model = AutoencoderTransformer(network="convolutional", widths=(4,), code_dim=3, epochs=1, random_state=0)
    assert model.fit_transform(images).shape == (64, 3)
    assert model.n_features_in_ == 30 and model.score(images) < 0


def test_memory_does_not_grow_with_the_rows():
    """What a program sees at most, of 100,000 rows; and not one row is left out."""
    seen = []
    ae = variants.standard(networks.Dense(shape=(3,), code_dim=1),
                           reconstruction=squared_error(activation="identity", range=None))

    def encode(params, x):
        seen.append(len(x))
        return ae.encode(params, x)
    x = np.random.default_rng(0).normal(size=(100_001, 3)).astype(np.float32)
    model = AutoencoderTransformer(variant=ae._replace(encode=encode), epochs=1, random_state=0).fit(x[:64])
    seen.clear()
    code = model.transform(x)
    model.score(x)
    model.reconstruct(x)
    assert max(seen) == 1024 and len(seen) <= 6   # traced for full blocks and for the last one
    assert code.shape == (100_001, 1)
    np.testing.assert_allclose(code[-3:], model.transform(x[-3:]), rtol=1e-5, atol=1e-6)
