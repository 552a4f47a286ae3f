import jax
import numpy as np
import pytest

from aejax import corruptions, losses, networks, variants
from aejax.estimators import AutoencoderTransformer
from aejax.types import InputError

TABLE = losses.squared_error(activation="identity", range=None)


def code(table, **parameters):
    return AutoencoderTransformer(epochs=1, random_state=0, **parameters).fit(table).transform(table[:5])


def test_by_name_by_function_and_by_object_are_the_same(table):
    dense = networks.Dense(shape=(6,), code_dim=2, widths=(128,), activation="silu", code_activation="identity")
    by_name = code(table, code_dim=2, variant="denoising", corruption={"name": "gaussian_noise", "std": 0.2})
    for parameters in ({"code_dim": 2, "variant": variants.denoising, "corruption": corruptions.gaussian_noise(0.2)},
                       {"network": dense, "variant": "denoising", "corruption": corruptions.gaussian_noise(0.2)},
                       {"variant": variants.denoising(dense, corruption=corruptions.gaussian_noise(0.2),
                                                      reconstruction=TABLE)}):
        np.testing.assert_array_equal(code(table, **parameters), by_name)
    assert (code(table, code_dim=2) != by_name).any()


def test_options_reach_the_variant(table):
    weak, strong = (code(table, variant="contractive", options={"weight": weight}) for weight in (0.0, 100.0))
    assert (weak != strong).any()
    np.testing.assert_array_equal(weak, code(table))   # the limit


def test_an_own_function(table):
    def own(network, reconstruction=None):
        return variants.sparse(network, weight=0.0, reconstruction=reconstruction)
    np.testing.assert_array_equal(code(table, variant=own), code(table))


def test_functions_and_numpy_numbers_as_parameters(table):
    np.testing.assert_array_equal(code(table, activation=jax.nn.silu, code_dim=np.int64(2), widths=(np.int64(8),)),
                                  code(table, code_dim=2, widths=[8]))


def test_what_an_autoencoder_settles_cannot_be_set_beside_it(table):
    ae = variants.standard(networks.Dense(shape=(6,), code_dim=2), reconstruction=TABLE)
    with pytest.raises(InputError, match="code_dim does not apply"):
        code(table, variant=ae, code_dim=3)


def test_reconstruction_is_in_the_units_of_the_data(transformer, table, fresh):
    for x in (table, fresh):
        error = ((transformer.reconstruct(x) - x) ** 2).mean(0) / x.var(0)
        assert (error < 0.5).all(), error   # of the variance of each column


def test_pictures(picture_transformer, images):
    x_hat = picture_transformer.reconstruct(images)
    assert x_hat.shape == images.shape and x_hat.dtype == np.float32 and 0 <= x_hat.min() <= x_hat.max() <= 1
    np.testing.assert_allclose(x_hat, picture_transformer.reconstruct(images.astype(np.float64) / 255), atol=1e-5)
