"""Every experiment runs at smoke size; results are resumable; nothing smoky was committed."""

import dataclasses
import importlib
import json
from pathlib import Path

import numpy as np
import pytest

from experiments._record import BaseConfig, Record

FOLDER = Path(__file__).parent.parent / "experiments"
NAMES = sorted(path.stem for path in FOLDER.glob("*.py")
               if not path.stem.startswith("_") and "class Config" in path.read_text())


@pytest.mark.parametrize("name", NAMES)
def test_runs_at_smoke_size(name, tmp_path):
    module = importlib.import_module(f"experiments.{name}")
    record = module.main(module.Config(smoke=True, output=tmp_path))
    written = json.loads((tmp_path / f"{name}.json").read_text())
    assert written["question"] == name and written["smoke"] is True and written["rows"] == record.rows
    for row in written["rows"]:
        assert {"name", "metric", "unit", "value", "sd", "seeds", "n"} <= set(row)
    assert f"experiments.{name}" in module.__doc__ and "minutes" in module.__doc__
    before = (tmp_path / f"{name}.json").stat().st_mtime_ns
    module.main(module.Config(smoke=True, output=tmp_path))   # everything is there: nothing is repeated
    assert (tmp_path / f"{name}.json").stat().st_mtime_ns == before


@pytest.mark.parametrize("path", sorted((FOLDER / "results").glob("*.json")), ids=lambda path: path.stem)
def test_committed_results_are_full(path):
    results = json.loads(path.read_text())
    assert results["smoke"] is False and results["rows"] and path.stem in NAMES
    assert path.stat().st_size < 300_000


def test_rows_are_written_at_once_and_kept(tmp_path):
    config = BaseConfig(output=tmp_path)
    record = Record("question", config)
    record.add("model", {"d": 1}, {"mse": ("unit", [1.0, 3.0])}, seeds=[0, 1], n=5)
    again = Record("question", config)
    assert again.done("model", {"d": 1}) and not again.done("model", {"d": 2}) and not again.done("other", {"d": 1})
    assert again.rows[0]["value"] == 2.0 and again.rows[0]["sd"] == pytest.approx(2**0.5)
    again.add("model", {"d": 2}, {"mse": ("unit", [4.0])}, seeds=[0], n=5)
    rows = json.loads((tmp_path / "question.json").read_text())["rows"]
    assert [row["value"] for row in rows] == [4.0]
    again.add("model", {"d": 3}, {"mse": ("unit", [95.53] * 3)}, seeds=[0, 1, 2], n=5)
    assert again.rows[0]["sd"] == 0.0   # and not what rounding the mean leaves


def test_smoke_leaves_full_results_alone(tmp_path):
    Record("question", BaseConfig(output=tmp_path)).add("m", {}, {"mse": ("", [1.0])}, seeds=[0], n=1)
    smoke = Record("question", BaseConfig(output=tmp_path, smoke=True))
    smoke.add("m", {}, {"mse": ("", [2.0])}, seeds=[0], n=1)
    assert json.loads((tmp_path / "question.json").read_text())["rows"][0]["value"] == 1.0
    assert (tmp_path / "question.smoke.json").exists()


def test_the_plan_on_paper_adds_up():
    from experiments import scale
    hardware = scale.Hardware(flops=1e12, memory=1e11, link=1e9, domain=8, across=1e8)
    step = scale.Step(flops=(0.0, 1e6), bytes=(1e6, 1e3), shared=1e6)
    assert step.work(hardware, 5) == pytest.approx(10.05e-6)   # by memory, (1e6 + 5e3) / 1e11; FLOPs take 5e-6
    assert step.images(hardware, 1, 20) == pytest.approx(20 / 20e-6)   # one device shares nothing
    assert step.sharing(hardware, 8) == pytest.approx(2 * 7 / 8 * 1e-3 + 6 * scale.LATENCY)
    assert step.sharing(hardware, 16) == pytest.approx(2 * 15 / 16 * 1e-2 + 8 * scale.LATENCY)   # the slower link
    for latency in (True, False):
        examples = step.balance(hardware, 8, latency)
        assert step.work(hardware, examples) == pytest.approx(
            step.sharing(hardware, 8) - (0 if latency else 6 * scale.LATENCY))
    assert dataclasses.replace(step, bytes=(1e9, 1e3)).balance(hardware, 8) == 0.0   # work alone takes longer


