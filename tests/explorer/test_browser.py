"""The page in a real browser: what one sees, does, draws and saves; and JavaScript beside JAX."""

import json

import numpy as np
import pytest

from aejax.explorer import scene as scenes
from aejax.explorer import server
from aejax.explorer.export import export_page
from aejax.networks import ACTIVATIONS

PIXELS = "JSON.stringify(Array.from(document.getElementById('{}').getContext('2d').getImageData(0, 0, {}, {}).data))"
IDLE = "document.body.dataset.working === '0'"
COLOUR = (7, 9, 3)   # odd, not square, in colour


def pixels(browser, canvas, height=6, width=5):
    return np.array(json.loads(browser.evaluate(PIXELS.format(canvas, width, height)))).reshape(height, width, 4)


def text(browser, element):
    return browser.evaluate(f"document.getElementById('{element}').textContent")


def slide(browser, element, value):
    browser.evaluate(f"(() => {{ const e = document.getElementById('{element}'); e.value = {value}; "
                     "e.dispatchEvent(new Event('input')); })()")


def changed(browser, canvas, act):
    """Acts, waits for all answers, and returns the pixels of a canvas, which are others than before."""
    before = pixels(browser, canvas)
    act()
    browser.wait(IDLE)
    found = pixels(browser, canvas)
    assert (found != before).any()
    return found


@pytest.fixture
def served(browser, port):
    browser.open(f"http://127.0.0.1:{port}/")
    browser.wait(IDLE)
    return browser


def test_sliders_move_pixels_as_jax_does(served, run, data, composed):
    found = changed(served, "decoded", lambda: served.evaluate("document.getElementById('mean').click()"))
    mean = np.asarray(run.ae.decode(run.params, composed[1].mean[None]))[0, ..., 0] / 2 + 0.5
    np.testing.assert_allclose(found[..., 0], 255 * mean, atol=1)
    moved = changed(served, "decoded", lambda: slide(served, "direction-1", 2))
    back = changed(served, "decoded", lambda: slide(served, "direction-1", 0))
    np.testing.assert_allclose(back.astype(int), found, atol=1)
    steered = changed(served, "decoded", lambda: slide(served, "strength", 1))
    even = np.asarray(run.ae.encode(run.params, data.train))[::2].mean(axis=0, keepdims=True)
    expected = np.asarray(run.ae.decode(run.params, even))[0, ..., 0] / 2 + 0.5
    np.testing.assert_allclose(steered[..., 0], 255 * expected, atol=1)
    assert (moved != found).any() and "ms by the server" in text(served, "frame")


def test_the_code_of_a_place(served, run, composed):
    """Oracle: Shepard's mean of the six nearest codes, in NumPy; and at a test example its own code."""
    places, codes = (server.unpack(packed) for packed in (composed[0]["maps"][0]["places"], composed[0]["codes"]))
    low, high = places.min(axis=0), places.max(axis=0)
    places = 0.5 + 0.92 * np.array([1, -1]) * ((places - (low + high) / 2) / (high - low))
    between = np.array([0.55, 0.42])   # 8 pixels from every example, or the page would take that one
    for place in (between, places[7]):
        squares = np.square(places - place).sum(axis=1)
        near = np.argsort(squares)[:6] if place is between else [7]
        weights = 1 / squares[near] if place is between else np.ones(1)
        code = (weights @ codes[near] / weights.sum()).astype(np.float32)[None]
        found = changed(served, "decoded", lambda place=place: served.mouse("#map", tuple(map(float, place))))
        expected = np.asarray(run.ae.decode(run.params, code))[0, ..., 0] / 2 + 0.5
        np.testing.assert_allclose(found[..., 0], 255 * expected, atol=2)


def test_a_click_and_a_drag_on_the_map(served):
    changed(served, "decoded", lambda: served.mouse("#map", (0.3, 0.3)))
    assert served.evaluate("document.querySelectorAll('#strip button').length") == 0
    changed(served, "decoded", lambda: served.mouse("#map", (0.2, 0.2), (0.5, 0.5), (0.8, 0.7)))
    served.wait("document.querySelectorAll('#strip button').length === 9")
    changed(served, "decoded", lambda: slide(served, "share", 50))
    assert text(served, "share-value") == "50 %"


