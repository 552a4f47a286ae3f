import jax
import numpy as np
import optax
import pytest

from aejax import networks, variants
from aejax.train import fit
from aejax.types import InputError


def test_linear_encoder_has_the_norm_of_its_matrix(unit):
    network = networks.Dense(shape=(6, 5, 1), code_dim=4, code_activation="identity")
    ae = variants.contractive(network, weight=2.0)
    params = ae.init(jax.random.key(0), unit)
    loss, metrics = ae.loss(params, jax.random.key(1), unit)
    expected = np.square(params["encoder_kernel_0"]).sum()
    np.testing.assert_allclose(metrics["penalty"], expected, rtol=1e-5)
    np.testing.assert_allclose(loss, metrics["reconstruction"] + 2 * expected, rtol=1e-5)


def test_no_weight_is_standard_bitwise(dense, unit):
    contractive, standard = variants.contractive(dense, weight=0.0), variants.standard(dense)
    params = standard.init(jax.random.key(0), unit)
    gradients = [jax.jit(jax.grad(lambda p, ae=ae: ae.loss(p, jax.random.key(1), unit)[0]))(params)
                 for ae in (contractive, standard)]
    assert all(jax.tree.leaves(jax.tree.map(lambda a, b: bool((a == b).all()), *gradients)))


def test_more_weight_contracts_more(dense, images):
    norms = []
    for weight in (0.0, 0.1, 1.0):
        ae = variants.contractive(dense, weight=weight)
        _, history = fit(ae, images, optimizer=optax.adam(1e-2), key=jax.random.key(0), epochs=60, batch_size=64)
        norms.append(history["penalty"][-1])
    assert norms[0] > 1.2 * norms[1] > 1.2 * norms[2]


def test_methods_give_one_training(dense, images):
    states = [fit(variants.contractive(dense, method=method, chunk_size=chunk), images, optimizer=optax.sgd(1e-2),
                  key=jax.random.key(0), epochs=10, batch_size=32)[0].params
              for method, chunk in (("auto", None), ("jacfwd", None), ("jacrev", 7), ("gram", 20))]
    for other in states[1:]:
        jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5), states[0], other)


def test_estimate_comes_with_its_standard_error(dense, unit):
    exact = variants.contractive(dense)
    estimate = variants.contractive(dense, method="hutchinson", samples=8)
    params = exact.init(jax.random.key(0), unit)
    truth = exact.loss(params, jax.random.key(0), unit)[1]["penalty"]
    found = [estimate.loss(params, jax.random.key(i), unit)[1] for i in range(30)]
    errors = np.array([m["penalty"] - truth for m in found])
    stated = np.array([m["penalty_standard_error"] for m in found])
    assert (np.abs(errors) < 4 * stated).all()
    np.testing.assert_allclose(errors.std(), stated.mean(), rtol=0.5)   # the spread is the one that was stated
    one = variants.contractive(dense, method="hutchinson", samples=1).loss(params, jax.random.key(0), unit)[1]
    assert "penalty_standard_error" not in one


@pytest.mark.parametrize(("options", "message"), [
    ({"weight": -0.1}, "weight must not be negative"), ({"method": "jacbak"}, "unknown method"),
    ({"samples": 0}, "samples must be at least 1"), ({"chunk_size": 0}, "chunk_size must be at least 1")])
def test_bad_options(dense, options, message):
    with pytest.raises(InputError, match=message):
        variants.contractive(dense, **options)
