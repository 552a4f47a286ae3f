import jax
import jax.numpy as jnp
import numpy as np
import pytest

from aejax import corruptions, losses, variants
from aejax.applications.anomaly_detection import (
    contributions,
    denoising_score,
    energy_score,
    features,
    mahalanobis_score,
    neighbour_score,
    noise_averaged,
    reconstruction_score,
)
from aejax.applications.inpainting import code_prior
from aejax.applications.whitening import fit_whitening
from aejax.autoencoder import corrupt
from aejax.types import Autoencoder, InputError

RNG = np.random.default_rng(0)
NORMAL = (RNG.normal(size=(400, 2)) @ RNG.normal(size=(2, 5)) + 0.1 * RNG.normal(size=(400, 5))).astype(np.float32)
ODD = np.concatenate([NORMAL[:6] + 2 * RNG.normal(size=(6, 5)).astype(np.float32), 6 * NORMAL[6:12]])


@pytest.fixture(scope="module")
def ae(dense):
    return variants.standard(dense, reconstruction=losses.squared_error(activation="tanh"))


@pytest.fixture(scope="module")
def params(ae, images):
    return ae.init(jax.random.key(0), images)


def _linear(params, x):
    return (x - params["mean"][None]) @ params["axes"].T


LINEAR = Autoencoder(None, _linear, lambda params, z: z @ params["axes"] + params["mean"][None], None, None)
MEAN = NORMAL.mean(axis=0)
AXES = np.linalg.svd(NORMAL - MEAN, full_matrices=False)[2][:2]
PCA = {"mean": jnp.asarray(MEAN), "axes": jnp.asarray(AXES)}


def test_reconstruction_score_is_the_loss_of_each_example(ae, params, images):
    """Oracle: the objective of a standard autoencoder on one example at a time."""
    expected = [ae.loss(params, jax.random.key(0), images[i: i + 1])[1]["reconstruction"] for i in range(5)]
    np.testing.assert_allclose(reconstruction_score(ae, params, images[:5], batch_size=2), expected, rtol=1e-5)


def test_features_are_residual_and_code(ae, params, images):
    joint = features(ae, params, images, of="joint", batch_size=10)
    code = np.asarray(ae.encode(params, images))
    residual = 2 * images.astype(np.float32) / 255 - 1 - ae.decode(params, code)
    np.testing.assert_allclose(joint, np.concatenate([residual.reshape(64, -1), code], axis=1), atol=1e-5)
    np.testing.assert_array_equal(joint[:, :30], features(ae, params, images, batch_size=10))
    np.testing.assert_array_equal(joint[:, 30:], features(ae, params, images, of="code", batch_size=10))
    found = features(ae, params, images, of="reconstruction", batch_size=10)
    np.testing.assert_allclose(found.reshape(images.shape), ae.decode(params, code), atol=1e-5)


@pytest.mark.parametrize("of", ["residual", "code", "joint"])
def test_contributions_add_up_to_the_score(ae, params, images, of):
    found = features(ae, params, images, of=of)
    whitening = fit_whitening(found, blocks=(30, 4) if of == "joint" else ())
    parts = contributions(ae, params, images, whitening, of=of)
    assert parts.shape == found.shape and (parts >= 0).all()
    np.testing.assert_allclose(parts.sum(axis=1), mahalanobis_score(ae, params, images, whitening, of=of), rtol=1e-5)


def test_contributions_without_a_whitening_are_squared_errors(ae, params, images):
    parts = contributions(ae, params, images)
    np.testing.assert_allclose(parts, 0.5 * features(ae, params, images)**2, rtol=1e-5, atol=1e-7)
    np.testing.assert_allclose(parts.sum(axis=1), reconstruction_score(ae, params, images), rtol=1e-5)


def test_joint_distance_of_a_linear_autoencoder_is_that_of_the_data():
    """Oracle: code and residual of PCA are together a rotation of the data, whose Mahalanobis distance it leaves."""
    whitening = fit_whitening(features(LINEAR, PCA, NORMAL, of="joint"), ridge=1e-5, blocks=(5, 2))
    found = mahalanobis_score(LINEAR, PCA, ODD, whitening, of="joint")
    deviation = ODD - MEAN
    expected = 0.5 * np.sum(deviation @ np.linalg.inv(np.cov(NORMAL, rowvar=False)) * deviation, axis=1)
    np.testing.assert_allclose(found, expected, rtol=1e-2)


def test_a_residual_cannot_see_what_a_code_sees():
    """Six times a normal datum lies on the same plane: only its code is odd."""
    scores = {of: mahalanobis_score(LINEAR, PCA, np.concatenate([NORMAL, ODD]), fit_whitening(
        features(LINEAR, PCA, NORMAL, of=of), ridge=1e-3), of=of) for of in ("residual", "code")}
    limits = {of: np.quantile(found[:400], 0.99) for of, found in scores.items()}
    assert (scores["residual"][400:406] > limits["residual"]).all()
    assert (scores["code"][406:] > limits["code"]).mean() >= 0.5


