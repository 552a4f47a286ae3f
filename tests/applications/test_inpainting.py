import jax
import jax.numpy as jnp
import numpy as np
import pytest

from aejax import networks, variants
from aejax.applications import inpainting
from aejax.applications.inpainting import METHODS, CodePrior, code_prior, inpaint, minimise_energy, one_pass, project
from aejax.types import Autoencoder, InputError

RNG = np.random.default_rng(7)
MATRIX, OFFSET = RNG.normal(size=(3, 12)).astype(np.float32), RNG.normal(size=12).astype(np.float32)
X = RNG.normal(size=(5, 3, 4, 1)).astype(np.float32)
KNOWN = RNG.random(X.shape) > 0.4
PRIOR = CodePrior(np.array([1.0, -1.0, 0.5], np.float32),
                  np.array([[1.0, 0, 0], [0.5, 0.7, 0], [-0.3, 0.2, 0.6]], np.float32))


def _encode(params, x):
    return (x.reshape(len(x), -1) - OFFSET[None]) @ np.linalg.pinv(MATRIX)


def _decode(params, code):
    return (code @ MATRIX + OFFSET[None]).reshape(-1, 3, 4, 1)


LINEAR = Autoencoder(init=None, encode=_encode, decode=_decode, loss=None, range=None)   # filled by hand


@pytest.fixture(scope="module")
def ae(dense):
    return variants.denoising(dense)


@pytest.fixture(scope="module")
def params(ae, images):
    return ae.init(jax.random.key(0), images)


@pytest.fixture(scope="module")
def known(images):
    return np.random.default_rng(0).random(images.shape) > 0.5


def test_one_pass_fills_the_holes(ae, params, unit, known):
    x = np.asarray(unit)
    found = one_pass(ae, params, x, known, fill=0.25, batch_size=10)
    start = np.where(known, x, np.float32(0.25))
    expected = np.where(known, x, ae.decode(params, ae.encode(params, start)))
    np.testing.assert_allclose(found, expected, atol=1e-6)
    assert np.array_equal(inpaint(ae, params, x, known, fill=0.25), one_pass(ae, params, x, known, fill=0.25))


def test_projection_repeats_it(ae, params, unit, known):
    x = np.asarray(unit)
    again = one_pass(ae, params, one_pass(ae, params, x, known), known, fill=None)
    first = one_pass(ae, params, x, known)
    again = one_pass(ae, params, x, known, fill=first)   # an array: what the first pass put there
    np.testing.assert_allclose(project(ae, params, x, known, steps=2), again, atol=1e-6)
    assert not np.allclose(first, again, atol=1e-4)


def test_projection_onto_an_affine_manifold_ends_in_least_squares():
    """Alternating projections between known values and an affine subspace: its point nearest to these."""
    found = project(LINEAR, {}, X, KNOWN, steps=3000)
    for image, row, seen in zip(found.reshape(5, -1), X.reshape(5, -1), KNOWN.reshape(5, -1), strict=True):
        code = np.linalg.lstsq(MATRIX[:, seen].T, (row - OFFSET)[seen], rcond=None)[0]
        np.testing.assert_allclose(image, np.where(seen, row, code @ MATRIX + OFFSET), atol=2e-2)


@pytest.mark.parametrize("weight", [0.05, 2.0])
def test_the_energy_of_a_linear_decoder_has_its_closed_form_minimum(weight):
    """Ridge regression: z = (A_k A_kᵀ + weight Σ⁻¹)⁻¹ (A_k (x − b)_k + weight Σ⁻¹ μ)."""
    found = minimise_energy(LINEAR, {}, X, KNOWN, key=jax.random.key(0), prior=PRIOR, weight=weight, restarts=3,
                            steps=400)
    precision = np.linalg.inv(PRIOR.cholesky @ PRIOR.cholesky.T)
    for i, (row, seen) in enumerate(zip(X.reshape(5, -1), KNOWN.reshape(5, -1), strict=True)):
        part = MATRIX[:, seen]
        code = np.linalg.solve(part @ part.T + weight * precision,
                               part @ (row - OFFSET)[seen] + weight * precision @ PRIOR.mean)
        np.testing.assert_allclose(found.codes[i], code, atol=2e-3)
        energy = (0.5 * np.sum((row - OFFSET - code @ MATRIX)[seen] ** 2)
                  + 0.5 * weight * (code - PRIOR.mean) @ precision @ (code - PRIOR.mean))
        np.testing.assert_allclose(found.energies[i], energy, rtol=1e-4)
        np.testing.assert_allclose(found.images[i].ravel(), np.where(seen, row, code @ MATRIX + OFFSET), atol=5e-3)


