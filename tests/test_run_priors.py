import dataclasses

import jax
import numpy as np
import pytest

from aejax import run_priors
from aejax.applications.priors import full_gaussian, standard_normal
from aejax.recipes import Recipe, build
from aejax.runs import PARTS, PRIORS, Run
from aejax.types import InputError

CODES = np.random.default_rng(0).normal(size=(20, 2))
RECIPE = Recipe("standard", {"name": "dense", "shape": [4], "code_dim": 2})


@pytest.fixture
def run(tmp_path):
    return Run(tmp_path, {"params_sha256": "ours"}, RECIPE, build(RECIPE), {})


def test_a_prior_comes_back_with_its_settings(run):
    assert run_priors.load(run, "gaussian") is None and run_priors.saved(run) == []
    prior = full_gaussian(CODES)
    run_priors.save(run, "gaussian", prior, {"components": [1]})
    found, settings = run_priors.load(run, "gaussian")
    assert settings == {"components": [1]} and run_priors.saved(run) == ["gaussian"] and PRIORS in PARTS
    np.testing.assert_array_equal(found.sample(jax.random.key(0), 5), prior.sample(jax.random.key(0), 5))


def test_a_prior_of_other_parameters_is_none(run):
    run_priors.save(run, "normal", standard_normal(2), {})
    assert run_priors.load(dataclasses.replace(run, config={"params_sha256": "others"}), "normal") is None


@pytest.mark.parametrize("spoil", [lambda content: content[:40], lambda content: b"", lambda content: content.replace(
    b"means", b"meanz"), lambda content: content.replace(b"settings", b"sittings")])
def test_a_damaged_file_is_named(run, spoil):
    run_priors.save(run, "normal", standard_normal(2), {})
    path = run.path / PRIORS / "normal.safetensors"
    path.write_bytes(spoil(path.read_bytes()))
    with pytest.raises(InputError, match="normal.safetensors is damaged") as error:
        run_priors.load(run, "normal")
    assert "remove it" in str(error.value)


def test_what_a_run_is_drawn_from_by_default(run):
    with pytest.raises(InputError, match="a standard autoencoder declares no distribution.*--prior mixture"):
        run_priors.default(run)
    run_priors.save(run, "gaussian", standard_normal(2), {})
    assert run_priors.default(run) == "gaussian"
    run_priors.save(run, "mixture", standard_normal(2), {})
    with pytest.raises(InputError, match="several priors: choose one, --prior gaussian or mixture"):
        run_priors.default(run)
    for name in run_priors.DECLARED:
        assert run_priors.default(dataclasses.replace(run, recipe=Recipe(name, {}))) == "normal"
    with_posterior = run.ae._replace(posterior=lambda params, x: (x, x))
    assert run_priors.default(dataclasses.replace(run, ae=with_posterior)) == "normal"
