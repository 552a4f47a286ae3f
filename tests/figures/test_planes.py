import numpy as np
import pytest

from aejax import data, figures

CURVE, LENGTH = data.spiral_curve(200)
AXIS = np.linspace(-1, 1, 21)
PLACES = np.stack(np.meshgrid(AXIS, AXIS), axis=-1)
HELIX, TURN = data.helix(100)


@pytest.fixture
def drawn(monkeypatch):
    kept = []
    monkeypatch.setattr(figures.planes, "_save", lambda figure, path, **_: kept.append(figure))
    return kept


def field(path):
    figures.denoising_field(path, curve=CURVE[::4], corrupted=CURVE + 0.1, restored=CURVE, places=PLACES,
                            moved=PLACES * [0.5, 1.0], every=5)


def rows(path):
    parts = {"points": HELIX, "length": TURN, "code": -TURN, "line": HELIX[:20]}
    figures.unrolled(path, {"open": parts, "closed": parts})


@pytest.mark.parametrize("draw", [field, rows])
def test_draws_a_small_png(tmp_path, draw):
    draw(tmp_path / "x.png")
    assert 5_000 < (tmp_path / "x.png").stat().st_size < 300_000


def test_the_field_shows_where_each_place_goes(drawn):
    field("x.png")
    points, arrows, heat = drawn[0].axes[:3]
    np.testing.assert_array_equal(points.lines[0].get_xydata(), (CURVE + 0.1).astype(float))
    (quiver,) = [c for c in arrows.collections if hasattr(c, "U")]
    np.testing.assert_allclose(quiver.U, -0.5 * quiver.X)   # halved in x, kept in y
    np.testing.assert_array_equal(quiver.V, 0)
    picture = heat.images[0].get_array()
    np.testing.assert_allclose(picture, np.broadcast_to(np.abs(AXIS) / 2, (21, 21)))
    assert heat.images[0].origin == "lower" and heat.images[0].get_extent() == [-1.05, 1.05, -1.05, 1.05]


def test_rows_share_the_colours_of_arc_length(drawn):
    rows("x.png")
    curve, image, code = drawn[0].axes[:3]
    for axes in (curve, code):
        np.testing.assert_array_equal(axes.collections[0].get_array(), TURN)
        assert axes.collections[0].get_clim() == (0, 1)
    np.testing.assert_array_equal(code.collections[0].get_offsets(), np.stack([TURN, -TURN], axis=1))
    np.testing.assert_array_equal(np.stack(image.lines[0].get_data_3d(), axis=1), HELIX[:20])