def test_the_map_by_keys(served):
    served.evaluate("document.getElementById('map').focus()")
    changed(served, "decoded", lambda: [served.key("ArrowRight") for _ in range(3)])
    served.key("a")
    served.key("ArrowUp")
    served.key("b")
    served.wait("document.querySelectorAll('#strip button').length === 9")


def test_a_drawing_is_reconstructed_scored_and_filled_in(served):
    served.evaluate("document.getElementById('clear').click()")
    changed(served, "drawing", lambda: served.mouse("#drawing", (0.2, 0.2), (0.8, 0.8)))
    assert (pixels(served, "drawing")[1, 1, :3] > 100).all()
    served.wait("document.getElementById('score').textContent.includes('of 40 test examples')")
    changed(served, "restored", lambda: served.evaluate("document.getElementById('noise').click()"))
    assert served.evaluate("document.getElementById('fill').disabled")
    served.evaluate("document.getElementById('half').click()")
    assert "15 pixels" in text(served, "fill-state")
    above = pixels(served, "drawing")[:3]
    found = changed(served, "filled", lambda: served.evaluate("document.getElementById('fill').click()"))
    np.testing.assert_array_equal(found[:3], above)
    served.wait("document.getElementById('fill-state').textContent.includes('ms by the server')")


def test_what_is_hidden_is_not_seen(served, run, data):
    """The page begins with the first test example; its lower half hidden, JAX is asked about 0 there."""
    changed(served, "restored", lambda: served.evaluate("document.getElementById('half').click()"))
    x = data.test[:1] / np.float32(255)
    x[:, 3:] = 0
    expected = np.asarray(run.ae.decode(run.params, run.ae.encode(run.params, 2 * x - 1)))[0, ..., 0] / 2 + 0.5
    np.testing.assert_allclose(pixels(served, "restored")[..., 0], 255 * expected, atol=1)
    score = 2 * np.square(x[0, ..., 0] - expected).sum()   # ½‖x − x̂‖² on [-1, 1]
    assert float(text(served, "score").split("= ")[1].split(":")[0]) == pytest.approx(score, rel=5e-3)


def test_drawing_by_keys(served):
    served.evaluate("document.getElementById('clear').click(); document.getElementById('drawing').focus()")
    for key in ("ArrowUp", "ArrowUp", " "):
        served.key(key)
    served.evaluate("document.getElementById('map').focus()")   # the cursor goes
    assert pixels(served, "drawing")[1, 2, 0] == 255


def test_samples_change_with_temperature(served):
    first = "document.querySelector('#samples canvas').getContext('2d').getImageData(0, 0, 5, 6).data.join()"
    served.wait("document.querySelectorAll('#samples button').length === 16")
    before = served.evaluate(first)
    slide(served, "temperature", 0)
    served.wait(f"{first} !== {json.dumps(before)}")
    served.wait("new Set(Array.from(document.querySelectorAll('#samples canvas'), (c) => c.toDataURL())).size === 1")


def test_no_request_leaves_this_machine(served, port):
    served.evaluate("document.getElementById('random').click()")
    assert len(served.requests) > 12
    assert all(address.startswith(f"http://127.0.0.1:{port}/") for address in served.requests), served.requests
    assert served.complaints == []
    refused = served.evaluate("fetch('http://127.0.0.1:9/').then(() => 'sent', (error) => error.name)")
    assert refused == "TypeError" and "Content Security Policy" in " ".join(served.complaints)   # never even sent


def test_a_server_that_ended_is_said(browser, operations, composed, in_thread):
    with in_thread(server.application(operations, composed[0])) as port:
        browser.open(f"http://127.0.0.1:{port}/")
    slide(browser, "direction-1", 1)
    browser.wait("!document.getElementById('problem').hidden")
    assert "still running" in text(browser, "problem")


@pytest.mark.parametrize("width", [360, 1280])
def test_nothing_is_wider_than_the_window(served, width):
    served.resize(width)
    assert served.evaluate("document.documentElement.scrollWidth") == width


