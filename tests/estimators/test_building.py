import numpy as np
import pytest

from aejax import corruptions, losses, networks, variants
from aejax.estimators.building import (
    adam,
    built,
    describe_loss,
    describe_network,
    is_plain,
    make_loss,
    make_network,
    make_variant,
)
from aejax.recipes import Recipe, build_network
from aejax.types import Autoencoder, InputError


def network(name="dense", shape=(6,), code_dim=None, widths=None):
    return describe_network(name, shape=shape, code_dim=code_dim, widths=widths, activation="silu")


@pytest.mark.parametrize(("shape", "code_dim"), [((1,), 1), ((6,), 3), ((28, 28, 1), 32)])
def test_a_code_of_half_the_values(shape, code_dim):
    assert network(shape=shape)["code_dim"] == code_dim


def test_names_become_networks():
    assert build_network(network(widths=[5, 4])).widths == (5, 4)
    assert build_network(network()).widths == (128,)
    assert build_network(network("convolutional", (6, 5, 1))).channels == (16, 32)
    assert build_network(network("convolutional", (6, 5, 1), widths=(4,))).channels == (4,)
    with pytest.raises(InputError, match="dense"):
        network("dence")
    with pytest.raises(InputError, match="unet"):   # which has no code of a chosen width
        network("unet")


def test_known_objects_are_described_by_their_fields():
    given = networks.Dense(shape=(6,), code_dim=2, widths=(4,), tied=True)
    assert build_network(network(given)) == given
    assert network(networks.Dense(shape=(6,), code_dim=2, activation=abs)) is None


def test_an_object_that_is_no_network_is_refused():
    given = networks.Dense(shape=(6,), code_dim=2, activation=abs)
    assert make_network(given, None) is given
    with pytest.raises(InputError, match="network must be"):
        make_network(3, None)


def test_losses_of_tables_and_pictures():
    assert make_loss(None, table=True).range is None and make_loss(None, table=False).range == (0.0, 1.0)
    assert make_loss("mean_squared_error", table=False).range == (0.0, 1.0)
    assert describe_loss("cross_entropy", table=True) == {"name": "cross_entropy"}
    loss = losses.squared_error()
    assert make_loss(loss, table=True) is loss
    with pytest.raises(InputError, match="squared_error"):
        make_loss("squared_eror", table=True)


def test_variants_by_name_and_by_function():
    dense = networks.Dense(shape=(6,), code_dim=2)
    for variant, corruption, options in (("denoising", corruptions.gaussian_noise(0.1), {}),
                                         ("denoising", "gaussian_noise", {}), (variants.standard, None, {}),
                                         (lambda network: variants.sparse(network, weight=0.1), None, {}),
                                         (variants.contractive, None, {"weight": 0.1})):
        assert isinstance(make_variant(variant, dense, corruption, None, options), Autoencoder)
    for variant, words in (("standart", "standard"), (3, "variant must be"), (lambda network: 3, "returned int"),
                           (variants.tied, "weight")):
        with pytest.raises(InputError, match=words):
            make_variant(variant, dense, None, None, {"weight": 1.0} if variant is variants.tied else {})


def test_one_object_for_one_recipe():
    def recipe(width):
        return Recipe("standard", network(code_dim=width))
    assert built(recipe(2)) is built(recipe(2)) is not built(recipe(3))
    assert adam(0.1) is adam(0.1)


def test_plain_values():
    assert is_plain({"a": [1, None, "b"]}) and not is_plain(np.float32(1)) and not is_plain(abs)
