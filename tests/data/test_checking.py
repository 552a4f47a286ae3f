import json

import numpy as np
import pytest
from PIL import Image

from aejax import data

RANDOM = np.random.default_rng(0)
IMAGES = RANDOM.integers(1, 256, (12, 6, 5), np.uint8)


def report_on(path, **options):
    report = data.check(path, **options)
    assert json.loads(json.dumps(report, allow_nan=False)) == report
    assert all("\n" not in warning for warning in report["warnings"])
    return report


def test_the_embedded_digits_are_sound():
    report = report_on("mnist_mini")
    digits = data.load()
    assert report["kind"] == "images" and report["shape"] == [28, 28, 1] and report["dtype"] == "uint8"
    mean = np.concatenate([digits.train, digits.test]).mean(dtype=np.float64)
    assert report["range"] == {"min": 0, "max": 255, "mean": pytest.approx(mean)}
    assert report["missing"] == {"nan": 0, "inf": 0} and report["warnings"] == []
    assert report["classes"]["train"] == {str(i): 1000 for i in range(10)}
    assert report["constant_pixels"] == int((np.ptp(digits.train, axis=0) == 0).sum()) > 0


def test_duplicates_and_leaks_are_counted(tmp_path):
    train = np.concatenate([IMAGES, IMAGES[:2], IMAGES[:1]])
    np.savez(tmp_path / "x.npz", train=train, test=np.concatenate([IMAGES[4:6], 0 * IMAGES[:3]]))
    report = report_on(tmp_path / "x.npz")
    assert report["examples"] == {"train": 15, "test": 5}
    assert report["duplicates"] == {"train": 3, "test_in_train": 2}
    assert any("3 training examples" in warning for warning in report["warnings"])
    assert any("leak: 2" in warning for warning in report["warnings"])


def test_every_problem_is_reported_at_once(tmp_path):
    x = (IMAGES / 255).astype(np.float32)
    x[0, 0, :3] = np.nan
    x[1, 1, 1] = -np.inf
    x[2, 2, 2] = 5
    np.savez(tmp_path / "x.npz", train=x, train_labels=np.array([0.5] * 12))
    report = report_on(tmp_path / "x.npz")
    assert report["missing"] == {"nan": 3, "inf": 1} and report["classes"] is None
    assert report["range"]["max"] == 5 and report["range"]["min"] > 0
    text = " | ".join(report["warnings"])
    assert "3 missing" in text and "labels must be" in text and "cannot be trained on" in text


def test_nothing_finite_at_all(tmp_path):
    np.save(tmp_path / "x.npy", np.full((4, 3), np.nan))
    report = report_on(tmp_path / "x.npy")
    assert report["range"] == {"min": None, "max": None, "mean": None} and report["missing"]["nan"] == 12


def test_tables(tmp_path):
    path = tmp_path / "x.csv"
    path.write_text("a,b,kind\n" + "".join(f"{i},7,x\n" for i in range(22)) + "5,7,y\n,7,x\n")
    report = report_on(path, label_column="kind")
    assert report["kind"] == "table" and report["shape"] == [2] and report["missing"]["nan"] == 1
    assert report["classes"] == {"train": {"x": 23, "y": 1}} and report["constant_pixels"] == 1
    assert report["duplicates"] == {"train": 1, "test_in_train": None}
    text = " | ".join(report["warnings"])
    for part in ("missing or infinite values: a", "1 columns are constant", "unbalanced: 23 of 'x', 1 of 'y'",
                 "row 24, column 'a'", "1 training examples equal"):
        assert part in text


def test_all_equal(tmp_path):
    np.save(tmp_path / "x.npy", np.zeros((5, 3, 3), np.uint8))
    report = report_on(tmp_path / "x.npy")
    assert report["constant_pixels"] == 9
    assert any("all training examples are equal" in warning for warning in report["warnings"])


def test_folders_of_pictures(tmp_path):
    for i, size in enumerate([(4, 6), (4, 6), (8, 8)]):
        (tmp_path / "ab"[i % 2]).mkdir(exist_ok=True)
        Image.new("L", size, i).save(tmp_path / "ab"[i % 2] / f"{i}.png")
    report = report_on(tmp_path)
    assert report["sizes"] == {"6x4": 2, "8x8": 1} and "--size" in report["warnings"][0]
    assert report["examples"] == {"train": 2, "test": 1} and set(report["classes"]) == {"train", "test"}
    assert sum(count for part in report["classes"].values() for count in part.values()) == 3
    mean = (24 * 0 + 24 * 1 + 64 * 2) / 112
    assert report["range"] == {"min": 0, "max": 2, "mean": pytest.approx(mean)}
    assert report["duplicates"] == {"train": 0, "test_in_train": 0}
    assert report["notes"] == ["no test part: split 80/20 by seed 0 (2 train, 1 test)"]
    (tmp_path / "b" / "again.png").write_bytes((tmp_path / "a" / "2.png").read_bytes())
    (tmp_path / "loose.png").write_bytes((tmp_path / "a" / "2.png").read_bytes())
    again = report_on(tmp_path)
    assert sum(again["duplicates"].values()) == 2 and again["classes"] is None
    assert any(text.startswith("no labels: 1 of 5 pictures") for text in again["notes"])
    (tmp_path / "b" / "again.png").unlink()
    report = report_on(tmp_path, size=8)
    assert report["sizes"] is None and report["shape"] == [8, 8, 1]
    assert any("80/20" in note for note in report["notes"])


def test_what_cannot_be_read_is_refused(tmp_path, refused):
    (tmp_path / "x.npz").write_bytes(b"PK")
    with refused(tmp_path / "x.npz"):
        data.check(tmp_path / "x.npz")
    with refused("no such file"):
        data.check(tmp_path / "absent.csv")
    for name in "ab":   # one alone would be too few, damaged or not
        (tmp_path / f"{name}.png").write_bytes(b"x")
    with refused(tmp_path / "a.png"):
        data.check(tmp_path)
    np.save(tmp_path / "s.npy", np.array([["a"]]))
    with refused(tmp_path / "s.npy", "<U1"):
        data.check(tmp_path / "s.npy")
