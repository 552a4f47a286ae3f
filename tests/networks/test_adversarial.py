import jax
import jax.numpy as jnp
import numpy as np
import pytest

from aejax import networks
from aejax.types import InputError

INNER = networks.Dense(shape=(6, 5, 1), code_dim=3)


def test_the_discriminator_is_layers_of_relu():
    network = networks.Adversarial(INNER, widths=(5, 4))
    x = jnp.zeros((2, 30))
    params = network.init(jax.random.key(0), x)["params"]
    code = jax.random.normal(jax.random.key(1), (2, 3))
    expected = code
    for i in range(3):
        expected = expected @ params[f"discriminator_kernel_{i}"] + params[f"discriminator_bias_{i}"][None]
        expected = np.maximum(expected, 0) if i < 2 else expected
    found = network.apply({"params": params}, code, method="discriminate")
    np.testing.assert_allclose(found, expected[:, 0], rtol=1e-5)
    own = {name for name in params if not name.startswith("discriminator_")}
    assert own == set(INNER.init(jax.random.key(0), x)["params"])


@pytest.mark.parametrize(("options", "message"), [({"widths": (0,)}, "widths"), ({"activation": "sin"}, "activation")])
def test_bad_options(options, message):
    with pytest.raises(InputError, match=message):
        networks.Adversarial(INNER, **options)
