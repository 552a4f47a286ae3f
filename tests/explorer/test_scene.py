import json

import numpy as np
import pytest

from aejax.applications.anomaly_detection import reconstruction_score
from aejax.applications.inpainting import code_prior
from aejax.explorer import scene as scenes
from aejax.explorer.server import unpack
from aejax.types import InputError


def test_what_the_page_knows(run, data, composed):
    scene, prior = composed
    json.dumps(scene, allow_nan=False)
    codes = np.asarray(run.ae.encode(run.params, data.test))
    train = np.asarray(run.ae.encode(run.params, data.train))
    np.testing.assert_allclose(unpack(scene["codes"]), codes, atol=1e-6)
    np.testing.assert_array_equal(unpack(scene["thumbnails"]), data.test)   # small enough to be shown as they are
    np.testing.assert_array_equal(unpack(scene["examples"]), data.test)
    errors = reconstruction_score(run.ae, run.params, data.test)
    np.testing.assert_allclose(unpack(scene["errors"]), np.sort(errors), rtol=1e-5)
    for found, expected in zip(prior, code_prior(train), strict=True):
        np.testing.assert_allclose(found, expected, atol=1e-5)
    assert scene["labels"] == ["even", "odd"] * 20 and (scene["low"], scene["high"]) == (-1.0, 1.0)


def test_directions_are_principal(run, data, composed):
    """Oracle: the eigenvalues of the covariance, largest first."""
    scene, _ = composed
    train = np.asarray(run.ae.encode(run.params, data.train))
    values = np.linalg.eigvalsh(np.cov(train, rowvar=False, bias=True))[::-1]
    np.testing.assert_allclose(unpack(scene["spread"]) ** 2, values, rtol=1e-4)
    np.testing.assert_allclose(scene["share"], values / values.sum(), rtol=1e-4)
    places = unpack(scene["maps"][0]["places"])
    expected = (unpack(scene["codes"]) - unpack(scene["mean"])) @ unpack(scene["directions"])[:2].T
    np.testing.assert_allclose(places, expected, atol=1e-5)


def test_a_step_of_one_leads_from_the_mean_to_the_label(run, data, composed):
    train = np.asarray(run.ae.encode(run.params, data.train))
    for way, label in zip(composed[0]["steering"], (0, 1), strict=True):
        np.testing.assert_allclose(train.mean(0) + unpack(way["direction"]), train[data.train_labels == label].mean(0),
                                   atol=1e-5)
    assert [way["name"] for way in composed[0]["steering"]] == ["towards even", "towards odd"]


def test_large_images_come_small(make_run, make_data):
    run = make_run(shape=(40, 70, 3), network={"code_dim": 1})
    scene, _ = scenes.compose(run, make_data((40, 70, 3), count=5, test_labels=None, train_labels=None), points=3)
    assert scene["thumbnails"]["shape"] == [3, 18, 32, 3] and scene["examples"]["shape"] == [3, 40, 70, 3]
    assert scene["labels"] is None and scene["steering"] == []
    assert (unpack(scene["maps"][0]["places"])[:, 1] == 0).all()   # a code of one value lies on a line


def test_a_table(table, make_data):
    data = make_data((5,))
    scene, _ = scenes.compose(table, data)
    assert scene["kind"] == "table" and scene["thumbnails"] is None and (scene["low"], scene["high"]) == (0.0, 1.0)
    np.testing.assert_array_equal(unpack(scene["examples"]), data.test)


def test_walks_that_were_learnt(run, data):
    scene, _ = scenes.compose(run, data, walks={"rotate": (np.ones(4, np.float32), 30.0, "degrees")})
    assert scene["steering"][-1]["limit"] == 30 and "degrees" in scene["steering"][-1]["hint"]
    with pytest.raises(InputError, match="3 values for codes of 4"):
        scenes.compose(run, data, walks={"rotate": (np.ones(3, np.float32), 30.0, "degrees")})


def test_refused(run, make_run, make_data):
    unet = make_run("denoising", network={"name": "unet", "channels": [2, 2], "code_dim": None},
                    corruption={"name": "masking_noise"})
    for refused, said in ((unet, "unet leads past the code"), (make_run(shape=(2, 2, 2)), "shape"),
                          (make_run(shape=(300,)), "128 columns")):
        with pytest.raises(InputError, match=said):
            scenes.check_run(refused)
    with pytest.raises(InputError, match="too few"):
        scenes.compose(run, make_data(count=1))
