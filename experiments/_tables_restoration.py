"""The tables of `restoration`, one per task, for `experiments.readme`."""

import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

TITLES = {"mnist": "MNIST", "fashion_mnist": "Fashion-MNIST"}
PARTS = {"noise": "noise", "mask_unknown": "mask unknown", "half_known": "half known", "centre_hole": "centre hole",
         "left_half": "left half", "random_80": "random 80 %", "x2": "x2", "x4": "x4", "photographs": "photographs",
         "faces": "faces", "warning": "warning"}
HIDDEN = ("half known", "centre hole", "left half", "random 80 %")
WAYS = ("one pass", "projection", "energy")
Found = dict[tuple[str, str, str], list[float]]   # (data, task, metric): one value per seed


def _found(results: dict[str, Any]) -> tuple[Found, dict[str, list[int]]]:
    """Values of all seeds, and each task's seeds."""
    found: Found = {}
    seeds: dict[str, list[int]] = {}
    for row in results["rows"]:
        data, task, seed = row["name"].split(", ")
        found.setdefault((data, task, row["metric"]), []).append(row["value"])
        seeds.setdefault(task, [])
        if int(seed.split()[-1]) not in seeds[task]:
            seeds[task].append(int(seed.split()[-1]))
    return found, seeds


def chosen_way(found: Found) -> str:
    """The way to fill holes with the highest PSNR on validation images, mean over all rows of all four masks."""
    means = {way: np.mean([np.mean(values) for (_, task, metric), values in found.items()
                           if task in HIDDEN and metric == f"validation PSNR: {way}"]) for way in WAYS}
    return max(means, key=means.get)


def _spread(values: Sequence[float] | np.ndarray, places: int) -> str:
    sd = f" ± {np.std(values, ddof=1):.{places}f}" if len(values) > 1 else ""
    return f"{np.mean(values):.{places}f}{sd}"


def table(results: dict[str, Any], *, task: str) -> str:
    """Every method of one task: PSNR and SSIM, and what else was measured, for each data set."""
    found, seeds = _found(results)
    names = [data for data in dict.fromkeys(data for data, other, _ in found if other == task)]
    if not names:
        return "Not measured yet.\n"
    kinds = [kind for kind in ("PSNR", "SSIM", "consistency error", "taken for the common class")
             if any(t == task and metric.startswith(f"{kind}: ") for _, t, metric in found)]
    units = {"PSNR": "PSNR dB", "taken for the common class": "taken for the common class %"}
    heads = [f"{TITLES.get(name, '')} {units.get(kind, kind)}".strip() for name in names for kind in kinds]
    methods = list(dict.fromkeys(metric.partition(": ")[2] for _, t, metric in found
                                 if t == task and metric.partition(": ")[0] in kinds))
    way = chosen_way(found) if task in HIDDEN else None
    places = {"PSNR": 2, "SSIM": 3, "consistency error": 4, "taken for the common class": 1}
    lines = ["| | " + " | ".join(heads) + " |", "|---" + "|---:" * len(heads) + "|"]
    for method in methods:
        cells = [_spread(found[name, task, f"{kind}: {method}"], places[kind])
                 if (name, task, f"{kind}: {method}") in found else "–" for name in names for kind in kinds]
        ours = method.startswith("ours") or method in WAYS
        label = f"**{method}**" if method == way or (ours and method not in WAYS) else method
        lines.append(f"| {label} | " + " | ".join(cells) + " |")
    n = next(row["n"] for row in results["rows"] if row["name"].split(", ")[1] == task)
    note = {"warning": ", share of the rare class that a classifier takes for the common one"}.get(task, "")
    if task in HIDDEN:
        note = f"; PSNR of the hidden pixels; in bold the way with the best validation PSNR over all four masks ({way})"
    lines.append(f"\nBy `{results['command']}` on {results['device']}: {n:,} test images, mean of each image's PSNR, "
                 f"mean ± sd over {len(seeds[task])} seeds{note}; strengths chosen on validation images.")
    return "\n".join(lines) + "\n"


OURS = ("ours", "ours, consistent", *WAYS)
NO_BASELINE = ("noisy", "masked", "the notebook's network")   # of which the last is an autoencoder too
SUMMARY = {"noise": "Gaussian noise, std ½", "mask unknown": "half of the pixels black, unknown which",
           "half known": "half of the pixels hidden", "centre hole": "centre hidden", "left half": "left half hidden",
           "random 80 %": "80 % of the pixels hidden", "x2": "14×14 to 28×28", "x4": "7×7 to 28×28",
           "photographs": "photographs, 16×16 to 64×64", "faces": "faces, 12×12 to 24×24"}


def summary(results: dict[str, Any]) -> str:
    """Each task: the strongest simple baseline, ours, and the difference seed by seed."""
    found, _ = _found(results)
    way = chosen_way(found)
    lines = ["| task | data | strongest simple baseline | its PSNR, dB | ours, dB | gain, dB |",
             "|---|---|---|---:|---:|---:|"]
    for task, label in SUMMARY.items():
        for data in dict.fromkeys(data for data, other, _ in found if other == task):
            psnr = {metric.removeprefix("PSNR: "): np.array(values) for (d, t, metric), values in found.items()
                    if (d, t) == (data, task) and metric.startswith("PSNR: ")}
            simple = {name: values for name, values in psnr.items() if name not in OURS + NO_BASELINE}
            best = max(simple, key=lambda name: simple[name].mean())
            ours = psnr[way if task in HIDDEN else "ours"]
            lines.append(f"| {label} | {TITLES.get(data, '–')} | {best} | {_spread(simple[best], 2)} | "
                         f"{_spread(ours, 2)} | {_spread(ours - simple[best], 2)} |")
            label = ""
    seeds = len({row["name"].rpartition(" ")[2] for row in results["rows"]})
    lines.append(f"\nBy `{results['command']}` on {results['device']}: test images, mean of each image's PSNR (of "
                 f"hidden pixels alone if some are), mean ± sd over {seeds} seeds; holes by {way}, chosen on "
                 "validation images for all of them.")
    return "\n".join(lines) + "\n"


TABLES: dict[str, Callable[[dict[str, Any]], str]] = {
    "restoration.summary": summary,
    **{f"restoration.{part}": functools.partial(table, task=task) for part, task in PARTS.items()}}