def test_collectives_are_read_off_a_program():
    from experiments import scale
    text = ("%a = (f32[784]{0}, f32[3,4]{1,0}, /*index=5*/f32[]) all-reduce(%b, %c, %d), channel_id=2\n"
            "%e = u8[16]{0} all-gather-start(%f)\n%g = f32[2]{0} add(%a, %all-reduce.5)")
    assert scale.collectives(text) == [("all-reduce", 4 * (784 + 12 + 1)), ("all-gather", 16)]


def test_the_committed_plan_fits_the_networks():
    rows = json.loads((FOLDER / "results" / "scale.json").read_text())["rows"]
    found = {(row["name"], row["metric"]): row["value"] for row in rows}
    for d in (30, 100, 500, 2000):
        beside = found[f"784-{d}-784", "work an image"] - 10 * 784 * d   # five products of n x 784 x d; and what each
        assert 0 < beside < 20 * (784 + d)                               # pixel and unit needs: under 20 operations
        assert found[f"784-{d}-784", "all-reduced"] == 4 * (2 * 784 * d + 784 + d) + 4   # parameters, and the loss


@pytest.mark.parametrize("place", [0.3, 0.0])   # in the middle, and across the point where arc length begins
def test_a_tear_is_found_and_measured(place):
    from experiments import unrolling
    t = np.arange(1000) / 1000
    inside = np.minimum((t - place) % 1, (place - t) % 1) < 0.0195   # here the code runs back
    back = 1 - ((t - place + 0.02) % 1) / 0.04
    z = np.where(inside, back, (t - place - 0.02) % 1 / 0.96)
    error = np.where(inside, 1.0 - 10 * np.minimum((t - place) % 1, (place - t) % 1), 0.01)
    found = unrolling.torn(t, z, error)
    assert found["tear at"] == pytest.approx(place, abs=1e-9)
    assert found["tear's length"] == pytest.approx(4) and found["torn off"] == pytest.approx(3.9)
    assert found["code runs back"] == pytest.approx(1, abs=0.05)
    assert found["spearman from the tear on"] == pytest.approx(1) and found["error, at most"] == pytest.approx(50)
    assert found["error elsewhere"] == pytest.approx(0.5)


def test_axes_are_told_apart_by_variance_alone():
    from experiments import linear_pca
    random = np.random.default_rng(0)
    axes, _ = np.linalg.qr(random.normal(size=(6, 6)))
    codes, _ = np.linalg.qr(random.normal(size=(500, 6)) @ np.diag([5, 4, 3, 1, 1, 1]))
    codes -= codes.mean(axis=0)
    x = (codes * [5, 4, 3, 1, 1, 1] @ axes.T).astype(np.float32)
    *_, rows = np.linalg.svd(x, full_matrices=False)
    kernel = rows[:3].T @ random.normal(size=(3, 3))   # any basis of the subspace
    found = linear_pca.own_axes(kernel, x.reshape(500, 2, 3))
    np.testing.assert_allclose(np.abs(found @ rows[:3].T), np.eye(3), atol=1e-3)


def test_the_way_to_fill_holes_is_chosen_on_validation():
    from experiments import _tables_restoration as tables
    test = {"one pass": 9.0, "projection": 8.0, "energy": 20.0}   # what a choice on test images would take
    rows = [{"name": f"mnist, {task}, seed {seed}", "metric": f"{kind}: {way}", "value": value, "n": 5}
            for task in tables.HIDDEN for seed in (0, 1) for way, best in test.items()
            for kind, value in (("PSNR", best + seed), ("SSIM", 0.5),
                                ("validation PSNR", 12.0 if way == "one pass" else 7.0))]
    text = tables.table({"rows": rows, "command": "c", "device": "d"}, task="centre hole")
    assert "| **one pass** | 9.50 ± 0.71 | 0.500 ± 0.000 |" in text and "| energy | 20.50 ± 0.71 |" in text
    assert "5 test images" in text and "2 seeds" in text and "validation PSNR:" not in text


