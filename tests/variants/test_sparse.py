import jax
import jax.numpy as jnp
import numpy as np
import pytest

from aejax import networks, variants
from aejax.types import InputError
from aejax.variants.sparse import bernoulli_divergence


def test_l1_is_the_sum_of_absolute_codes(dense, unit):
    ae = variants.sparse(dense, weight=0.3)
    params = ae.init(jax.random.key(0), unit)
    loss, metrics = ae.loss(params, jax.random.key(1), unit)
    expected = np.abs(ae.encode(params, unit)).sum(axis=1).mean()
    np.testing.assert_allclose(metrics["penalty"], expected, rtol=1e-5)
    np.testing.assert_allclose(loss, metrics["reconstruction"] + 0.3 * expected, rtol=1e-5)


def test_kl_by_hand():
    code = jnp.array([[0.2, 0.5], [0.4, 0.5]])
    value = bernoulli_divergence(0.1)(None, None, None, None, code)
    means, rho = np.array([0.3, 0.5]), 0.1
    np.testing.assert_allclose(value, (rho * np.log(rho / means) + (1 - rho) * np.log((1 - rho) / (1 - means))).sum(),
                               rtol=1e-5)


def test_kl_is_zero_at_the_target():
    value = bernoulli_divergence(0.25)(None, None, None, None, jnp.full((4, 3), 0.25))
    assert float(value) == pytest.approx(0, abs=1e-6)


def test_no_weight_is_standard_bitwise(dense, unit):
    sparse, standard = variants.sparse(dense, weight=0.0), variants.standard(dense)
    params = sparse.init(jax.random.key(0), unit)
    gradients = [jax.jit(jax.grad(lambda p, ae=ae: ae.loss(p, jax.random.key(1), unit)[0]))(params)
                 for ae in (sparse, standard)]
    assert all(jax.tree.leaves(jax.tree.map(lambda a, b: bool((a == b).all()), *gradients)))


@pytest.mark.parametrize(("options", "message"), [
    ({"sparsity": "l2"}, "unknown sparsity"), ({"target": 1.0}, "between 0 and 1"), ({"sparsity": "kl"}, "sigmoid"),
    ({"weight": -1}, "negative")])
def test_bad_options(dense, options, message):
    with pytest.raises(InputError, match=message):
        variants.sparse(dense, **options)


def test_kl_drives_units_to_the_target(images):
    import optax

    from aejax.train import fit
    network = networks.Dense(shape=(6, 5, 1), code_dim=8, code_activation="sigmoid")
    ae = variants.sparse(network, weight=5.0, sparsity="kl", target=0.1)
    state, _ = fit(ae, images, optimizer=optax.adam(1e-2), key=jax.random.key(0), epochs=150, batch_size=64)
    assert abs(float(ae.encode(state.params, images).mean()) - 0.1) < 0.05
