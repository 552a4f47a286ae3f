import jax
import jax.numpy as jnp
import numpy as np
import pytest

from aejax.applications.flow_prior import CouplingFlow, FlowPrior, coupling_flow, flow_trainer
from aejax.applications.priors import Prior, full_gaussian
from aejax.types import InputError

KEY = jax.random.key(0)
ANGLE = np.random.default_rng(0).uniform(0, np.pi, 600)
MOON = np.stack([3 * np.cos(ANGLE), 3 * np.sin(ANGLE)], axis=1) + np.random.default_rng(1).normal(0, 0.2, (600, 2))
SMALL = {"layers": 4, "width": 32}


def _stirred(code_dim):
    """A flow and parameters that are far from the identity."""
    flow = CouplingFlow(code_dim, **SMALL)
    params = jax.jit(flow.init)(KEY, jnp.zeros((1, code_dim)))["params"]
    leaves, tree = jax.tree.flatten(params)
    keys = jax.random.split(KEY, len(leaves))
    return flow, jax.tree.unflatten(tree, [leaf + 0.2 * jax.random.normal(k, leaf.shape)
                                           for leaf, k in zip(leaves, keys, strict=True)])


@pytest.fixture(scope="module")
def moon():
    return coupling_flow(MOON, key=KEY, epochs=60, batch_size=100, learning_rate=5e-3, **SMALL)


def test_the_inverse_is_exact_and_the_volume_is_the_determinant():
    code_dim = 5
    flow, params = _stirred(code_dim)
    z = jax.random.normal(KEY, (6, code_dim))

    def one(z):
        return flow.apply({"params": params}, z[None])[0][0]

    @jax.jit
    def every(z):
        u, volume = flow.apply({"params": params}, z)
        return u, volume, flow.apply({"params": params}, u, method="inverse"), jax.vmap(jax.jacfwd(one))(z)
    u, volume, back, jacobians = every(z)
    assert np.abs(u - z).max() > 0.5   # no identity
    np.testing.assert_allclose(back, z, atol=1e-4)
    determinants = np.linalg.det(np.asarray(jacobians, np.float64))
    np.testing.assert_allclose(volume, np.log(np.abs(determinants)), atol=1e-4)
    moved = [flow.mask(layer) for layer in range(flow.layers)]
    assert all((a + b == 1).all() for a, b in zip(moved[::2], moved[1::2], strict=True))   # every unit is moved


def test_an_untrained_flow_is_the_gaussian_of_the_codes():
    params = flow_trainer(2, **SMALL).init(KEY, np.zeros((1, 2), np.float32))
    gaussian = full_gaussian(MOON)
    prior = FlowPrior(gaussian.means[0], gaussian.choleskys[0], params)
    np.testing.assert_allclose(prior.log_density(MOON[:9]), gaussian.log_density(MOON[:9]), rtol=1e-4)


def test_a_density_integrates_to_one(moon):
    side = np.linspace(-8, 8, 321)
    grid = np.stack(np.meshgrid(side, side), axis=-1).reshape(-1, 2)
    assert isinstance(moon, Prior)
    assert np.exp(np.asarray(moon.log_density(grid), np.float64)).sum() * 0.05**2 == pytest.approx(1, abs=0.01)


def test_a_flow_bends_where_a_gaussian_does_not(moon):
    assert np.mean(moon.log_density(MOON)) > np.mean(full_gaussian(MOON).log_density(MOON)) + 0.4
    radii = np.linalg.norm(moon.sample(KEY, 1000), axis=1)
    flat = np.linalg.norm(full_gaussian(MOON).sample(KEY, 1000), axis=1)
    assert np.median(np.abs(radii - 3)) < 0.5 * np.median(np.abs(flat - 3))


def test_temperature_zero_is_one_point(moon):
    cold = np.asarray(moon.sample(KEY, 20, temperature=0.0))
    np.testing.assert_allclose(cold, np.broadcast_to(cold[:1], cold.shape), atol=1e-6)


def test_what_cannot_be_is_one_line():
    with pytest.raises(InputError, match="of which there is one"):
        coupling_flow(MOON[:, :1], key=KEY)
    with pytest.raises(InputError, match="layers and width"):
        coupling_flow(MOON, key=KEY, layers=0)
    with pytest.raises(InputError, match="epochs must be at least 1"):
        coupling_flow(MOON, key=KEY, epochs=0)
    with pytest.raises(InputError, match="no code"):
        flow_trainer(2).encode({}, MOON)