def test_what_is_reported_of_anomalies_was_chosen_elsewhere():
    from types import SimpleNamespace

    from experiments import _tables_anomaly as tables
    from experiments.anomaly import best
    tried = {"mnist": {"A, x": 9.0, "B, y": 5.5, "baselines, k": 1.0}, "mnist outliers": {"A, x": 3.0, "B, y": 4.0},
             "fashion_mnist": {"A, x": 1.5, "B, y": 3.0, "baselines, k": 99.0}}
    rows = [{"name": f"{name}, {key.partition(', ')[0]}", "metric": key.partition(", ")[2], "value": value, "sd": None}
            for name, found in tried.items() for key, value in found.items()]
    chosen = {name: best(SimpleNamespace(rows=rows), name) for name in tried}
    assert chosen == {"mnist": ("A", "x"), "mnist outliers": ("B", "y"), "fashion_mnist": ("B", "y")}
    rows += [{"name": f"{name}, {how}", "metric": f"{key}: class {label}", "value": value, "each": [value], "sd": None,
              "seeds": [0]}
             for name, how, key, value in (("mnist", "chosen", "B: y", 5.5), ("mnist", "chosen", "k", 1.0),
                                           ("fashion_mnist", "chosen", "A: x", 1.5),
                                           ("fashion_mnist", "chosen", "k", 99.0),
                                           ("mnist", "chosen on outliers", "B: y", 5.0),
                                           ("fashion_mnist", "chosen on outliers", "B: y", 3.0))
             for label in range(2)]
    results = {"rows": rows, "command": "c", "device": "d"}
    text = tables.images(results)
    assert "| B: y | Fashion-MNIST | **5.5** | – |" in text and "| *k* | – | 1.0 | 99.0 |" in text
    assert "| A: x | MNIST | – | **1.5** |" in text and "| B: y | outliers made of MNIST | **5.0** | – |" in text
    assert "| B: y | 5.0 | 5.0 | 5.0 |" in tables.classes(results, name="mnist")
    assert "| A | x | 9.0 | 1.5 | 3.0 | – |" in tables.tried(results)
    assert tables.rates(results) == tables.NONE == tables.images({"rows": []})


def test_made_outliers_are_images_of_the_same_pixels_elsewhere():
    from experiments._anomaly_choice import SHIFT, outliers
    x = np.random.default_rng(0).integers(1, 256, (20, 12, 12, 1)).astype(np.uint8)
    made = outliers(x, np.random.default_rng(1))
    assert len(made) == 5 and all(kind.shape == x.shape and kind.dtype == np.uint8 for kind in made.values())
    np.testing.assert_array_equal(made["quarter turn"][3, :, :, 0], np.rot90(x[3, :, :, 0]))
    np.testing.assert_array_equal(made["moved"][:, SHIFT:], x[:, :-SHIFT])
    np.testing.assert_array_equal(made["halves of two"][5, :, 6:], x[4, :, 6:])
    changed = (made["cut and pasted"] != x).mean(axis=(1, 2, 3))
    assert 0 < changed.mean() < 0.15 and (changed <= 0.2).all()


def test_methods_are_compared_at_equal_bytes():
    from experiments import _tables_compression as tables
    points = {"autoencoder, weight 0.1": ([10.0, 20.0], [20.0, 22.0]),
              "autoencoder, weight 0.01": ([40.0, 80.0], [24.0, 26.0]),
              "PCA, step 1": ([15.0], [19.0]), "PCA, step 0.5": ([150.0], [29.0]),
              "a file each: JPEG, setting 0": ([300.0], [20.0])}
    rows = [{"name": f"MNIST, {name}", "metric": metric, "each": each, "value": each[0], "n": 5, "seeds": [0, 1]}
            for name, pair in points.items() for metric, each in zip(("bytes an image", "PSNR"), pair, strict=True)]
    results = {"rows": rows, "command": "c", "device": "d"}
    text = tables.lossy(results, title="MNIST").splitlines()
    assert text[2] == "| **autoencoder** | – | 22.53 ± 0.00 | 23.36 ± 0.00 | – | – | – | – |"   # where both seeds reach
    assert np.isclose(20 + 4 * np.log(24 / 10) / np.log(4), 22.53, atol=0.005)
    assert text[3].startswith("| PCA | 19.28 | 21.04 |") and len([line for line in text if line.startswith("|")]) == 4
    assert tables.curves(rows, "MNIST")["autoencoder"] == ([15.0, 60.0], [21.0, 25.0], [2**0.5, 2**0.5])
    assert tables.lossy(results, title="Fashion-MNIST") == "Not measured yet.\n"


