"""The tables of `likelihood`: bounds of the notebook's network, and −log p(x) for more samples of the posterior."""

from collections.abc import Callable
from typing import Any

Results = dict[str, Any]
NONE = "Not measured yet.\n"
# (a) measured by running the notebook's own code once; (b) Burda et al. 2016, table 1, its protocol of 3,280 epochs.
NOTEBOOK = {"MNIST": ("106.6", "81.9", "24.7", "73.2"), "Fashion-MNIST": ("246.1", "229.5", "16.6", "224.5")}
PUBLISHED = {1: "86.76", 5: "85.54", 50: "84.78"}


def _rows(results: Results) -> dict[tuple[str, str], dict[str, Any]]:
    return {(row["name"], row["metric"]): row for row in results["rows"]}


def _cell(row: dict[str, Any], places: int) -> str:
    return f"{row['value']:.{places}f}" + (f" ± {row['sd']:.{places}f}" if row["sd"] else "")


def bounds(results: Results) -> str:
    """−ELBO of the notebook's network, its parts, and the notebook's own."""
    rows, metrics = _rows(results), ("-ELBO", "reconstruction", "KL", "reconstruction at the mean")
    found = {title: f"{title}, variational 784-400-20" for title in NOTEBOOK}
    if not all((name, "KL") in rows for name in found.values()):
        return NONE
    lines = ["| nats an image | −ELBO | reconstruction | KL | reconstruction at the mean |",
             "|---|---:|---:|---:|---:|"]
    for title, name in found.items():
        lines.append(f"| **{title}** | " + " | ".join(_cell(rows[name, metric], 1) for metric in metrics) + " |")
        lines.append(f"| *{title}, the notebook's code* | " + " | ".join(NOTEBOOK[title]) + " |")
    row = rows[next(iter(found.values())), "-ELBO"]
    lines.append(f"\nBy `{results['command']}` on {results['device']}: {row['n']:,} test images, grey targets, "
                 f"mean ± sd over {len(row['seeds'])} seeds.")
    return "\n".join(lines) + "\n"


def weighted(results: Results) -> str:
    """−log p(x) of each number of samples, beside what was published."""
    rows = _rows(results)
    names = {int(name.rpartition(" ")[2]): name for name, metric in rows if metric == "bound of " + name.split()[-1]}
    if not names:
        return NONE
    lines = ["| k | its bound | −log p(x) | ± standard error | published, 3,280 epochs | minutes of training |",
             "|---:|---:|---:|---:|---:|---:|"]
    for k, name in sorted(names.items()):
        value = {metric: rows[name, metric]["value"] for metric in (f"bound of {k}", "-log p(x)", "standard error",
                                                                   "training", "steps")}
        lines.append(f"| {k} | {value[f'bound of {k}']:.2f} | **{value['-log p(x)']:.2f}** | "
                     f"{value['standard error']:.2f} | {PUBLISHED.get(k, '–')} | {value['training']:.0f} |")
    baseline = rows["one probability for each pixel", "-log p(x)"]["value"]
    row = rows[next(iter(names.values())), "-log p(x)"]
    lines.append(f"\nBy `{results['command']}` on {results['device']}, one core: nats an image, {row['n']:,} test "
                 f"images of black and white pixels drawn once, {value['steps']:,.0f} steps each, one seed; −log p(x) "
                 f"by importance sampling. One probability for each pixel, the baseline: {baseline:.1f}.")
    return "\n".join(lines) + "\n"


TABLES: dict[str, Callable[[Results], str]] = {"likelihood.bounds": bounds, "likelihood.weighted": weighted}
