"""Scores and where they are cut."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from aejax.figures.general import COLOURS, _figure, _save


def score_histogram(path: str | Path, named: Mapping[str, np.ndarray], *, threshold: float, score: str) -> None:
    """Share of each set of scores in 60 common bins, and the threshold as a line; empty sets are left out.

    Bins are logarithmic for positive scores that span more than a factor of 30.
    """
    named = {name: found for name, found in named.items() if len(found)}
    values = np.concatenate(list(named.values()))
    low, high = float(values.min()), float(values.max())
    logarithmic = 0 < 30 * low < high
    high = high if high > low else low + 1
    bins = np.geomspace(low, high, 61) if logarithmic else np.linspace(low, high, 61)
    figure = _figure(7.2, 3.4)
    axes = figure.subplots()
    for index, (name, found) in enumerate(named.items()):
        shares, _ = np.histogram(found, bins, weights=np.full(len(found), 1 / len(found)))
        axes.stairs(shares, bins, color=COLOURS[index % len(COLOURS)], linewidth=1.5, label=f"{name} ({len(found):,})")
    axes.axvline(threshold, color="black", linestyle="--", label=f"threshold {threshold:.4g}")
    axes.set_ylim(bottom=0)
    axes.set(xlabel=f"score: {score}", ylabel="share", xscale="log" if logarithmic else "linear")
    axes.legend(fontsize=8)
    _save(figure, path)
