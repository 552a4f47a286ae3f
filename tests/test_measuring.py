import dataclasses

import jax.numpy as jnp
import numpy as np
import pytest
from sklearn.decomposition import PCA

from aejax import jacobian, measuring, workflows
from aejax.data import Dataset
from aejax.recipes import Recipe
from aejax.workflows import Training

RNG = np.random.default_rng(0)
PICTURES = RNG.integers(0, 256, (49, 4, 3, 1), np.uint8)
IMAGES = Dataset(PICTURES[:40], None, PICTURES[40:], None, "noise")
RECIPE = Recipe("standard", {"name": "dense", "shape": [4, 3, 1], "code_dim": 2})
MASK = {"name": "masking_noise", "rate": 0.5}


@pytest.fixture(scope="module")
def trained():
    return workflows.train(RECIPE, IMAGES, Training(epochs=2, batch_size=8, seed=5))


@pytest.fixture(scope="module")
def found(trained):
    return measuring.results({"mine": trained}, IMAGES, MASK, seed=1)


def test_test_arrays(found):
    np.testing.assert_allclose(found.clean, IMAGES.test / 255, atol=1e-6)
    masked = found.noisy == 0
    np.testing.assert_array_equal(found.noisy[~masked], found.clean[~masked])
    assert 0.3 < masked.mean() < 0.7
    again, other = (measuring.test_arrays(IMAGES, MASK, (0.0, 1.0), seed)[1] for seed in (1, 2))
    np.testing.assert_array_equal(found.noisy, again)
    assert not np.array_equal(found.noisy, other)


def test_a_models_row_is_numpys(trained, found):
    row = found.rows[0]
    plain, restored = (np.asarray(trained.ae.decode(trained.params, trained.ae.encode(trained.params, x)))
                       for x in (found.clean, found.noisy))
    assert row["name"] == "mine" and row["code_dim"] == 2 and "baseline" not in row
    assert row["parameters"] == 12 * 2 + 2 + 2 * 12 + 12 and row["seconds"] == trained.seconds
    for key, output in (("", plain), ("restored_", restored)):
        mse = np.mean((output - found.clean) ** 2, axis=(1, 2, 3))
        assert row[f"{key}mse"] == pytest.approx(mse.mean(), rel=1e-5)
        assert row[f"{key}signed_mse"] == pytest.approx(4 * mse.mean(), rel=1e-5)
        assert row[f"{key}psnr"] == pytest.approx(np.mean(10 * np.log10(1 / mse)), rel=1e-5)
    norms = jacobian.squared_norm(lambda x: trained.ae.encode(trained.params, x), jnp.asarray(found.clean),
                                  method="jacfwd")
    assert row["jacobian_norm"] == pytest.approx(float(np.mean(np.sqrt(norms))), rel=1e-4)


def test_errors_are_on_the_unit_scale():
    """A model in [-1, 1] and one in [0, 1] that make the same images get the same numbers."""
    clean, output = RNG.random((2, 3, 4)).astype(np.float32)
    unit = measuring.errors(output, output, clean, (0.0, 1.0))
    signed = measuring.errors(2 * output - 1, 2 * output - 1, 2 * clean - 1, (-1.0, 1.0))
    assert signed == pytest.approx(unit, rel=1e-4)
    assert unit["signed_mse"] == pytest.approx(np.mean((2 * output - 2 * clean) ** 2), rel=1e-5)
    assert set(measuring.errors(output, output, clean, None)) == {"mse", "restored_mse"}   # a table has no peak