def test_energies_fall_and_all_restarts_agree_where_the_energy_is_convex():
    found = minimise_energy(LINEAR, {}, X, KNOWN, key=jax.random.key(1), prior=PRIOR, weight=1.0, restarts=4, steps=400)
    assert found.trace.shape == (5, 4, 401) and np.isfinite(found.trace).all()
    np.testing.assert_allclose(found.trace.min(axis=(1, 2)), found.energies, rtol=1e-6)
    assert (found.trace[..., -1] < found.trace[..., 0]).all()
    np.testing.assert_allclose(found.trace[..., -1], found.energies[:, None].repeat(4, 1), rtol=1e-3)
    assert np.ptp(found.trace[:, 1:, 0], axis=1).min() > 0.1   # the starts differ


def test_the_best_step_is_kept():
    """At a rate that overshoots, the last step is not the best one."""
    found = minimise_energy(LINEAR, {}, X, KNOWN, key=jax.random.key(1), prior=PRIOR, weight=1.0, restarts=2, steps=6,
                            learning_rate=30.0)
    assert (found.trace[..., -1].min(axis=1) > found.energies).any()
    np.testing.assert_allclose(found.trace.min(axis=(1, 2)), found.energies, rtol=1e-6)
    error = np.where(KNOWN, X - _decode({}, found.codes), 0).reshape(5, -1)
    u = np.linalg.solve(PRIOR.cholesky, (found.codes - PRIOR.mean).T).T
    np.testing.assert_allclose(0.5 * np.sum(error**2, axis=1) + 0.5 * np.sum(u**2, axis=1), found.energies, rtol=1e-3)


def test_without_a_prior_there_is_no_second_term():
    found = minimise_energy(LINEAR, {}, X, KNOWN, key=jax.random.key(0), weight=50.0, restarts=2, steps=500)
    for i, (row, seen) in enumerate(zip(X.reshape(5, -1), KNOWN.reshape(5, -1), strict=True)):
        rest = np.linalg.lstsq(MATRIX[:, seen].T, (row - OFFSET)[seen], rcond=None)[1]
        np.testing.assert_allclose(found.energies[i], 0.5 * (rest[0] if len(rest) else 0), rtol=1e-2, atol=1e-4)


def test_the_batch_size_changes_nothing(ae, params, unit, known):
    prior = code_prior(ae.encode(params, unit))
    first, second = (minimise_energy(ae, params, np.asarray(unit)[:9], known[:9], key=jax.random.key(2), prior=prior,
                                     steps=20, restarts=2, batch_size=size) for size in (4, 9))
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, atol=1e-4), first, second)
    assert not np.array_equal(first.trace, minimise_energy(
        ae, params, np.asarray(unit)[:9], known[:9], key=jax.random.key(3), prior=prior, steps=20, restarts=2,
        batch_size=9).trace)


@pytest.mark.parametrize("method", METHODS)
def test_known_values_are_untouched(ae, params, images, unit, known, method):
    options = {"steps": 5} if method != "pass" else {}
    spoiled = np.where(known, unit, np.nan)
    found = inpaint(ae, params, spoiled, known, method=method, **options)
    assert found.dtype == np.float32 and np.array_equal(found[known], np.asarray(unit)[known])
    assert np.isfinite(found).all() and found.min() >= 0 and found.max() <= 1
    np.testing.assert_allclose(found, inpaint(ae, params, images, known, method=method, **options), atol=1e-6)   # uint8
    mask = known[:1]
    np.testing.assert_array_equal(inpaint(ae, params, images, mask, method=method, **options)[:, ~mask[0]].shape,
                                  (64, (~mask).sum()))


