import numpy as np
import pytest
from PIL import Image

from aejax import figures

RNG = np.random.default_rng(0)
COLOUR, GREY = RNG.random((12, 28, 28, 3)), RNG.random((12, 28, 28, 1)) * 1.4 - 0.2   # out of [0, 1]: cut
EPOCHS = {"loss": [3.0, 2.0, 1.5], "val_loss": [3.5, 2.5, 2.6], "seconds": [1.0, 1.0, 1.0]}
SINGLE = {"loss": [2.0], "val_loss": [2.5]}
NOISE = RNG.normal(size=(500, 28, 28, 1))

DRAWINGS = {
    "rows": lambda path: figures.image_rows(path, [("input", GREY[:10]), ("standard-30", GREY[2:12])]),
    "colour rows": lambda path: figures.image_rows(path, [("input", COLOUR), ("fewer", COLOUR[:3])], title="Title"),
    "titled columns": lambda path: figures.image_rows(path, [("input", GREY[:2]), ("other", GREY[2:4])],
                                                      columns=["one", "another"]),
    "one image": lambda path: figures.image_rows(path, [("input", GREY[:1])]),
    "samples": lambda path: figures.samples(path, np.repeat(GREY, 4, axis=0)),
    "labelled colour samples": lambda path: figures.samples(path, COLOUR, labels=list("abcdefghijkl"), columns=5),
    "curves": lambda path: figures.curves(path, {"a": EPOCHS, "b": {"loss": [1.0, 0.5]}}, unit="nats"),
    "single epoch": lambda path: figures.curves(path, {"a": SINGLE}, unit="nats"),
    "many curves": lambda path: figures.curves(path, {f"run {i}": EPOCHS for i in range(10)}, unit="nats"),
    "spreads": lambda path: figures.spreads(path, {"": ([1, 2], [3.0, float("nan")], [0.1, 0.0])}, x="rate", y="loss"),
    "spreads of names": lambda path: figures.spreads(path, {"a": (["tanh", "relu"], [1.0, 2.0], [0.1, 0.2]),
                                                            "b": (["tanh", "relu"], [2.0, 1.0], [0.1, 0.2])},
                                                     x="activation", y="loss"),
    "kernels": lambda path: figures.kernels(path, {f"model-{i}": NOISE for i in range(6)}),
    "few colour kernels": lambda path: figures.kernels(path, {"a": RNG.normal(size=(3, 5, 4, 3))}),
    "zero kernels": lambda path: figures.kernels(path, {"a": np.zeros((8, 5, 4, 1))}),
}


@pytest.mark.parametrize("name", DRAWINGS)
def test_draws_a_small_png(tmp_path, name):
    path = tmp_path / "figures" / "x.png"
    DRAWINGS[name](path)
    assert list(path.parent.iterdir()) == [path] and path.stat().st_size < 300_000
    with Image.open(path) as image:
        image.load()
        assert image.format == "PNG" and min(image.size) > 40


def pixels(path, rows):
    figures.image_rows(path, rows)
    with Image.open(path) as image:
        return np.asarray(image.convert("RGB"))


def count(picture, colour):
    return int((picture == np.array(colour)).all(axis=-1).sum())


@pytest.mark.parametrize("value", [0.25, 0.5, 0.75])
@pytest.mark.parametrize("channels", [1, 3])
def test_grey_has_the_same_grey_whatever_lies_beside_it(tmp_path, value, channels):
    def constant(v):
        return np.full((1, 8, 8, channels), v)
    beside = [constant(0.0), constant(1.0), constant(value - 0.05), constant(value + 0.05)]
    expected = np.full(3, round(value * 255))
    counts = []
    for other in beside:
        picture = pixels(tmp_path / "x.png", [("", np.concatenate([constant(value), other]))])
        near = np.abs(picture.astype(int) - expected).max(axis=-1) <= 1
        counts.append(int(near.sum()))
    alone = 0.3 * (0.62 * 120) ** 2   # at least a third of one image's cell
    assert len(set(counts)) == 1 and counts[0] > alone


