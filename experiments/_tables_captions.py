"""The tables of `captions`: what a judge reads in pictures of captions, and what captions say of pictures."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

Results = dict[str, Any]
TITLES = ("Fashion-MNIST", "MNIST")
COLUMNS = {"class": "class", "count": "count", "position": "position", "scene": "all three", "size": "size",
           "brightness": "brightness", "rotation": "rotation"}
PICTURES = {"real compositions": "*real compositions of test objects*", "typical pictures": "**ours, typical**",
            "draws": "**ours, drawn**", "nearest training caption": "*picture of the nearest training caption*",
            "pasted class means": "*class means, pasted*"}
CAPTIONS = {"caption of the nearest code": "**ours, nearest code**",
            "caption of the nearest training picture": "*of the nearest training picture*"}


def _values(results: Results, title: str, name: str, metric: str) -> list[float]:
    """Of all seeds."""
    return [row["value"] for row in results["rows"] if row["metric"] == metric
            and row["name"].split(", seed ")[0] == f"{title}, {name}"]


def _cell(values: Sequence[float]) -> str:
    return f"{np.mean(values):.1f}" + (f" ± {np.std(values, ddof=1):.1f}" if len(values) > 1 else "")


def _table(results: Results, rows: dict[str, str]) -> str:
    there = [title for title in TITLES if all(_values(results, title, name, "class") for name in rows)]
    if not there:
        return "Not measured yet.\n"
    lines = ["| right, in % | " + " | ".join(COLUMNS.values()) + " |", "|---" + "|---:" * len(COLUMNS) + "|"]
    for title in there:
        lines += [f"| {title}: {text} | " + " | ".join(_cell(_values(results, title, name, metric))
                                                        for metric in COLUMNS) + " |" for name, text in rows.items()]
    return "\n".join(lines) + "\n"


def _source(results: Results) -> str:
    minutes = _values(results, TITLES[0], "typical pictures", "training") or [float("nan")]
    over = "one seed" if len(minutes) == 1 else f"mean ± sd over {len(minutes)} seeds"
    return (f"\nBy `{results['command']}` in {results['minutes']:.0f} minutes on {results['device']}: "
            f"{results['rows'][0]['n']:,} held-out captions of each data set, "
            f"{over}, {np.mean(minutes):.1f} minutes of training each; baselines in italics.\n")


def pictures(results: Results) -> str:
    """What the judge reads in pictures of held-out captions."""
    return _table(results, PICTURES) + _source(results)


def described(results: Results) -> str:
    """What captions say of real compositions of held-out combinations."""
    return _table(results, CAPTIONS) + _source(results)


TABLES: dict[str, Callable[[Results], str]] = {"captions.pictures": pictures, "captions.described": described}