def test_the_prior_is_the_gaussian_of_the_codes():
    codes = RNG.normal(size=(500, 3)) @ np.array([[2.0, 0, 0], [1, 1, 0], [0, 0, 0]]) + 3   # the last never changes
    prior = code_prior(codes, ridge=1e-9)
    np.testing.assert_allclose(prior.mean, codes.mean(axis=0), rtol=1e-6)
    np.testing.assert_allclose(prior.cholesky @ prior.cholesky.T, np.cov(codes, rowvar=False), atol=1e-5)
    assert np.array_equal(prior.cholesky, np.tril(prior.cholesky)) and np.isfinite(np.linalg.inv(prior.cholesky)).all()


@pytest.mark.parametrize(("codes", "message"), [
    (np.zeros((1, 2)), "at least two"), (np.zeros((5, 2)), "codes are equal"), (np.full((5, 2), np.nan), "finite")])
def test_codes_that_make_no_prior(codes, message):
    with pytest.raises(InputError, match=message):
        code_prior(codes)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(("change", "message"), [
    ({"known_mask": np.ones((6, 6, 1), bool)}, "does not fit images of shape"),
    ({"known_mask": np.ones((6, 5, 1))}, "must be bool"),
    ({"known_mask": np.zeros((6, 5, 1), bool)}, "image 0 has no known value"),
    ({"x": np.full((2, 6, 5, 1), np.nan, np.float32)}, "60 known values are NaN or infinite"),
    ({"x": np.full((2, 6, 5, 1), 7, np.float32)}, "data from 7 to 7 for a loss of range 0 to 1"),
    ({"x": np.zeros((0, 6, 5, 1), np.float32)}, "no examples"), ({"fill": np.nan}, "fill must be finite"),
])
def test_bad_input(ae, params, method, change, message):
    arguments = {"x": np.zeros((2, 6, 5, 1), np.float32), "known_mask": np.array(True), **change}
    with pytest.raises(InputError, match=message):
        inpaint(ae, params, method=method, **arguments)


@pytest.mark.parametrize("options", [{"restarts": 0}, {"steps": 0}, {"weight": -1.0}, {"learning_rate": 0.0},
                                     {"prior": PRIOR}])
def test_bad_options_of_the_energy(ae, params, images, options):
    with pytest.raises(InputError, match="restarts and steps must|a prior of 3 code units for codes of 4"):
        minimise_energy(ae, params, images, np.array(True), key=jax.random.key(0), **options)


def test_other_refusals(ae, params, images):
    with pytest.raises(InputError, match="unknown method 'magic': one of pass, projection, energy"):
        inpaint(ae, params, images, np.array(True), method="magic")
    with pytest.raises(InputError, match="steps must be at least 1"):
        project(ae, params, images, np.array(True), steps=0)
    skipping = variants.denoising(networks.UNet(shape=(6, 5, 1), channels=(2, 3)))
    with pytest.raises(InputError, match="lead past the code"):
        inpaint(skipping, {}, images, np.array(True), method="energy")


def test_a_network_with_skip_connections(images, known):
    skipping = variants.denoising(networks.UNet(shape=(6, 5, 1), channels=(2, 3), unknown=-1.0))
    params = skipping.init(jax.random.key(0), images)
    found = project(skipping, params, images, known, fill=-1.0, steps=2)
    x = images / np.float32(255)
    expected = np.where(known, x, skipping.reconstruct(params, jnp.asarray(np.where(known, x, np.float32(-1)))))
    expected = np.where(known, x, skipping.reconstruct(params, jnp.asarray(expected)))
    np.testing.assert_allclose(found, expected, atol=1e-6)


def test_baselines_stand_beside():
    assert {"telea", "navier_stokes", "gaussian_model"} <= set(inpainting.__all__)
