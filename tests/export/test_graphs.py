"""The scaling is inside: a graph of bytes, or of rows in their units, gives what the run's own functions give."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from aejax import metrics
from aejax.applications.detectors import EXPLAINED
from aejax.export.graphs import below, examples, graph, reference
from aejax.types import InputError


def test_pictures_come_as_bytes_and_leave_between_0_and_1(run, images):
    low, high = run.ae.range
    floats = jnp.asarray(images, jnp.float32) / 255 * (high - low) + low
    made = graph(run, "encoder")
    assert (made.input, made.shape, made.dtype) == ("image", (6, 5, 1), np.uint8)
    np.testing.assert_allclose(made.function(images)[0], run.ae.encode(run.params, floats), atol=1e-5)
    if run.ae.posterior is not None:
        np.testing.assert_allclose(made.function(images)[0], run.ae.posterior(run.params, floats)[0], atol=1e-5)
    again = run.ae.decode(run.params, run.ae.encode(run.params, floats))
    (found,) = graph(run, "reconstruct").function(images)
    np.testing.assert_allclose(found, metrics.to_unit(again, run.ae.range), atol=1e-5)
    assert 0 <= found.min() and found.max() <= 1
    made = graph(run, "decoder")
    assert (made.input, made.shape, made.dtype) == ("code", (4,), np.float32)
    np.testing.assert_allclose(made.function(run.ae.encode(run.params, images))[0], found, atol=1e-5)


def test_rows_come_and_leave_in_their_units(table, rows):
    z = (rows - rows.mean(axis=0)) / rows.std(axis=0)
    np.testing.assert_allclose(graph(table, "encoder").function(rows)[0], table.ae.encode(table.params, z), atol=1e-4)
    (found,) = graph(table, "reconstruct").function(rows)
    own = table.ae.decode(table.params, table.ae.encode(table.params, z)) * rows.std(axis=0)[None]
    np.testing.assert_allclose(found, own + rows.mean(axis=0)[None], rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("name", EXPLAINED)
def test_a_score_and_its_flag(table, rows, judged, name):
    z = (rows - rows.mean(axis=0)) / rows.std(axis=0)
    decision = judged(table, name, z)
    score, anomaly = graph(table, "score", decision).function(rows)
    expected = decision.detector.score(table.ae, table.params, z)
    np.testing.assert_allclose(score, expected, rtol=1e-3, atol=1e-3)
    np.testing.assert_array_equal(anomaly, np.asarray(score, np.float64) > decision.threshold)
    assert 0 < anomaly.sum() < len(rows)


def test_a_score_of_neighbours_is_refused(table, rows, judged):
    decision = judged(table, "neighbours", rows)
    with pytest.raises(InputError, match="neighbours needs more .* reconstruction, whitened, mahalanobis, code, joint"):
        graph(table, "score", decision)


def test_a_threshold_is_rounded_so_that_flags_stay():
    for threshold in (0.1, 0.3, 1.0, 5.4321, 1e-12):
        least = below(threshold)
        beside = [np.nextafter(least, np.float32(side)) for side in (-np.inf, np.inf)]
        for score in (least, *beside):
            assert (score > least) == (float(score) > threshold)


def test_examples_are_what_the_graph_takes(run, table, rows, images):
    for part in ("encoder", "reconstruct"):
        np.testing.assert_array_equal(examples(run, part, images), images)
        low, high = run.ae.range
        floats = images.astype(np.float32) / 255 * (high - low) + low
        np.testing.assert_array_equal(examples(run, part, floats), images)
        np.testing.assert_array_equal(examples(table, part, rows), rows)
        drawn = examples(run, part, None)
        assert drawn.shape == (256, 6, 5, 1) and drawn.dtype == np.uint8 and drawn.min() < 5 and drawn.max() > 250
        drawn = examples(table, part, None)
        np.testing.assert_allclose((drawn.mean(axis=0) - rows.mean(axis=0)) / rows.std(axis=0), 0, atol=0.3)
    assert examples(run, "decoder", images).shape == (64, 4)
    assert len(examples(run, "encoder", images, count=3)) == 3


def test_the_reference_is_what_the_run_computes(run, images):
    np.testing.assert_allclose(reference(run, "encoder", images)["code"], run.ae.encode(run.params, images), atol=1e-6)
    assert jax.tree.map(np.shape, dict(reference(run, "reconstruct", images))) == {"reconstruction": images.shape}
