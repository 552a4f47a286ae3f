import jax
import numpy as np
import pytest

from aejax import losses, networks, variants
from aejax.types import InputError


@pytest.mark.parametrize(("network", "activation", "chunk_size"), [
    (networks.Dense((6, 5, 1), 4, widths=(8,)), "sigmoid", None), (networks.Dense((6, 5, 1), 40), "tanh", 2),
    (networks.Convolutional((6, 5, 1), 3, channels=(4,)), "sigmoid", 2)],
    ids=["deep", "over-complete", "convolutional"])
def test_equals_jacfwd_of_the_whole(network, activation, chunk_size, unit):
    ae = variants.reconstruction_contractive(network, chunk_size=chunk_size,
                                             reconstruction=losses.squared_error(activation=activation))
    x = unit[:5]
    params = ae.init(jax.random.key(0), x)
    whole = jax.jit(jax.vmap(jax.jacfwd(lambda row: ae.decode(params, ae.encode(params, row[None]))[0])))(x)
    expected = np.mean(np.sum(np.square(whole), axis=tuple(range(1, whole.ndim))))
    np.testing.assert_allclose(jax.jit(ae.loss)(params, jax.random.key(1), x)[1]["penalty"], expected, rtol=1e-4)


def test_no_weight_is_standard(dense, unit):
    ours, standard = variants.reconstruction_contractive(dense, weight=0.0), variants.standard(dense)
    params = standard.init(jax.random.key(0), unit)
    one, other = (float(ae.loss(params, jax.random.key(1), unit)[0]) for ae in (ours, standard))
    assert one == other


@pytest.mark.parametrize("options", [{"weight": -1}, {"chunk_size": 0}])
def test_bad_options(dense, options):
    with pytest.raises(InputError):
        variants.reconstruction_contractive(dense, **options)
