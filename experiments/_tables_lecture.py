"""Tables of docs/lecture_manifolds.md: experiments about curves, and under- and over-complete codes."""

from collections.abc import Mapping, Sequence
from typing import Any

Results = dict[str, Any]


def _found(results: Results) -> dict[tuple[str, str], dict[str, Any]]:
    return {(row["name"], row["metric"]): row for row in results["rows"]}


def _cell(row: Mapping[str, Any] | None, form: str) -> str:
    """mean ± sd over the seeds, the sd in the same digits and only where it shows."""
    if row is None:
        return "–"
    spread = None if row["sd"] is None else form.format(row["sd"])
    return form.format(row["value"]) + (f" ± {spread}" if spread and float(spread.replace(",", "")) else "")


def _down(results: Results, names: Sequence[str], metrics: Mapping[str, tuple[str, str]], note: str) -> str:
    """A line for each metric, {metric: (text, format)}, a column for each name."""
    found = _found(results)
    heads = (name.replace("|", r"\|") for name in names)   # a bar would be a column's edge
    lines = ["| | " + " | ".join(heads) + " |", "|---" + "|---:" * len(names) + "|"]
    lines += [f"| {text} | " + " | ".join(_cell(found.get((name, metric)), form) for name in names) + " |"
              for metric, (text, form) in metrics.items()]
    return "\n".join([*lines, "", _by(results) + note]) + "\n"


def _across(results: Results, names: Sequence[str], metrics: Mapping[str, tuple[str, str]], first: str, note: str,
            ) -> str:
    """A line for each name, a column for each metric."""
    found = _found(results)
    lines = [f"| {first} | " + " | ".join(text for text, _ in metrics.values()) + " |",
             "|---" + "|---:" * len(metrics) + "|"]
    lines += [f"| {name} | " + " | ".join(_cell(found.get((name, metric)), form) for metric, (_, form) in
                                         metrics.items()) + " |" for name in names]
    return "\n".join([*lines, "", _by(results) + note]) + "\n"


def _by(results: Results) -> str:
    seeds = max(len(row["seeds"]) for row in results["rows"])
    minutes = max(1, round(results["minutes"]))
    return (f"By `{results['command']}` in {minutes} minute{'s' * (minutes > 1)} on {results['device']}; mean ± sd "
            f"over {seeds} seeds. ")


def _names(results: Results) -> list[str]:
    return list(dict.fromkeys(row["name"] for row in results["rows"]))


def spiral(results: Results) -> str:
    """What denoising does around the spiral, beside the best denoiser."""
    return _down(results, sorted(_names(results), key=lambda name: name.rpartition(" ")[2]), {
        "error": ("squared error of the output", "{:.5f}"),
        "on the curve": ("a point of the curve travels", "{:.3f}"),
        "on the curve, at most": ("… at most", "{:.3f}"),
        "corners": ("a corner travels, mean of four", "{:.2f}"),
        "corners, at least": ("… least of the four", "{:.2f}"), "corners, at most": ("… most of the four", "{:.2f}"),
        "corners' distance": ("distance of the corners from the curve", "{:.2f}"),
        "quarter-way": ("a quarter-way between two turns, a point travels", "{:.3f}"),
        "half-way": ("half-way", "{:.3f}"),
        "half-way moves less": ("share of angles where half-way travels less", "{:.3f}"),
        "slope": ("slope of travel against distance, near the curve", "{:.3f}"),
        "spearman": ("Spearman's correlation of the two", "{:.3f}"),
        "cosine": ("cosine of arrow and score, mean", "{:.3f}"),
        "cosine, 5th percentile": ("… 5th percentile", "{:.3f}"),
        "cosine at least 0.9": ("… share of places of at least 0.9", "{:.3f}")},
        "Distances in the plane's units; turns are half the radius apart, σ is 2/15 of that. Cosines at random places "
        "of the square whose density is at least a thousandth of the highest.")


