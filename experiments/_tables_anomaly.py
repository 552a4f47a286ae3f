"""The tables of `anomaly`: one-class images, false-alarm rates, tables of numbers."""

from collections.abc import Callable
from typing import Any

TITLES = {"mnist": "MNIST", "fashion_mnist": "Fashion-MNIST"}
PUBLISHED = {"*one-class Deep SVDD, published*": ("94.8", "–"), "*Deep SVDD as in AGAD's table 2*": ("92.8", "89.2")}
Results = dict[str, Any]
NONE = "Not measured yet.\n"


def _rows(results: Results) -> dict[tuple[str, str], dict[str, Any]]:
    return {(row["name"], row["metric"]): row for row in results["rows"]}


def _cell(row: dict[str, Any] | None, places: int = 1) -> str:
    if row is None:
        return "–"
    return f"{row['value']:.{places}f}" + (f" ± {row['sd']:.{places}f}" if row["sd"] else "")


CHOSEN, ON_OUTLIERS = "chosen", "chosen on outliers"


def _classes(results: Results, name: str, how: str) -> dict[str, list[dict[str, Any]]]:
    """The rows of each class, by what was scored: what was chosen first, then the baselines."""
    found: dict[str, list[dict[str, Any]]] = {}
    for row in results["rows"]:
        if row["name"] == f"{name}, {how}":
            found.setdefault(row["metric"].rpartition(": class ")[0], []).append(row)
    return found


def _mean(rows: list[dict[str, Any]]) -> str:
    """Mean ± sd over seeds of the mean over classes."""
    each = [sum(values) / len(values) for values in zip(*(row["each"] for row in rows), strict=True)]
    mean = sum(each) / len(each)
    sd = (sum((value - mean)**2 for value in each) / max(1, len(each) - 1)) ** 0.5
    return f"{mean:.1f}" + (f" ± {sd:.1f}" if sd > 1e-9 else "")


def images(results: Results) -> str:
    """What was chosen, in each of the two ways, beside the baselines, means over the classes."""
    found = {(name, how): _classes(results, name, how) for name in TITLES for how in (CHOSEN, ON_OUTLIERS)}
    if not all(found.values()):
        return NONE
    ours = {key: next(iter(rows)) for key, rows in found.items()}
    lines = ["| AUROC % | chosen on | " + " | ".join(TITLES.values()) + " |", "|---|---|---:|---:|"]
    for (name, how), key in sorted(ours.items(), key=lambda item: item[0][1], reverse=True):
        other = next(title for data, title in TITLES.items() if data != name)
        cells = [f"**{_mean(found[name, how][key])}**" if data == name else "–" for data in TITLES]
        lines.append(f"| {key} | {other if how == CHOSEN else f'outliers made of {TITLES[name]}'} | "
                     + " | ".join(cells) + " |")
    for key in [key for key in found["mnist", CHOSEN] if key != ours["mnist", CHOSEN]]:
        lines.append(f"| *{key}* | – | " + " | ".join(_mean(found[data, CHOSEN][key]) for data in TITLES) + " |")
    lines += [f"| {title} | – | " + " | ".join(cells) + " |" for title, cells in PUBLISHED.items()]
    seeds = max(len(row["seeds"]) for row in results["rows"] if row["name"].endswith(", chosen"))
    lines.append(f"\nBy `{results['command']}` on {results['device']}: trained on one class of the training split, all "
                 f"10,000 test images scored, means over ten classes ± sd over {seeds} seeds; baselines in italics, "
                 "the published rows from tables of others, with other protocols of choice.")
    return "\n".join(lines) + "\n"


def classes(results: Results, *, name: str) -> str:
    """The same class by class, of what was chosen on outliers."""
    rows = _classes(results, name, ON_OUTLIERS)
    if not rows:
        return NONE
    count = len(next(iter(rows.values())))
    lines = [f"| {TITLES[name]}, class | " + " | ".join(map(str, range(count))) + " | mean |",
             "|---" + "|---:" * (count + 1) + "|"]
    lines += [f"| {key} | " + " | ".join(f"{row['value']:.1f}" for row in each) + f" | {_mean(each)} |"
              for key, each in rows.items()]
    return "\n".join(lines) + "\n"


def tried(results: Results) -> str:
    """Everything that was tried, on both data sets, and on the outliers made of them."""
    rows = _rows(results)
    keys = [(row["name"].partition(", ")[2], row["metric"]) for row in results["rows"]
            if row["name"].startswith("mnist, ") and not row["name"].endswith((CHOSEN, ON_OUTLIERS, ", rates"))]
    if not keys:
        return NONE
    lines = ["| model | score | MNIST | Fashion-MNIST | made of MNIST | made of Fashion-MNIST |",
             "|---|---|---:|---:|---:|---:|"]
    for model, score in keys:
        cells = [_cell(rows.get((f"{name}{what}, {model}", score))) for what in ("", " outliers") for name in TITLES]
        lines.append(f"| {model} | {score} | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def rates(results: Results) -> str:
    """False alarms at each alpha on fresh images, and how often they lie in their band."""
    rows = _rows(results)
    alphas = [row["metric"].split()[1] for row in results["rows"]
              if row["name"] == "mnist, rates" and row["metric"].startswith("fresh ")]
    if not alphas:
        return NONE
    lines = ["| | α | fresh images flagged % | inside the 99 % band % | test images flagged % |",
             "|---|---:|---:|---:|---:|"]
    for name, title in TITLES.items():
        lines += [f"| {title} | {100 * float(alpha):g} % | " + " | ".join(
            _cell(rows.get((f"{name}, rates", f"{kind} {alpha}")), 2) for kind in ("fresh", "inside", "test")) + " |"
            for alpha in alphas]
    lines.append(f"\nBy `{results['command']}`: ten classes, mean ± sd over seeds. A class of the training split is "
                 "cut into a half to learn from, a quarter to calibrate on, a quarter of fresh images; the band counts "
                 "the chance of the calibration set and of the fresh images.")
    return "\n".join(lines) + "\n"


def numbers(results: Results) -> str:
    """The tables of scikit-learn, every score and baseline."""
    names = [name for name in ("breast cancer", "wine", "digits") if any(row["name"] == name
                                                                        for row in results["rows"])]
    if not names:
        return NONE
    rows = _rows(results)
    scores = [row["metric"] for row in results["rows"] if row["name"] == names[0]]
    lines = ["| AUROC % | " + " | ".join(names) + " |", "|---" + "|---:" * len(names) + "|"]
    lines += [f"| {score} | " + " | ".join(_cell(rows.get((name, score))) for name in names) + " |" for score in scores]
    seeds = max(len(row["seeds"]) for row in results["rows"] if row["name"] in names)
    lines.append(f"\nBy `{results['command']}` on {results['device']}: half of the normal rows learnt from, the others "
                 f"and all odd ones scored, mean ± sd over {seeds} seeds of split and network; the last five rows are "
                 "baselines. Wine and digits: each class in turn is the normal one.")
    return "\n".join(lines) + "\n"


TABLES: dict[str, Callable[[Results], str]] = {
    "anomaly.images": images, "anomaly.mnist": lambda results: classes(results, name="mnist"),
    "anomaly.fashion_mnist": lambda results: classes(results, name="fashion_mnist"), "anomaly.tried": tried,
    "anomaly.rates": rates, "anomaly.tables": numbers}
