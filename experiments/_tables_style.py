"""The tables of styles, for `experiments.readme`."""

from collections.abc import Mapping
from typing import Any

import numpy as np

MODELS = ("style", "convolutional", "convolutional, longer")
QUALITY = {"parameters": ("parameters", 0), "steps": ("steps", 0), "seconds": ("seconds", 0),
           "reconstruction MSE": ("MSE", 4), "distance of reconstructions": ("distance of reconstructions", 2),
           "samples: feature_frechet_distance": ("distance of samples", 2), "samples: precision": ("precision", 3),
           "samples: recall": ("recall", 3), "samples: memorisation_ratio": ("memorisation, ratio", 3),
           "samples: memorisation_copies": ("copies", 3)}
KINDS = ("different classes", "the same class")
WAYS = {"nothing": "*nothing*", "coarse": "coarse", "middle": "middle", "fine": "fine",
        "codes' middle": "*codes' middle*", "pixels' mean": "*pixels' mean*"}
MIXING = {"class of A": ("A's class, %", 0), "class of B": ("B's class, %", 0), "outline of A": ("A's outline, IoU", 2),
          "outline of B": ("B's outline, IoU", 2), "brightness of A": ("A's brightness, correlation", 2),
          "brightness of B": ("B's brightness, correlation", 2),
          "to the nearest real image": ("to the nearest real image", 2)}


def _found(results: Mapping[str, Any]) -> dict[tuple[str, str], list[float]]:
    """{(name without its seed, metric): a value for each seed}."""
    found: dict[tuple[str, str], list[float]] = {}
    for row in results["rows"]:
        words = [part for part in row["name"].split(", ") if not part.startswith("seed ")]
        found.setdefault((", ".join(words), row["metric"]), []).append(row["value"])
    return found


def _cell(each: list[float] | None, places: int) -> str:
    if not each:
        return "–"
    mean = f"{np.mean(each):,.{places}f}"
    return mean if len(each) < 2 or not np.ptp(each) else f"{mean} ± {np.std(each, ddof=1):.{places}f}"


def _table(head: str, columns: Mapping[str, tuple[str, int]], lines: Mapping[str, str],
           found: Mapping[tuple[str, str], list[float]]) -> list[str]:
    return [f"| {head} | " + " | ".join(title for title, _ in columns.values()) + " |",
            "|---" + "|---:" * len(columns) + "|",
            *(f"| {title} | " + " | ".join(_cell(found.get((name, metric)), places)
                                           for metric, (_, places) in columns.items()) + " |"
              for name, title in lines.items())]


def _source(results: Mapping[str, Any], text: str) -> str:
    seeds = len({seed for row in results["rows"] for seed in row["seeds"]})
    return (f"\nBy `{results['command']}` in {results['minutes']:.0f} minutes on {results['device']}: {text}; "
            f"mean ± sd over {seeds} seeds.")


def quality(results: Mapping[str, Any]) -> str:
    """Reconstructions and samples of each network."""
    n = next(row["n"] for row in results["rows"] if row["metric"] == "reconstruction MSE")
    lines = _table("decoder", QUALITY, {name: name for name in MODELS}, _found(results))
    text = f"{n:,} test images and as many samples; distances are Fréchet's, between the small classifier's features"
    return "\n".join([*lines, _source(results, text)]) + "\n"


def mixing(results: Mapping[str, Any]) -> str:
    """What mixtures have of either image, for pairs of different classes and of the same."""
    found, lines = _found(results), []
    n = next(row["n"] for row in results["rows"] if row["metric"] == "class of A")
    for kind in KINDS:
        lines += _table(f"{kind}: taken from B", MIXING,
                        {f"style, {kind}, {way}": title for way, title in WAYS.items()}, found) + [""]
    text = f"{n} pairs of each kind, A and B as their styles decode; baselines in italics"
    return "\n".join([*lines[:-1], _source(results, text)]) + "\n"


TABLES = {"style": quality, "style.mixing": mixing}