def unrolling(results: Results) -> str:
    """Order and distance on an open and on a closed curve, beside PCA."""
    return _down(results, ["open curve", "open curve, PCA-1", "closed curve", "closed curve, PCA-1"], {
        "spearman": ("Spearman's correlation of code and arc length, absolute", "{:.4f}"),
        "distance": ("reconstruction to curve, % of its size", "{:.2f}"),
        "error": ("reconstruction to its own point, %", "{:.2f}"),
        "between codes": ("decoded code half-way between two codes, to curve, %", "{:.2f}"),
        "between points": ("place half-way between two points, to curve, %", "{:.2f}"),
        "beyond the codes": ("decoded codes up to 10 % beyond all codes, to curve, %", "{:.2f}"),
        "ends apart": ("images of the least and the greatest code, from each other, %", "{:.1f}"),
        "tear at": ("the worst point lies at, share of arc length", "{:.2f}"),
        "tear's length": ("length of the torn piece around it, % of the arc", "{:.1f}"),
        "code runs back": ("code runs back over it, of its range", "{:.2f}"),
        "torn off": ("points further than 5 % from their reconstruction, % of all", "{:.1f}"),
        "error, at most": ("greatest error, %", "{:.1f}"),
        "error elsewhere": ("mean error of the rest, %", "{:.2f}"),
        "spearman from the tear on": ("Spearman's correlation of the rest, counted from the tear", "{:.4f}")},
        "4,000 new points; the size is the curve's longest extent.")


def linear_pca(results: Results) -> str:
    """The tied linear network beside PCA for every code_dim."""
    return _across(results, _names(results), {
        "test MSE": ("test MSE", "{:.5f}"), "PCA's test MSE": ("PCA's", "{:.5f}"), "above PCA": ("above, %", "{:.3f}"),
        "above PCA in training": ("in training, %", "{:.3f}"), "eigenvalue gap": ("λ_d / λ_(d+1)", "{:.3f}"),
        "largest angle": ("largest principal angle, °", "{:.2f}"), "median angle": ("median, °", "{:.3f}"),
        "largest angle of a component": ("largest of a single axis, °", "{:.1f}")},
        "d", "Test MSE of 10,000 images, pixels in [0, 1].")


def over_complete(results: Results) -> str:
    """Steps to fixed training errors, for every width."""
    steps = sorted((row["metric"] for row in results["rows"] if row["metric"].startswith("after ")),
                   key=lambda metric: int(metric.split()[1]))
    return _across(results, sorted(_names(results), key=int), {
        "learning rate": ("rate", "{:g}"),
        **{f"steps to {t}": (f"steps to {t}", "{:,.0f}") for t in ("0.04", "0.02", "0.01", "0.005")},
        steps[-1]: (f"MSE {steps[-1]} steps", "{:.4f}"), "PCA": ("PCA-d", "{:.4f}")},
        "d", "Training MSE, pixels in [0, 1], means of 50 steps; –: not reached by every seed.")


def copying(results: Results) -> str:
    """Errors on non-digits over that on digits, and how much of each kind is missed."""
    names = [name for name in _names(results) if (name, "digits: error") in _found(results)]
    kinds = {"letters": "letters", "fashion": "Fashion", "shuffled": "shuffled", "noise": "noise"}
    return _across(results, names, {
        "digits: error": ("digits, error", "{:.5f}"), "letters: error": ("letters, error", "{:.5f}"),
        **{f"{kind}: ratio": (f"{text}, ratio", "{:.1f}") for kind, text in kinds.items()},
        **{f"{kind}: ratio inside": (f"{text}, ratio inside", "{:.1f}") for kind, text in kinds.items()}},
        "", "Errors are MSE, pixels in [0, 1], of 10,000 test digits and as many of each kind; ratios are errors over "
        "that on digits; inside: of pixels whose standard deviation over training digits is above 0.1.")


def missed(results: Results) -> str:
    """The share of each kind of picture that is not reproduced."""
    names = [name for name in _names(results) if (name, "digits: error") in _found(results)]
    kinds = {"digits": "digits", "letters": "letters", "fashion": "Fashion", "shuffled": "shuffled digits",
             "noise": "noise"}
    return _across(results, names, {f"{kind}: missed": (text, "{:.1f}") for kind, text in kinds.items()}, "missed, %",
                   "Mean squared error in % of the mean square of the pictures: 0 is a copy, 100 a black picture.")


def memorising(results: Results) -> str:
    """A wide under-complete net on few images: training against test."""
    names = [name for name in _names(results) if (name, "training error") in _found(results)]
    return _across(results, names, {
        "training error": ("training MSE", "{:.5f}"), "test error": ("test MSE", "{:.5f}"),
        "test over training": ("test over training", "{:.1f}")}, "1,000 images", "Tested on 10,000 images.")


TABLES = {"spiral": spiral, "unrolling": unrolling, "linear_pca": linear_pca, "over_complete": over_complete,
          "identity_copying": copying, "identity_copying.missed": missed,
          "identity_copying.memorising": memorising}
