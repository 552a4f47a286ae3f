import jax
import numpy as np

from aejax import networks
from aejax.networks.wrapper import Wrapper


def test_it_is_the_network_with_the_networks_parameters(unit):
    for inner in (networks.Dense(shape=(6, 5, 1), code_dim=4), networks.Spatial(shape=(6, 5, 1), channels=(4,))):
        wrapper = Wrapper(inner)
        assert (wrapper.shape, wrapper.code_dim) == (inner.shape, inner.code_dim)
        assert wrapper.flat == isinstance(inner, networks.Dense)
        x = unit[:3].reshape(3, -1) if wrapper.flat else unit[:3]
        output, variables = wrapper.init_with_output(jax.random.key(0), x)
        again = inner.init(jax.random.key(0), x)
        assert jax.tree.structure(variables) == jax.tree.structure(again)
        np.testing.assert_array_equal(output, inner.apply(variables, x))
