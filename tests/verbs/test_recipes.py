import dataclasses

import numpy as np
import pytest

from aejax.flags.training import Train
from aejax.types import InputError
from aejax.verbs.recipes import recipe_of


def test_flags_reach_the_recipe():
    """One call of the parser with every flag of the recipe; nothing is trained."""
    flags = Train(variant="contractive", widths="7,5", activation="relu", code_activation="sigmoid", tied=True,
                  loss="mean_squared_error", output_activation="tanh", weight=0.5, method="jacfwd", chunk_size=3,
                  precision="bfloat16")
    recipe = recipe_of(flags, (4, 4, 1), (0.0, 1.0))
    assert recipe.network == {"name": "dense", "shape": [4, 4, 1], "code_dim": 30, "widths": [7, 5],
                              "activation": "relu", "code_activation": "sigmoid", "tied": True, "precision": "bfloat16"}
    assert recipe.reconstruction == {"name": "mean_squared_error", "activation": "tanh"}
    assert recipe.options == {"weight": 0.5, "method": "jacfwd", "chunk_size": 3} and recipe.corruption is None
    mask = recipe_of(Train(variant="denoising", corruption="block_mask", block_size=2, fill=0.5), (4, 4, 1), None)
    assert mask.corruption == {"name": "block_mask", "size": 2, "fill": 0.5}
    assert mask.reconstruction == {"name": "squared_error", "activation": "identity", "range": None}
    curved = recipe_of(Train(variant="higher_order_contractive", std=0.25, hessian_weight=0.5), (4,), (0.0, 1.0))
    assert curved.options == {"hessian_weight": 0.5, "std": 0.25} and curved.corruption is None
    estimate = recipe_of(Train(variant="contractive", method="hutchinson", samples=3), (4,), (0.0, 1.0))
    assert estimate.options == {"method": "hutchinson", "samples": 3}
    bound = recipe_of(Train(variant="variational", beta=2.0, warm_up=9, free_bits=0.1), (4,), (0.0, 1.0))
    assert bound.options == {"beta": 2.0, "warm_up": 9, "free_bits": 0.1}
    weighted = recipe_of(Train(variant="importance_weighted", samples=7), (4,), (0.0, 1.0))
    assert weighted.options == {"samples": 7}
    signed = recipe_of(Train(variant="denoising", rate=0.25), (4,), (-1.0, 1.0))
    assert signed.corruption == {"name": "masking_noise", "rate": 0.25}
    assert signed.reconstruction["activation"] == "tanh"


@pytest.mark.parametrize(("variant", "options"), [
    ("wasserstein", {"weight": 20.0, "kernel": "rbf"}), ("regularised", {"regulariser": "spectral",
                                                                         "regulariser_weight": 0.1}),
    ("adversarial", {"weight": 0.2, "discriminator_widths": "8,4"}),
    ("vector_quantised", {"codebook_size": 8, "vector_dim": 2, "commitment": 0.5})])
def test_flags_of_variants_whose_code_is_free(variant, options):
    recipe = recipe_of(Train(variant=variant, code_dim=4, **options), (4, 4, 1), (0.0, 1.0))
    assert recipe.network["code_activation"] == "identity"
    widths = {"widths": [8, 4]} if options.pop("discriminator_widths", None) else {}
    assert recipe.options == options | widths
    chosen = recipe_of(Train(variant=variant, code_activation="tanh"), (4, 4, 1), (0.0, 1.0))
    assert chosen.network["code_activation"] == "tanh"
    with pytest.raises(InputError, match="does not apply to standard"):
        recipe_of(Train(variant="standard", **options), (4, 4, 1), (0.0, 1.0))


def test_a_spatial_network_has_vectors_to_choose():
    recipe = recipe_of(Train(variant="vector_quantised", network="spatial", vector_dim=3), (8, 8, 1), (0.0, 1.0))
    assert recipe.network == {"name": "spatial", "shape": [8, 8, 1], "vector_dim": 3} and not recipe.options
    with pytest.raises(InputError, match="a spatial network takes no code_dim"):
        recipe_of(Train(variant="standard", network="spatial", code_dim=3), (8, 8, 1), (0.0, 1.0))


def test_a_unet_has_no_code_to_choose_and_a_linear_output():
    flags = Train(variant="denoising", network="unet", channels="4,8", corruption="poisson_noise", peak=20.0)
    recipe = recipe_of(flags, (8, 8, 3), (0.0, 1.0))
    assert recipe.network == {"name": "unet", "shape": [8, 8, 3], "channels": [4, 8], "activation": "elu"}
    assert recipe.reconstruction == {"name": "squared_error", "activation": "identity"}
    assert recipe.corruption == {"name": "poisson_noise", "peak": 20.0}
    signed = recipe_of(dataclasses.replace(flags, corruption="hidden_regions", peak=None), (8, 8, 3), (-1.0, 1.0))
    assert signed.reconstruction == {"name": "squared_error", "activation": "identity", "range": (-1.0, 1.0)}
    assert signed.network["unknown"] == -3.0   # −1 of the [0, 1] scale
    marked = recipe_of(Train(variant="denoising", network="unet", rate=0.5, fill=-0.1), (8, 8, 1), (0.0, 1.0))
    assert np.float32(marked.network["unknown"]) == np.float32(-0.1)
    for seen in (Train(variant="denoising", network="unet", rate=0.5), Train(variant="denoising", fill=-1.0)):
        assert "unknown" not in recipe_of(seen, (8, 8, 1), (0.0, 1.0)).network   # black pixels, and another network


def test_levels_and_blind_levels_reach_the_corruption():
    def corruption(**given):
        return recipe_of(Train(variant="denoising", **given), (8, 8, 1), (0.0, 1.0)).corruption
    assert corruption(corruption="gaussian_noise", std=0.3, blind=True) == {"name": "gaussian_noise", "std": [0.0, 0.3]}
    assert corruption(blind=True) == {"name": "masking_noise", "rate": [0.0, 0.5]}
    assert corruption(corruption="signal_dependent_noise", slope=0.02, floor=0.001, blind=True) == {
        "name": "signal_dependent_noise", "slope": [0.0, 0.02], "floor": [0.0, 0.001]}
    assert corruption(corruption="hidden_regions", rate=0.6) == {"name": "hidden_regions", "rate": [0.6, 0.6]}
    assert corruption(corruption="hidden_regions", blind=True)["rate"] == [0.0, 0.9]
