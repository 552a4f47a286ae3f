import jax
import jax.numpy as jnp
import numpy as np
import pytest

from aejax import jacobian, networks, variants
from aejax.types import InputError


@pytest.mark.parametrize("network", [networks.Dense((6, 5, 1), 4), networks.Dense((6, 5, 1), 3, widths=(20,)),
                                     networks.Dense((6, 5, 1), 3, widths=(60,))], ids=["one", "gram", "wide"])
def test_difference_of_jacobians_by_jacfwd(network, unit):
    flat = unit.reshape(64, -1)[:6]
    params = network.init(jax.random.key(0), flat)["params"]
    other = flat + 0.3 * jax.random.normal(jax.random.key(1), flat.shape)

    def jacobian_of(row):
        return jax.jacfwd(lambda r: network.apply({"params": params}, r[None], method="encode")[0])(row)
    expected = jnp.sum(jnp.square(jax.vmap(jacobian_of)(flat) - jax.vmap(jacobian_of)(other)), axis=(1, 2))
    for encode in (network.split_encoder(params), lambda x: network.apply({"params": params}, x, method="encode")):
        for chunk_size in (None, 4):
            value = jacobian.difference_squared_norm(encode, flat, other, chunk_size=chunk_size)
            np.testing.assert_allclose(value, expected, rtol=1e-4)


def test_without_the_hessian_term_it_is_contractive(dense, unit):
    higher, plain = (variants.higher_order_contractive(dense, weight=0.3, hessian_weight=0.0),
                     variants.contractive(dense, weight=0.3))
    params = plain.init(jax.random.key(0), unit)
    one, other = (float(ae.loss(params, jax.random.key(1), unit)[0]) for ae in (higher, plain))
    assert one == pytest.approx(other, rel=1e-6)


def test_a_linear_encoder_has_no_curvature(unit):
    network = networks.Dense((6, 5, 1), 4, code_activation="identity")
    ae = variants.higher_order_contractive(network, weight=0.0, hessian_weight=10.0)
    params = ae.init(jax.random.key(0), unit)
    assert float(ae.loss(params, jax.random.key(1), unit)[1]["penalty"]) == pytest.approx(0, abs=1e-8)


@pytest.mark.parametrize("options", [{"weight": -1}, {"hessian_weight": -0.1}, {"std": -1.0}, {"method": "no"}])
def test_bad_options(dense, options):
    with pytest.raises(InputError):
        variants.higher_order_contractive(dense, **options)
