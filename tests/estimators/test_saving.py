import json
import subprocess
import sys

import numpy as np
import pytest

from aejax import corruptions, networks, variants
from aejax.estimators import AnomalyDetector, AutoencoderTransformer, Imputer
from aejax.files import SUMS, checksums
from aejax.types import InputError


@pytest.fixture
def saved(transformer, tmp_path):
    transformer.save_pretrained(tmp_path / "model")
    return tmp_path / "model"


def test_round_trip_is_bitwise(transformer, saved, table):
    again = AutoencoderTransformer.from_pretrained(str(saved))
    np.testing.assert_array_equal(again.transform(table), transformer.transform(table))
    np.testing.assert_array_equal(again.reconstruct(table), transformer.reconstruct(table))
    assert again.get_params() == transformer.get_params() and again.history_ == transformer.history_
    assert again.score(table) == transformer.score(table) and again.n_features_in_ == 6
    assert sorted(path.name for path in saved.iterdir()) == [
        SUMS, "config.json", "params.safetensors", "preprocess.json"]
    again.save_pretrained(saved.parent / "again")   # and what was read can be saved and trained
    assert (saved / "params.safetensors").read_bytes() == (saved.parent / "again/params.safetensors").read_bytes()
    again.fit(table)
    np.testing.assert_array_equal(again.transform(table), transformer.transform(table))


def test_an_anomaly_detector_keeps_its_threshold(table, fresh, tmp_path):
    model = AnomalyDetector(epochs=2, variant="denoising", corruption="gaussian_noise", random_state=0).fit(table)
    model.save_pretrained(tmp_path / "model")
    again = AnomalyDetector.from_pretrained(tmp_path / "model")
    np.testing.assert_array_equal(again.decision_function(fresh), model.decision_function(fresh))
    np.testing.assert_array_equal(again.calibration_scores_, model.calibration_scores_)
    stored = json.loads((tmp_path / "model/threshold.json").read_text())
    assert stored["threshold"] == model.threshold_ and "above" in stored["sign"]


def test_an_imputer_and_pictures(images, tmp_path):
    x = images.astype(np.float64) / 255
    x[:, 2] = np.nan
    model = Imputer(epochs=1, hidden_rate=(0.1, 0.3), random_state=0).fit(x)
    model.save_pretrained(tmp_path / "model")
    again = Imputer.from_pretrained(tmp_path / "model")
    np.testing.assert_array_equal(again.transform(x), model.transform(x))
    assert again.hidden_rate == (0.1, 0.3)


def test_objects_are_saved_where_plain_values_describe_them(table, tmp_path):
    dense = networks.Dense(shape=(6,), code_dim=2, tied=True)
    model = AutoencoderTransformer(network=dense, variant=variants.sparse, epochs=1,
                                   random_state=np.random.RandomState(0)).fit(table)
    model.save_pretrained(tmp_path / "model")
    again = AutoencoderTransformer.from_pretrained(tmp_path / "model")
    assert again.network == dense and again.variant == "sparse" and again.random_state is None
    np.testing.assert_array_equal(again.transform(table), model.transform(table))
    other = AutoencoderTransformer(variant="denoising", corruption=corruptions.gaussian_noise(), epochs=1).fit(table)
    with pytest.raises(InputError, match="by name"):
        other.save_pretrained(tmp_path / "other")
    assert not (tmp_path / "other").exists()


def test_names_of_columns_are_kept(transformer, table, tmp_path):
    model = AutoencoderTransformer(epochs=1).fit(table)
    model.feature_names_in_ = np.array(list("abcdef"), object)   # as of a data frame
    model.save_pretrained(tmp_path / "model")
    assert AutoencoderTransformer.from_pretrained(tmp_path / "model").feature_names_in_.tolist() == list("abcdef")


def test_a_taken_folder_is_not_replaced_unasked(transformer, saved):
    with pytest.raises(InputError, match="overwrite=True"):
        transformer.save_pretrained(saved)
    transformer.save_pretrained(saved, overwrite=True)
    AutoencoderTransformer.from_pretrained(saved)
    mine = saved.parent / "mine"
    mine.mkdir()
    (mine / "thesis.tex").write_text("")
    with pytest.raises(InputError, match="no saved estimator"):
        transformer.save_pretrained(mine, overwrite=True)
    assert sorted(path.name for path in saved.parent.iterdir()) == ["mine", "model"]   # no temporary is left


def test_a_failed_save_leaves_the_old_one(transformer, saved, monkeypatch):
    before = checksums(saved)

    def full(*_):
        raise OSError(28, "No space left on device")
    monkeypatch.setattr("aejax.estimators.saving.write_params", full)
    with pytest.raises(OSError):
        transformer.save_pretrained(saved, overwrite=True)
    assert checksums(saved) == before and [path.name for path in saved.parent.iterdir()] == ["model"]


@pytest.mark.parametrize("name", ["config.json", "params.safetensors", "preprocess.json", SUMS])
def test_damage_is_one_line(saved, name):
    content = bytearray((saved / name).read_bytes())
    content[len(content) // 2] ^= 1
    (saved / name).write_bytes(content)
    with pytest.raises(InputError, match="changed since it was saved") as raised:
        AutoencoderTransformer.from_pretrained(saved)
    assert "\n" not in str(raised.value)
    (saved / name).unlink()
    with pytest.raises(InputError, match=f"{name} is missing"):
        AutoencoderTransformer.from_pretrained(saved)


def test_a_note_beside_the_files_is_no_damage(saved):
    (saved / "README.md").write_text("trained on Monday")
    AutoencoderTransformer.from_pretrained(saved)


def forged(saved, **changes):
    """A folder whose checksums are right and whose content is not."""
    config = json.loads((saved / "config.json").read_text())
    (saved / "config.json").write_text(json.dumps(config | changes))
    (saved / SUMS).unlink()
    (saved / SUMS).write_text(checksums(saved))


@pytest.mark.parametrize(("changes", "words"), [
    ({"format": "other"}, "no aejax estimator"), ({"format_version": 2}, "format version 2"),
    ({"class": "Imputer"}, "Imputer.from_pretrained"), ({"parameters": {"depth": 3}}, "unknown parameters depth"),
    ({"recipe": {"variant": "os.system", "network": {"name": "dense", "shape": [6], "code_dim": 3}}}, "os.system"),
    ({"recipe": {"variant": "standard", "network": {"name": "dense", "shape": [6], "code_dim": 4}}}, "does not fit"),
    ({"recipe": []}, "do not fit together"), ({"history": None}, "do not fit together"),
])
def test_a_foreign_folder_is_one_line(saved, changes, words):
    forged(saved, **changes)
    with pytest.raises(InputError, match=words) as raised:
        AutoencoderTransformer.from_pretrained(saved)
    assert "\n" not in str(raised.value)


def test_another_process_reads_it_without_code_of_ours(saved, transformer, table):
    np.save(saved.parent / "x.npy", table)
    code = ("import sys, numpy as np; from aejax.estimators import AutoencoderTransformer as T; "
            "np.save('code.npy', T.from_pretrained('model').transform(np.load('x.npy')))")
    subprocess.run([sys.executable, "-c", code], cwd=saved.parent, check=True, timeout=300)
    np.testing.assert_allclose(np.load(saved.parent / "code.npy"), transformer.transform(table), rtol=1e-5, atol=1e-6)
