"""Images, kernels and curves of numbers.

Pictures of images use one frozen grey scale, black 0 and white 1, so that two figures can be compared; kernels share
one symmetric scale that the figure states.
"""

import math
import textwrap
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from aejax.files import atomic

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000", "#7F7F7F")  # Okabe, Ito


def _figure(width: float, height: float) -> Any:
    """An empty figure, in inches. Importing matplotlib takes as long as a short training: not before it is needed."""
    from matplotlib.figure import Figure
    return Figure(figsize=(width, height), layout="constrained")


def _save(figure: Any, path: str | Path, *, colours: int | None = None) -> None:
    """`colours` reduces the palette, which shrinks figures of noise-like kernels to a third."""
    with atomic(path) as temporary:
        figure.savefig(temporary, dpi=120, format="png")
        if colours:
            Image.open(temporary).convert("RGB").quantize(colours).save(temporary, format="png", optimize=True)


def _show(axes: Any, image: np.ndarray, extent: tuple[float, ...] | None = None) -> None:
    image = np.clip(image, 0, 1)
    if image.shape[-1] == 1:
        axes.imshow(image[..., 0], cmap="gray", vmin=0, vmax=1, interpolation="nearest", extent=extent)
    else:
        axes.imshow(image[..., :3], interpolation="nearest", extent=extent)
    axes.set_xticks([])
    axes.set_yticks([])
    for spine in axes.spines.values():
        spine.set_visible(False)


def image_rows(path: str | Path, rows: Sequence[tuple[str, np.ndarray]], *, title: str = "",
               columns: Sequence[str] = (), cell: float = 0.62) -> None:
    """One row of images per entry, label at the left; images (K, H, W, C) on the [0, 1] scale, cut to it.

    `cell` is the width of an image, in inches; `columns` stand above the images of the first row.
    """
    count = max(len(images) for _, images in rows)
    longest = max(len(label) for label, _ in rows)
    across = 1.08 * cell * count + 0.075 * longest + 0.4
    title = textwrap.fill(title, max(int(across / 0.08), 20))
    figure = _figure(max(across, 1.6) if title else across,
                     1.08 * cell * len(rows) + (0.22 + 0.18 * len(title.splitlines()) if title else 0.1)
                     + (0.2 if columns else 0.0))
    axes = figure.subplots()   # one for all: it costs as much as fifty images
    axes.set_anchor("E")   # what is over stays at the left, where labels may need it
    height, width = (max(images.shape[axis] for _, images in rows) for axis in (1, 2))
    side = 1.08 * max(height, width)   # of a cell
    for line, (_, images) in enumerate(rows):
        for column, image in enumerate(images):
            left, low = column * side - image.shape[1] / 2, line * side + image.shape[0] / 2
            _show(axes, image, extent=(left, left + image.shape[1], low, low - image.shape[0]))
    axes.set(xlim=(-width / 2, (count - 1) * side + width / 2), ylim=((len(rows) - 1) * side + height / 2, -height / 2))
    axes.set_yticks(np.arange(len(rows)) * side, [label for label, _ in rows], fontsize=9)
    if columns:
        axes.xaxis.tick_top()
        axes.set_xticks(np.arange(len(columns)) * side, columns, fontsize=9)
    axes.tick_params(length=0)
    if title:
        figure.suptitle(title, fontsize=10)
    _save(figure, path)