def test_baselines(found):
    rows = {row["name"]: row for row in found.rows[1:]}
    assert list(rows) == ["corrupted input", "linear denoiser", "PCA-2", "PCA-2, cut to range"]
    assert all(row["baseline"] for row in rows.values())
    corrupted, pca, cut = rows["corrupted input"], rows["PCA-2"], rows["PCA-2, cut to range"]
    assert corrupted["restored_mse"] == pytest.approx(np.mean((found.noisy - found.clean) ** 2), rel=1e-5)
    assert corrupted["mse"] is corrupted["psnr"] is rows["linear denoiser"]["mse"] is None
    model, clean = PCA(2).fit(IMAGES.train.reshape(40, -1) / 255), found.clean.reshape(9, -1)
    expected = model.inverse_transform(model.transform(clean))
    assert pca["mse"] == pytest.approx(np.mean((expected - clean) ** 2), rel=1e-4)
    assert cut["mse"] == pytest.approx(np.mean((expected.clip(0, 1) - clean) ** 2), rel=1e-4)
    assert cut["mse"] <= pca["mse"]
    assert (pca["code_dim"], pca["parameters"]) == (2, 2 * 12 + 12)
    # its Jacobian, two orthonormal rows, has norm √2 everywhere
    assert pca["jacobian_norm"] == pytest.approx(np.linalg.norm(model.components_))


def test_a_model_that_leads_around_its_code_has_no_row_of_pca(trained):
    around = dataclasses.replace(trained, ae=trained.ae._replace(
        reconstruct=lambda params, x: trained.ae.decode(params, trained.ae.encode(params, x))))
    rows = measuring.results({"mine": around}, IMAGES, MASK, seed=1).rows
    assert [row["name"] for row in rows] == ["mine", "corrupted input", "linear denoiser"]
    assert rows[0]["code_dim"] is None is rows[0]["jacobian_norm"] and rows[0]["parameters"] > 0


def test_no_norm_of_a_jacobian_that_is_not_there_or_takes_too_long(monkeypatch):
    spatial = {"name": "spatial", "shape": [4, 3, 1], "vector_dim": 2, "channels": [4], "blocks": 0}
    found = {}
    for variant in ("vector_quantised", "standard"):
        trained = workflows.train(Recipe(variant, spatial), IMAGES, Training(epochs=1, batch_size=8))
        clean = IMAGES.test / np.float32(255)
        found[variant] = measuring.measure(trained.recipe, trained.ae, trained.params, clean, clean)
    assert found["vector_quantised"]["jacobian_norm"] is None and found["standard"]["jacobian_norm"] > 0
    assert found["vector_quantised"]["code_dim"] == 8
    monkeypatch.setattr(measuring, "JACOBIAN_PASSES", 7)
    assert measuring.measure(trained.recipe, trained.ae, trained.params, clean, clean)["jacobian_norm"] is None


def test_the_jacobian_of_a_gaussian_code_is_that_of_its_means():
    model = workflows.train(dataclasses.replace(RECIPE, variant="variational"), IMAGES,
                            Training(epochs=1, batch_size=8))
    found = measuring.results({"mine": model}, IMAGES, MASK, seed=1)
    norms = jacobian.squared_norm(lambda x: model.ae.encode(model.params, x), jnp.asarray(found.clean), method="jacfwd")
    assert found.rows[0]["jacobian_norm"] == pytest.approx(float(np.mean(np.sqrt(norms))), rel=1e-4)


def test_large_data_have_no_linear_baselines(trained, found, monkeypatch, caplog):
    monkeypatch.setattr(measuring, "LINEAR_VALUES", 11)
    with caplog.at_level("INFO", logger="aejax"):
        rows = measuring.results({"mine": trained}, IMAGES, MASK, seed=1).rows
    assert [row["name"] for row in rows] == ["mine", "corrupted input"] and "12 values a datum" in caplog.text
    assert rows[1] == found.rows[1] and rows[1]["mse"] is None


def test_pca_of_a_table_is_not_wider_than_the_table():
    table = RNG.normal(size=(30, 3)).astype(np.float32)
    data = Dataset(table[:20], None, table[20:], None, "table", range=None)
    clean, noisy = measuring.test_arrays(data, MASK, None)
    rows, outputs = measuring.baselines(data, MASK, None, clean, noisy, [2, 500])
    assert [row["name"] for row in rows] == ["corrupted input", "linear denoiser", "PCA-2", "PCA-3"]
    np.testing.assert_allclose(outputs["PCA-3"][0], clean, atol=1e-5)
