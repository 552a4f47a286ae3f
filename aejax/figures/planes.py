"""Pictures of data that live in a plane or in space, where a manifold can be looked at itself."""

from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float

from aejax.figures.general import COLOURS, _figure, _save

Points = Float[np.ndarray, "n 2"]


def denoising_field(path: str | Path, *, curve: Float[np.ndarray, "m 2"], corrupted: Points, restored: Points,
                    places: Float[np.ndarray, "h w 2"], moved: Float[np.ndarray, "h w 2"], every: int = 1) -> None:
    """What a denoising network does to the plane: points in and out, arrows, and how far each place travels.

    Args:
      curve: the manifold, in order.
      corrupted, restored: points before and after.
      places: a regular grid, places[i, j] = (x_j, y_i), both rising.
      moved: where each place goes.
      every: an arrow for every so many rows and columns.
    """
    figure = _figure(12.4, 3.9)
    left, middle, right = figure.subplots(1, 3)
    (x, y), travel = np.moveaxis(places, -1, 0), moved - places
    left.plot(*corrupted.T, ".", color=COLOURS[1], markersize=2.5, label="corrupted input")
    left.plot(*restored.T, ".", color=COLOURS[0], markersize=2.5, label="output")
    left.legend(fontsize=8, loc="upper right", markerscale=4)
    pick = np.s_[every // 2::every, every // 2::every]
    middle.plot(*curve.T, color=COLOURS[1], linewidth=1)
    middle.quiver(x[pick], y[pick], travel[pick][..., 0], travel[pick][..., 1], angles="xy", scale_units="xy", scale=1,
                  width=0.0035, color=COLOURS[0])
    step = np.array([x[0, 1] - x[0, 0], y[1, 0] - y[0, 0]]) / 2
    picture = right.imshow(np.linalg.norm(travel, axis=-1), origin="lower", cmap="viridis", vmin=0, extent=(
        x[0, 0] - step[0], x[0, -1] + step[0], y[0, 0] - step[1], y[-1, 0] + step[1]))
    right.plot(*curve.T, color="white", linewidth=0.8, linestyle="--")
    figure.colorbar(picture, ax=right, label="distance travelled", shrink=0.85)
    limits = (x[0, 0] - step[0], x[0, -1] + step[0]), (y[0, 0] - step[1], y[-1, 0] + step[1])
    for axes, title in ((left, "noise in, curve out"), (middle, "arrows: output − input"),
                        (right, "how far each place travels")):
        axes.set(xlim=limits[0], ylim=limits[1], aspect="equal", xlabel="x₁", ylabel="x₂")
        axes.set_title(title, fontsize=10)
    _save(figure, path, colours=255)


def unrolled(path: str | Path, rows: dict[str, dict[str, np.ndarray]], *, y: str = "code") -> None:
    """A curve in space, its code, and the image of the code's line: three pictures a row, coloured by arc length.

    Args:
      rows: {title: {"points" (n, 3), "length" (n,) in [0, 1], "code" (n,), "line" (m, 3): decoded codes in order}}.
      y: label of the code.
    """
    figure = _figure(11.2, 3.5 * len(rows))
    for index, (title, parts) in enumerate(rows.items()):
        curve, image = (figure.add_subplot(len(rows), 3, 3 * index + k, projection="3d") for k in (1, 3))
        code = figure.add_subplot(len(rows), 3, 3 * index + 2)
        picture = curve.scatter(*parts["points"].T, c=parts["length"], cmap="viridis", s=4, vmin=0, vmax=1)
        curve.set_title(title, fontsize=10)
        code.scatter(parts["length"], parts["code"], c=parts["length"], cmap="viridis", s=4, vmin=0, vmax=1)
        code.set(xlabel="share of arc length", ylabel=y)
        code.grid(alpha=0.3)
        image.plot(*parts["line"].T, color=COLOURS[1], linewidth=1)
        image.set_title("the decoder's image of the code's range", fontsize=10)
        for axes in (curve, image):
            _bare(axes, parts["points"])
        figure.colorbar(picture, ax=curve, label="share of arc length", shrink=0.6, pad=0.12, location="left")
    _save(figure, path, colours=255)


def _bare(axes: Any, points: np.ndarray) -> None:
    """The same box for each picture of a row, with few ticks."""
    axes.set(xlim=(-1, 1), ylim=(-1, 1), zlim=(-1, 1), xticks=(-1, 0, 1), yticks=(-1, 0, 1), zticks=(-1, 0, 1))
    axes.tick_params(labelsize=7)
    height = float(np.ptp(points[:, 2]))
    axes.set(zlim=(-max(height, 0.5), max(height, 0.5)), zticks=(-0.5, 0, 0.5))
    axes.set_box_aspect((1, 1, max(height, 0.5)))
    axes.view_init(elev=35, azim=-60)