def test_neighbour_score_is_the_mean_distance_of_codes(ae, params, images):
    codes = np.asarray(ae.encode(params, images))
    found = neighbour_score(ae, params, images[40:], codes[:40], k=3)
    expected = np.sort(np.linalg.norm(codes[40:, None] - codes[None, :40], axis=2), axis=1)[:, :3].mean(axis=1)
    np.testing.assert_allclose(found, expected, rtol=1e-4)
    whitened = neighbour_score(ae, params, images[40:], codes[:40] * 5, fit_whitening(codes * 5), k=3)
    assert np.isfinite(whitened).all() and not np.allclose(whitened, found)


@pytest.fixture(scope="module")
def noise():
    return corruptions.gaussian_noise(0.3)


def test_without_noise_denoising_is_reconstruction(ae, params, images):
    found = denoising_score(ae, params, images, corruption=corruptions.identity, key=jax.random.key(0), draws=2)
    np.testing.assert_allclose(found, reconstruction_score(ae, params, images), rtol=1e-5)


def test_a_datum_has_one_score_whatever_stands_beside_it(ae, params, images, noise):
    whole, parts, one = (denoising_score(ae, params, images, corruption=noise, key=jax.random.key(0), draws=d,
                                         batch_size=b) for b, d in ((64, 3), (7, 3), (64, 1)))
    np.testing.assert_allclose(whole, parts, rtol=1e-5)
    assert not np.allclose(whole, one, rtol=1e-3)
    alone = denoising_score(ae, params, images[9:10], corruption=noise, key=jax.random.key(0), draws=3)
    np.testing.assert_allclose(alone, whole[9:10], rtol=1e-5)


def test_error_is_that_of_the_mean_restoration_and_its_variance(ae, params, images, noise):
    """Oracle: E‖x − r‖² = ‖x − E r‖² + E‖r − E r‖², draw by draw."""
    keys = jax.random.split(jax.random.key(5), 4)
    x = jnp.asarray(2 * images[:8].astype(np.float32) / 255 - 1)
    noisy = [np.concatenate([corrupt(noise, key, one[None], ae.range) for one in x]) for key in keys]
    drawn = np.stack([ae.decode(params, ae.encode(params, one)) for one in noisy]).reshape(4, 8, -1)
    options = {"corruption": noise, "key": jax.random.key(5), "draws": 4}
    found = denoising_score(ae, params, images[:8], **options)
    flat = np.asarray(x).reshape(8, -1)
    np.testing.assert_allclose(found, 0.5 * np.square(flat - drawn).sum(axis=2).mean(axis=0), rtol=1e-5)
    averaged = noise_averaged(ae, noise, key=options["key"], draws=4)
    np.testing.assert_allclose(reconstruction_score(averaged, params, images[:8]),
                               found - 0.5 * np.square(drawn - drawn.mean(axis=0)).sum(axis=2).mean(axis=0), rtol=1e-4)


def test_energy_of_a_linear_autoencoder_is_that_of_the_best_code():
    """Oracle: the minimum of a quadratic, solved."""
    prior = code_prior(features(LINEAR, PCA, NORMAL, of="code"))
    found = energy_score(LINEAR, PCA, ODD, prior=prior, weight=0.5, steps=400)
    precision = np.linalg.inv(prior.cholesky @ prior.cholesky.T) * 0.5
    deviation = (ODD - MEAN).T
    z = np.linalg.solve(AXES @ AXES.T + precision, AXES @ deviation + (precision @ prior.mean)[:, None])
    expected = 0.5 * np.sum((deviation - AXES.T @ z)**2, axis=0) + 0.5 * np.sum(
        (z - prior.mean[:, None]) * (precision @ (z - prior.mean[:, None])), axis=0)
    np.testing.assert_allclose(found, expected, rtol=1e-2)
    assert (found >= expected * 0.9999).all()


@pytest.mark.parametrize(("call", "message"), [
    (lambda ae, p, x: features(ae, p, x, of="codes"), "unknown features 'codes'"),
    (lambda ae, p, x: contributions(ae, p, x, of="code"), "give a whitening"),
    (lambda ae, p, x: neighbour_score(ae, p, x, np.zeros((3, 4), np.float32), k=5), "from 1 to the number of ref"),
    (lambda ae, p, x: denoising_score(ae, p, x, corruption=corruptions.identity, key=jax.random.key(0), draws=0),
     "draws must be at least 1"),
    (lambda ae, p, x: features(ae._replace(reconstruct=ae.encode), p, x, of="joint"), "skip connections"),
    (lambda ae, p, x: reconstruction_score(ae, p, x[:0]), "no examples given")])
def test_bad_input_is_one_line(ae, params, images, call, message):
    with pytest.raises(InputError, match=message):
        call(ae, params, images)


def test_a_network_that_leads_past_the_code_is_scored_by_its_residual(ae, params, images):
    past = ae._replace(reconstruct=lambda params, x: x * np.float32(0.5 / 255))
    x = images / np.float32(255)
    np.testing.assert_allclose(reconstruction_score(past, params, x),
                               0.5 * np.square(x - x * np.float32(0.5 / 255)).reshape(64, -1).sum(axis=1), rtol=1e-4)
