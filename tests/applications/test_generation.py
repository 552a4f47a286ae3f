import jax
import jax.numpy as jnp
import numpy as np
import pytest

from aejax import codebooks, losses, networks, variants
from aejax.applications import generation
from aejax.applications.generation import as_arrays, fit_prior, of_arrays, sample
from aejax.applications.priors import standard_normal
from aejax.types import InputError

KEY = jax.random.key(0)
SMALL = {"flow": {"epochs": 1, "layers": 2, "width": 8}, "mixture": {"components": 2}, "gaussian": {},
         "normal": {}, "autoregressive": {"epochs": 1, "radius": 1, "embedding": 2, "width": 4}}
BOOK = jnp.array([[0.0, 0.0], [1.0, 1.0]])


@pytest.fixture(scope="module")
def plain(images):
    network = networks.Dense(shape=(6, 5, 1), code_dim=4, code_activation="identity")
    ae = variants.standard(network, reconstruction=losses.squared_error(activation="tanh"))
    return ae, ae.init(KEY, images)


@pytest.fixture(scope="module")
def with_codebook(plain):
    """The same with codes of two positions, each the nearest vector of a book."""
    ae, params = plain

    def encode(params, x):
        return codebooks.vectors(codebooks.indices(ae.encode(params, x), BOOK), BOOK)
    return ae._replace(encode=encode, codebook=lambda params: BOOK), params


@pytest.mark.parametrize("name", generation.KINDS)
def test_every_prior_is_fitted_drawn_from_and_read_back(name, plain, with_codebook, images):
    ae, params = with_codebook if name == "autoregressive" else plain
    prior = fit_prior(name, ae, params, images, key=KEY, **SMALL[name])
    made = sample(ae, params, prior, jax.random.key(1), 7, batch_size=4)
    assert made.shape == (7, 6, 5, 1) and made.min() >= -1 and made.max() <= 1
    np.testing.assert_allclose(made, ae.decode(params, prior.sample(jax.random.key(1), 7)), atol=1e-6)
    again = of_arrays(name, as_arrays(prior))
    np.testing.assert_array_equal(sample(ae, params, again, jax.random.key(1), 7), sample(
        ae, params, prior, jax.random.key(1), 7))
    codes = ae.encode(params, images[:3])
    np.testing.assert_array_equal(again.log_density(codes), prior.log_density(codes))


def test_a_plain_autoencoder_has_nothing_to_draw_from(plain):
    with pytest.raises(InputError, match="fit a prior first"):
        sample(*plain, None, KEY, 3)


def test_with_a_posterior_it_is_the_standard_normal(plain):
    ae, params = plain
    ae = ae._replace(posterior=lambda params, x: (ae.encode(params, x), jnp.zeros((x.shape[0], 4))))
    made = sample(ae, params, None, KEY, 3, shape=(6, 5, 1))
    np.testing.assert_array_equal(made, sample(ae, params, standard_normal(4), KEY, 3))
    with pytest.raises(InputError, match="shape"):
        sample(ae, params, None, KEY, 3)


def test_codes_of_a_posterior_are_drawn_from_it(plain, images):
    ae, params = plain
    constant = jnp.log(jnp.float32(0.25))
    ae = ae._replace(posterior=lambda params, x: (jnp.full((x.shape[0], 4), 3.0), jnp.full((x.shape[0], 4), constant)))
    many = np.repeat(images, 10, axis=0)
    codes = generation.training_codes(ae, params, many, KEY)
    np.testing.assert_allclose([codes.mean(), codes.std()], [3, 0.5], atol=0.05)
    np.testing.assert_array_equal(generation.training_codes(*plain, images, KEY), plain[0].encode(plain[1], images))


def test_what_cannot_be_is_one_line(plain, images):
    ae, params = plain
    with pytest.raises(InputError, match="unknown prior 'cauchy'"):
        fit_prior("cauchy", ae, params, images, key=KEY)
    with pytest.raises(InputError, match="has not: take normal"):
        fit_prior("autoregressive", ae, params, images, key=KEY)
    with pytest.raises(InputError, match="at least 1"):
        sample(ae, params, standard_normal(4), KEY, 0)
    skips = ae._replace(reconstruct=ae.encode)
    for call in (lambda: sample(skips, params, standard_normal(4), KEY, 1),
                 lambda: fit_prior("normal", skips, params, images, key=KEY)):
        with pytest.raises(InputError, match="skip connections"):
            call()


@pytest.mark.parametrize("name, spoil", [
    ("normal", lambda arrays: arrays | {"means": np.full((1, 2), np.nan)}), ("cauchy", dict),
    ("flow", dict), ("normal", lambda arrays: {"means": arrays["means"]})])
def test_arrays_of_no_prior_are_refused(name, spoil):
    with pytest.raises(InputError, match="fit it again"):
        of_arrays(name, spoil(as_arrays(standard_normal(2))))