def saved(run, data, path):
    return export_page(path, run, data, scenes.compose(run, data)[0]).as_uri()


def in_javascript(browser, rows, way, size):
    """What the file's encoder or decoder makes of rows."""
    browser.evaluate("window.backend = new FileBackend(JSON.parse(document.getElementById('scene').textContent), "
                     "JSON.parse(document.getElementById('program').textContent)); 0")
    flat = json.dumps(np.asarray(rows).reshape(len(rows), -1).tolist())
    return np.array(browser.evaluate(f"{flat}.map((row) => Array.from(window.backend.{way}(row)))")).reshape(-1, *size)


NETWORKS = {
    "one layer": {}, "tied": {"variant": "tied", "network": {"code_activation": "identity"}},
    "deep": {"network": {"widths": [11, 7], "activation": ["gelu", "silu"], "code_activation": "softplus"},
             "reconstruction": {"name": "cross_entropy"}},
    "convolutional": {"network": {"name": "convolutional", "channels": [4, 16], "activation": "elu"}, "shape": COLOUR},
    "variational": {"variant": "variational", "network": {"name": "convolutional", "channels": [8]},
                    "reconstruction": {"name": "cross_entropy"}, "shape": (6, 5, 1)}}


@pytest.mark.parametrize("name", NETWORKS)
def test_the_file_computes_what_jax_does(browser, make_run, make_data, tmp_path, name):
    run = make_run(**NETWORKS[name])
    data = make_data(run.shape)
    browser.open(saved(run, data, tmp_path / "page.html"))
    z = 2 * np.random.default_rng(3).normal(size=(4, 4)).astype(np.float32)
    low, high = run.ae.range
    x = np.random.default_rng(4).random((4, *run.shape), np.float32)
    decoded = (np.asarray(run.ae.decode(run.params, z)) - low) / (high - low)
    assert decoded.std() > 0.02   # it says something
    np.testing.assert_allclose(in_javascript(browser, z, "decodeOne", run.shape), decoded, atol=1e-5)
    codes = np.asarray(run.ae.encode(run.params, low + (high - low) * x))
    np.testing.assert_allclose(in_javascript(browser, x, "encodeOne", (4,)), codes, atol=1e-5, rtol=1e-5)
    assert browser.requests == [(tmp_path / "page.html").as_uri()] and browser.complaints == []


def test_what_a_file_can_do(browser, run, data, tmp_path):
    browser.open(saved(run, data, tmp_path / "page.html"))
    changed(browser, "decoded", lambda: slide(browser, "direction-2", 2))
    assert "in this browser" in text(browser, "frame") and "difference to JAX" in text(browser, "foot")
    assert "takes gradients" in text(browser, "missing")
    assert browser.evaluate("Array.from(document.getElementById('method').options, (o) => o.value)") == ["projection"]
    browser.evaluate("document.getElementById('half').click()")
    above = pixels(browser, "drawing")[:3]
    found = changed(browser, "filled", lambda: browser.evaluate("document.getElementById('fill').click()"))
    np.testing.assert_array_equal(found[:3], above)


def test_a_table_is_shown_as_bars(browser, table, make_data, tmp_path):
    browser.open(saved(table, make_data((5,)), tmp_path / "table.html"))
    assert browser.evaluate("document.getElementById('draw-section').hidden")
    before = text(browser, "values")
    slide(browser, "direction-1", 3)
    browser.wait(f"document.getElementById('values').textContent !== {json.dumps(before)}")
    assert browser.evaluate("document.querySelectorAll('#values tr').length") == 5 and browser.complaints == []


def test_every_activation(browser, run, data, tmp_path):
    browser.open(saved(run, data, tmp_path / "page.html"))
    x = np.linspace(-6, 6, 49).astype(np.float32)
    for name, function in ACTIVATIONS.items():
        step = json.dumps([{"do": "activation", "name": name}])
        found = browser.evaluate(f"Array.from(Forward.run({step}, [], Float32Array.from({x.tolist()})))")
        np.testing.assert_allclose(found, function(x), atol=2e-6, err_msg=name)