def test_pca_is_coded_in_full_and_sheets_keep_images():
    from experiments import _compression_classical as classical
    random = np.random.default_rng(0)
    x = (random.integers(0, 200, (300, 4, 4, 1)) + 10 * random.integers(0, 5, (300, 1, 1, 1))).astype(np.uint8)
    codec = classical.fit_pca_codec(x[:250], x[250:], 0.02, (4, 16))
    size, decoded = classical.pca_bytes(codec, x[:250])
    assert len(codec.tables.low) == 16 and np.abs(decoded.astype(int) - x[:250]).max() <= 10   # 16 half steps, rounded
    assert size < x[:250].size
    pages = list(classical.sheets(x, 9))
    assert pages[0].shape == (12, 12) and np.array_equal(classical.unsheeted(pages, (4, 4, 1), 300, 9), x)


def test_mixtures_of_styles_are_told_apart():
    from experiments import style
    a, b = np.zeros((2, 4, 4, 1)), np.zeros((2, 4, 4, 1))
    a[:, :2], b[:, :, :2] = 0.4, 0.8
    a[1] *= 2
    np.testing.assert_allclose(style.overlap(a > style.EDGE, b > style.EDGE), 4 / 12)
    np.testing.assert_allclose(style.brightness(a), [0.4, 0.8])
    np.testing.assert_allclose(style.brightness(0 * a), 0)
    assert style.correlation(np.arange(3.0), -2 * np.arange(3.0)) == pytest.approx(-1)
    assert style.correlation(np.ones(3), np.arange(3.0)) == 0
    none = np.zeros((2, 4, 4, 1)) > 0
    np.testing.assert_array_equal(style.overlap(none, none), 1)


def test_tables_of_styles_are_means_over_seeds():
    from experiments import _tables_style as tables
    rows = [{"name": f"{name}, seed {seed}", "metric": metric, "value": 0.5 + seed, "n": 7, "seeds": [seed]}
            for seed in (0, 1) for name in ("style", "convolutional")
            for metric in ("reconstruction MSE", "parameters")]
    rows += [{"name": f"style, seed {seed}, {kind}, {way}", "metric": "class of A", "value": 40.0 * seed, "n": 5,
              "seeds": [seed]} for seed in (0, 1) for kind in tables.KINDS for way in tables.WAYS]
    results = {"rows": rows, "command": "c", "device": "d", "minutes": 3.2}
    text = tables.quality(results)
    assert "| style | 1 ± 1 | – | – | 1.0000 ± 0.7071 |" in text and "7 test images" in text and "2 seeds" in text
    mixed = tables.mixing(results)
    assert mixed.count("| fine | 20 ± 28 | – |") == 2 and "5 pairs" in mixed and "\n\n| the same class" in mixed


def test_samples_are_compared_seed_by_seed():
    from experiments import _tables_generation as tables
    values = {("variational", "normal"): [80.0, 100.0], ("variational", "mixture"): [60.0, 70.0],
              ("regularised, l2", "mixture"): [20.0, 50.0], ("regularised, l2", "flow"): [40.0, 50.0],
              ("regularised, l2", "normal"): [90.0, 90.0], ("PCA", "mixture"): [70.0, 70.0]}
    rows = [{"name": f"mnist, {model}, {prior}, seed {seed}", "metric": tables.DISTANCE, "value": value, "n": 7,
             "seeds": [seed]} for (model, prior), pair in values.items() for seed, value in enumerate(pair)]
    rows.append({"name": "mnist, training images", "metric": tables.DISTANCE, "value": 1.5, "n": 7, "seeds": [0]})
    results = {"rows": rows, "command": "c", "device": "d", "minutes": 3}
    text = tables.distances(results, data="mnist")
    assert "| regularised, l2 | – | 90.0 ± 0.0 | – | **35.0 ± 21.2** | 45.0 ± 7.1 |" in text
    assert "| *PCA of the same width, cut to the range* | – | – | – | 70.0 ± 0.0 | – |" in text
    assert "training images get 1.5" in text and "7 samples" in text and "2 seeds" in text
    assert "| regularised, l2 | 3.00 ± 1.41 | 2.00 ± 0.00 |" in tables.gain(results, data="mnist")
    assert "| regularised, l2, mixture | 35.0 ± 21.2 | – |" in tables.measures(results, data="mnist")
    for table in tables.TABLES.values():
        assert table({"rows": []}) == "Not measured yet.\n"
    assert tables.quantised(results, data="mnist") == "Not measured yet.\n"
