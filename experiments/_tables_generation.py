"""The tables of `generation`, for `experiments.readme`."""

import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

PRIORS = {"normal": "N(0, I)", "gaussian": "Gaussian", "mixture": "mixture", "flow": "flow"}
MEASURES = {"feature_frechet_distance": ("feature Fréchet distance", 1), "precision": ("precision", 3),
            "recall": ("recall", 3), "density": ("density", 3), "coverage": ("coverage", 3),
            "memorisation_ratio": ("nearest training / held-out", 3), "memorisation_copies": ("copies", 3)}
DISTANCE = "feature_frechet_distance"
QUANTISED = "vector_quantised"
Found = dict[tuple[str, str, str], list[float]]   # (model, prior, metric): one value a seed


def _found(results: dict[str, Any], data: str) -> Found:
    """Values of all seeds; what has no prior stands under ""."""
    found: Found = {}
    for row in results["rows"]:
        name, _, rest = row["name"].partition(", ")
        rest, _, seed = rest.partition(", seed ")
        model, _, prior = rest.rpartition(", ") if seed else (rest, "", "")
        if name == data:
            found.setdefault((model, prior, row["metric"]), []).append(row["value"])
    return found


def _cell(values: Sequence[float] | None, places: int) -> str:
    if values is None:
        return "–"
    spread = f" ± {np.std(values, ddof=1):.{places}f}" if len(values) > 1 else ""
    return f"{np.mean(values):.{places}f}{spread}"


def _models(found: Found) -> list[str]:
    """Those that were trained, in the order of the rows."""
    names = dict.fromkeys(model for model, prior, _ in found if prior in PRIORS and model != "PCA")
    return [name for name in names if name != QUANTISED]


def _by(results: dict[str, Any], data: str, text: str) -> str:
    rows = [row for row in results["rows"] if row["name"].startswith(f"{data}, ")]
    n, seeds = max(row["n"] for row in rows), len({seed for row in rows for seed in row["seeds"]})
    return (f"\nBy `{results['command']}` in {results['minutes']:.0f} minutes on {results['device']}: {n:,} samples "
            f"against {n:,} test images, {text}; mean ± sd over {seeds} seeds.")


def distances(results: dict[str, Any], *, data: str) -> str:
    """Fréchet distances: models down, priors across; references below, in italics."""
    found = _found(results, data)
    models = _models(found)
    if not models:
        return "Not measured yet.\n"
    columns = {"reconstructions": "test reconstructions", **PRIORS}
    lines = ["| | " + " | ".join(columns.values()) + " |", "|---" + "|---:" * len(columns) + "|"]
    for model in models:
        each = {prior: found.get((model, prior, DISTANCE)) for prior in columns}
        best = min((prior for prior in PRIORS if each[prior]), key=lambda prior: np.mean(each[prior]))
        lines.append(f"| {model} | " + " | ".join(
            f"**{_cell(each[prior], 1)}**" if prior == best else _cell(each[prior], 1) for prior in columns) + " |")
    if ("PCA", "mixture", DISTANCE) in found:
        cells = [_cell(found["PCA", "mixture", DISTANCE], 1) if prior == "mixture" else "–" for prior in columns]
        lines.append("| *PCA of the same width, cut to the range* | " + " | ".join(cells) + " |")
    floor = found.get(("training images", "", DISTANCE))
    lines.append(_by(results, data, "features of the small classifier, so that these are no FID and compare with none; "
                                    f"as many training images get {_cell(floor, 1)}"))
    return "\n".join(lines) + "\n"


def measures(results: dict[str, Any], *, data: str) -> str:
    """Every measure of each model with N(0, I) and with the mixture."""
    found = _found(results, data)
    models = _models(found)
    if not models:
        return "Not measured yet.\n"
    titles = " | ".join(title for title, _ in MEASURES.values())
    lines = [f"| | {titles} |", "|---" + "|---:" * len(MEASURES) + "|"]
    rows = [(f"{model}, {PRIORS[prior]}", model, prior) for model in models for prior in ("normal", "mixture", "flow")]
    rows += [("*PCA, mixture*", "PCA", "mixture"), ("*training images*", "training images", "")]
    for label, model, prior in rows:
        cells = [_cell(found.get((model, prior, metric)), places) for metric, (_, places) in MEASURES.items()]
        if set(cells) != {"–"}:
            lines.append(f"| {label} | " + " | ".join(cells) + " |")
    lines.append(_by(results, data, "precision, recall, density and coverage of 5,000 of each with 5 neighbours; "
                                    "distances to training and held-out images pixel by pixel, copies expected: 0.010"))
    return "\n".join(lines) + "\n"


def gain(results: dict[str, Any], *, data: str) -> str:
    """How many times nearer fitted priors come than N(0, I) on the variational autoencoder, seed by seed."""
    found = _found(results, data)
    others = [found[model, "normal", DISTANCE] for model in _models(found) if model.startswith("variational")]
    reference = min(others, key=np.mean, default=None)   # the best one
    lines = ["| | mixture | flow |", "|---|---:|---:|"]
    for model in _models(found) if reference else ():
        pairs = [found.get((model, prior, DISTANCE)) for prior in ("mixture", "flow")]
        if not model.startswith("variational") and all(pair and len(pair) == len(reference) for pair in pairs):
            lines.append(f"| {model} | " + " | ".join(_cell(np.array(reference) / pair, 2) for pair in pairs) + " |")
    if len(lines) == 2:
        return "Not measured yet.\n"
    lines.append(_by(results, data, "the distance of N(0, I) on the best variational autoencoder over that of each: "
                                    "above 1 is nearer to the test images"))
    return "\n".join(lines) + "\n"


def quantised(results: dict[str, Any], *, data: str) -> str:
    """The vector-quantised one: how much of its codebook is used, and what its indices cost."""
    found = _found(results, data)
    if (QUANTISED, "autoregressive", DISTANCE) not in found:
        return "Not measured yet.\n"
    lines = ["| | learnt prior of indices | indices drawn evenly | test reconstructions |", "|---|---:|---:|---:|"]
    facts = {"perplexity": ("perplexity of the codebook", 1),
             "perplexity, share of the codebook": ("… % of its vectors", 1),
             "bits of the indices a dimension": ("bits of the indices a pixel, the reconstruction's error not counted",
                                                 4)} | MEASURES
    for metric, (title, places) in facts.items():
        cells = [_cell(found.get((QUANTISED, prior, metric)), places) for prior in ("autoregressive", "uniform",
                                                                                    "reconstructions")]
        lines.append(f"| {title} | " + " | ".join(cells) + " |")
    lines.append(_by(results, data, "perplexity of the test images' codes"))
    return "\n".join(lines) + "\n"


TABLES: dict[str, Callable[[dict[str, Any]], str]] = {
    f"generation.{data}_{part}": functools.partial(table, data=data) for data in ("mnist", "fashion_mnist")
    for part, table in (("distances", distances), ("measures", measures), ("gain", gain), ("quantised", quantised))}
