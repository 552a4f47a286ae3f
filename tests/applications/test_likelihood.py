import jax.numpy as jnp
import numpy as np
import pytest
from sklearn.decomposition import PCA

from aejax.applications.likelihood import fit_likelihood, likelihood_score
from aejax.types import Autoencoder, InputError

RNG = np.random.default_rng(0)
X = (RNG.normal(size=(300, 2)) * [3, 1] @ RNG.normal(size=(2, 6)) + 0.3 * RNG.normal(size=(300, 6))).astype(np.float32)
MODEL = PCA(2).fit(X)
AXES, MEAN = MODEL.components_.astype(np.float32), MODEL.mean_.astype(np.float32)


def linear(scale):
    """PCA whose code is divided by `scale` and multiplied again, as a decoder may do that spreads codes out."""
    return Autoencoder(None, lambda _, x: (x - MEAN[None]) @ AXES.T / scale,
                       lambda _, z: (z * scale) @ AXES + MEAN[None], None, None)


@pytest.mark.parametrize("scale", [1.0, 7.0])
def test_a_linear_autoencoder_is_probabilistic_pca(scale):
    """Oracle: scikit-learn's log-likelihood. The volume of the decoder makes the unit of the code drop out."""
    ae = linear(jnp.float32(scale))
    model = fit_likelihood(ae, {}, X)
    np.testing.assert_allclose(likelihood_score(ae, {}, X[:50] * 2, model), -MODEL.score_samples(X[:50] * 2), rtol=2e-4)


def test_a_curved_decoder_has_the_density_of_its_images():
    """Oracle: z ~ N(0, 1) on the curve (z, z²): density φ(z) / √(1 + 4z²) along it."""
    ae = Autoencoder(None, lambda _, x: x[:, :1], lambda _, z: jnp.concatenate([z, z**2], axis=1), None, None)
    z = RNG.normal(size=(4000, 1)).astype(np.float32)
    x = np.concatenate([z, z**2 + 0.01 * RNG.normal(size=z.shape).astype(np.float32)], axis=1)
    model = fit_likelihood(ae, {}, x)
    at = np.array([[0.0], [1.0], [2.0]], np.float32)
    found = likelihood_score(ae, {}, np.concatenate([at, at**2], axis=1), model)
    expected = (at**2 / 2 + 0.5 * np.log(1 + 4 * at**2)).ravel()
    np.testing.assert_allclose(found - found[0], expected, atol=0.15)


def test_a_direction_that_the_decoder_ignores_makes_nothing_infinitely_likely():
    axis = np.eye(6, dtype=np.float32)[:1]
    ae = Autoencoder(None, lambda _, x: x[:, :2], lambda _, z: (z[:, :1] + z[:, 1:]) @ axis, None, None)
    found = likelihood_score(ae, {}, X, fit_likelihood(ae, {}, X))
    assert np.isfinite(found).all()


def test_what_has_no_likelihood():
    wide = Autoencoder(None, lambda _, x: x, lambda _, z: z * 0.9, None, None)
    with pytest.raises(InputError, match="6 units for 6 values"):
        fit_likelihood(wide, {}, X)
    exact = Autoencoder(None, lambda _, x: x[:, :1], lambda _, z: jnp.repeat(z, 6, axis=1), None, None)
    with pytest.raises(InputError, match="has no error"):
        fit_likelihood(exact, {}, np.repeat(X[:, :1], 6, axis=1))