def samples(path: str | Path, images: np.ndarray, *, labels: Sequence[str] | None = None, columns: int = 12) -> None:
    """A grid of images (K, H, W, C) on the [0, 1] scale, with a label above each where given."""
    columns = min(columns, len(images))
    rows = -(-len(images) // columns)
    figure = _figure(0.75 * columns, (0.95 if labels else 0.75) * rows)
    for index, axes in enumerate(figure.subplots(rows, columns, squeeze=False).flat):
        if index >= len(images):
            axes.axis("off")
            continue
        _show(axes, images[index])
        if labels:
            axes.set_title(labels[index], fontsize=7, pad=2)
    _save(figure, path)


def curves(path: str | Path, histories: Mapping[str, Mapping[str, Sequence[float]]], *, unit: str) -> None:
    """Loss against epochs, one colour a run: training solid, validation dashed; logarithmic where all are positive."""
    figure = _figure(7.2, 3.8)
    axes = figure.subplots()
    for colour, (name, history) in zip(COLOURS * 3, histories.items(), strict=False):
        epochs = np.arange(1, len(history["loss"]) + 1)
        marker = "o" if len(epochs) == 1 else None
        axes.plot(epochs, history["loss"], color=colour, label=name, marker=marker)
        if "val_loss" in history:
            axes.plot(epochs, history["val_loss"], color=colour, linestyle="--", marker=marker)
    if all(min(values) > 0 for history in histories.values() for key, values in history.items() if "loss" in key):
        axes.set_yscale("log")
    axes.xaxis.get_major_locator().set_params(integer=True)
    axes.set_xlabel("epoch (solid: training, dashed: validation)")
    axes.set_ylabel(f"loss ({unit})")
    axes.grid(alpha=0.3, which="both")
    axes.legend(fontsize=8, loc="center left", bbox_to_anchor=(1.0, 0.5), frameon=False)
    _save(figure, path)


def lines(path: str | Path, named: Mapping[str, tuple[Sequence[float], Sequence[float]]], *, x: str, y: str,
          scale: str = "linear") -> None:
    """One line with markers per entry, {name: (x values, y values)}; `scale` is matplotlib's, of both axes."""
    figure = _figure(7.2, 3.8)
    axes = figure.subplots()
    for index, (name, (across, up)) in enumerate(named.items()):
        axes.plot(across, up, "os^Dvp"[index % 6] + "-", color=COLOURS[index % len(COLOURS)], markersize=4, label=name)
    axes.set(xscale=scale, yscale=scale, xlabel=x, ylabel=y)
    axes.grid(alpha=0.3, which="both")
    axes.legend(fontsize=8, loc="center left", bbox_to_anchor=(1.0, 0.5), frameon=False)
    _save(figure, path)


def spreads(path: str | Path, named: Mapping[str, tuple[Sequence[Any], Sequence[float], Sequence[float]]], *, x: str,
            y: str) -> None:
    """One line with error bars per entry, {name: (x values, means, half lengths of the bars)}.

    The x axis is logarithmic where positive values span more than a factor of 30; names are spaced evenly.
    """
    figure = _figure(7.2, 3.8)
    axes = figure.subplots()
    for index, (name, (across, up, spread)) in enumerate(named.items()):
        axes.errorbar(across, up, yerr=spread, fmt="os^Dvp"[index % 6] + "-", color=COLOURS[index % len(COLOURS)],
                      markersize=4, capsize=3, label=name)
    values = [value for across, *_ in named.values() for value in across]
    if not any(isinstance(value, str) for value in values) and 0 < 30 * min(values) < max(values):
        axes.set_xscale("log")
    axes.set(xlabel=x, ylabel=y)
    axes.grid(alpha=0.3, which="both")
    if len(named) > 1:
        axes.legend(fontsize=8, loc="center left", bbox_to_anchor=(1.0, 0.5), frameon=False)
    _save(figure, path)


def directions(path: str | Path, images: np.ndarray, vectors: np.ndarray, *, title: str) -> None:
    """Images (K, H, W, C) at the left, the directions (K, T, H, W, C) in which each may change beside them.

    The images keep the frozen grey scale; all directions share one symmetric scale, as `kernels` do.
    """
    across = vectors.shape[1]
    flat = vectors.mean(axis=-1).reshape(-1, *vectors.shape[2:4])
    limit = max(float(np.quantile(np.abs(flat), 0.995)), 1e-12)
    figure = _figure(0.62 * (across + 1) + 1.4, 0.66 * len(images) + 0.5)
    left, right = figure.subplots(1, 2, width_ratios=[1, across])
    left.imshow(_tile(images.mean(axis=-1), 1), cmap="gray", vmin=0, vmax=1, interpolation="nearest")
    left.set_title("input", fontsize=9)
    picture = right.imshow(_tile(flat, across), cmap="RdBu_r", vmin=-limit, vmax=limit,
                           interpolation="nearest")
    right.set_title(title, fontsize=9)
    for axes in (left, right):
        axes.axis("off")
    figure.colorbar(picture, ax=right, label="change of pixel", ticks=[-limit, 0, limit], format="%.2g")
    _save(figure, path, colours=128)


def kernels(path: str | Path, named: Mapping[str, np.ndarray], *, columns: int = 8, rows: int = 4, across: int = 3,
            grey: bool = False, label: str = "weight") -> None:
    """The first kernels of each model, `across` models side by side; (K, H, W, C) on one symmetric scale, the 99th
    percentile of |w|.

    Blue is negative, white zero, red positive; with `grey` black, mid-grey and white. Of colour images the mean over
    channels is shown.
    """
    shown = {name: k[: columns * rows].mean(axis=-1) for name, k in named.items()}
    limit = max(float(np.quantile(np.abs(np.concatenate([k.ravel() for k in shown.values()])), 0.99)), 1e-12)
    across = min(across, len(shown))
    down = math.ceil(len(shown) / across)
    figure = _figure(3.4 * across + 0.8, (0.42 * rows + 0.3) * down)
    all_axes = figure.subplots(down, across, squeeze=False)
    for axes in all_axes.flat[len(shown):]:
        axes.axis("off")
    for axes, (name, images) in zip(all_axes.flat, shown.items(), strict=False):
        picture = axes.imshow(_tile(images, columns), cmap="gray" if grey else "RdBu_r", vmin=-limit, vmax=limit,
                              interpolation="nearest")
        axes.set_title(name, fontsize=9)
        axes.axis("off")
    figure.colorbar(picture, ax=all_axes, label=label, shrink=0.8, ticks=[-limit, 0, limit], format="%.2g")
    _save(figure, path, colours=128)


def _tile(images: np.ndarray, columns: int) -> np.ndarray:
    """(K, H, W) -> one (rows·(H+1), columns·(W+1)) picture, NaN between the tiles."""
    count, height, width = images.shape
    columns = min(columns, count)
    rows = -(-count // columns)
    padded = np.full((rows * columns, height + 1, width + 1), np.nan)
    padded[:count, :height, :width] = images
    return padded.reshape(rows, columns, height + 1, width + 1).swapaxes(1, 2).reshape(rows * (height + 1), -1)