def test_values_outside_the_scale_are_cut(tmp_path):
    images = np.stack([np.full((8, 8, 1), v) for v in (-3.0, 4.0)])
    picture = pixels(tmp_path / "x.png", [("", images)])
    inside = pixels(tmp_path / "x.png", [("", images.clip(0, 1))])
    np.testing.assert_array_equal(picture, inside)
    assert count(picture, (0, 0, 0)) > 1000


def test_colours_are_kept(tmp_path):
    image = np.zeros((1, 8, 8, 3))
    image[..., 0] = 1
    assert count(pixels(tmp_path / "x.png", [("", image)]), (255, 0, 0)) > 1000


def kept_figure(monkeypatch, draw, *arguments, **options):
    figure = []
    monkeypatch.setattr(figures.general, "_save", lambda drawn, path, **_: figure.append(drawn))
    draw("x.png", *arguments, **options)
    return figure[0]


@pytest.mark.parametrize(("histories", "scale"), [
    ({"a": EPOCHS}, "log"), ({"a": SINGLE}, "log"), ({"a": EPOCHS, "b": {"loss": [1.0, 0.0]}}, "linear"),
    ({"a": {"loss": [2.0, 1.0], "val_loss": [1.0, -1.0]}}, "linear"),
    ({"a": {"loss": [2.0, 1.0], "seconds": [0.0, 0.0]}}, "log")])
def test_curves_are_logarithmic_where_all_are_positive(monkeypatch, histories, scale):
    (axes,) = kept_figure(monkeypatch, figures.curves, histories, unit="nats").axes
    assert axes.get_yscale() == scale and axes.get_ylabel() == "loss (nats)"


def test_curves_show_the_numbers(monkeypatch):
    (axes,) = kept_figure(monkeypatch, figures.curves, {"a": EPOCHS, "b": SINGLE}, unit="nats").axes
    training, validation, single, _ = axes.lines
    np.testing.assert_array_equal(training.get_xydata(), [[1, 3.0], [2, 2.0], [3, 1.5]])
    np.testing.assert_array_equal(validation.get_ydata(), EPOCHS["val_loss"])
    assert (training.get_linestyle(), validation.get_linestyle()) == ("-", "--")
    assert training.get_color() == validation.get_color() != single.get_color()
    assert single.get_marker() == "o" and training.get_marker() == "None"   # one epoch is a point, not nothing
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["a", "b"]


def test_kernels_share_one_symmetric_scale_and_their_order(monkeypatch):
    small, large = np.full((5, 2, 3, 1), 0.1), np.full((5, 2, 3, 1), -2.0)
    small[1] = 0.0
    first, second = kept_figure(monkeypatch, figures.kernels, {"s": small, "l": large}, columns=2).axes[:2]
    limits = {axes.images[0].get_clim() for axes in (first, second)}
    assert limits == {(-2.0, 2.0)}
    tiles = np.ma.filled(first.images[0].get_array(), np.nan)
    assert tiles.shape == (9, 8)   # three rows of two kernels, a gap after each
    np.testing.assert_array_equal(tiles[:2], [[0.1, 0.1, 0.1, np.nan, 0.0, 0.0, 0.0, np.nan]] * 2)
    assert np.isnan(tiles[2]).all() and np.isnan(tiles[6:, 4:]).all()


def test_a_failure_leaves_the_old_figure(tmp_path):
    path = tmp_path / "x.png"
    DRAWINGS["single epoch"](path)
    old = path.read_bytes()
    with pytest.raises((TypeError, ValueError)):
        figures.image_rows(path, [("", np.zeros((1, 4, 4, 2)))])   # two channels: no picture
    assert path.read_bytes() == old and list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(("values", "scale"), [([0.1, 0.5, 3.0], "linear"), ([0.1, 0.5, 3.1], "log"),
                                               ([0.0, 1.0, 100.0], "linear"), (["tanh", "relu", "elu"], "linear")])
def test_wide_spans_are_logarithmic(tmp_path, monkeypatch, values, scale):
    seen = []
    monkeypatch.setattr(figures.general, "_save", lambda figure, path: seen.append(figure.axes[0].get_xscale()))
    figures.spreads(tmp_path / "x.png", {"": (values, [1.0, 2.0, 3.0], [0.1, 0.1, 0.1])}, x="value", y="loss")
    assert seen == [scale]
