import jax
import jax.numpy as jnp
import numpy as np
import pytest

from aejax import networks

X = np.random.default_rng(0).normal(size=(5, 6)).astype(np.float32)


@pytest.mark.parametrize(("inner", "x"), [
    (networks.Dense(shape=(6,), code_dim=2), X), (networks.Dense(shape=(3, 2, 1), code_dim=2), X),
    (networks.Convolutional(shape=(3, 2, 1), code_dim=2, channels=(4,)), X.reshape(5, 3, 2, 1))],
    ids=["vectors", "flat pictures", "pictures"])
def test_shapes(inner, x):
    network = networks.WithMask(inner)
    assert network.shape == inner.shape and network.code_dim == 2 and network.flat == getattr(inner, "flat", False)
    x = jnp.asarray(x).at[0].set(jnp.nan)
    output, variables = network.init_with_output(jax.random.key(0), x)
    assert output.shape == x.shape and set(variables) == {"params"} and bool(jnp.isfinite(output).all())
    code = network.apply(variables, x, method="encode")
    np.testing.assert_array_equal(network.apply(variables, code, method="decode"), output)


def test_it_sees_what_is_unknown_and_not_what_stands_there():
    """The oracle: a dense network of twice the width, given zeros and the mask."""
    network = networks.WithMask(networks.Dense(shape=(6,), code_dim=2))
    x = jnp.asarray(X)
    params = network.init(jax.random.key(0), x)["params"]
    known = jnp.asarray(np.random.default_rng(1).random(X.shape) < 0.5)
    code = network.apply({"params": params}, jnp.where(known, x, jnp.nan), method="encode")
    wide = networks.Dense(shape=(12,), code_dim=2)
    both = jnp.concatenate([jnp.where(known, x, 0), known.astype(jnp.float32)], axis=1)
    np.testing.assert_array_equal(code, wide.apply({"params": params["inner"]}, both, method="encode"))
    zeros = network.apply({"params": params}, jnp.where(known, x, 0.0), method="encode")
    assert (abs(code - zeros) > 1e-4).all()   # an unknown value is no zero
