"""The tables of the small classifier, of interpolation and of steering, for `experiments.readme`."""

from typing import Any

Rows = dict[tuple[str, str], dict[str, Any]]


def _rows(results: dict[str, Any]) -> Rows:
    return {(row["name"], row["metric"]): row for row in results["rows"]}


def _cell(row: dict[str, Any] | None, places: int) -> str:
    if row is None:
        return "–"
    return f"{row['value']:.{places}f}" + ("" if row["sd"] is None else f" ± {row['sd']:.{places}f}")


def _by(results: dict[str, Any], text: str) -> str:
    return f"\nBy `{results['command']}` in {results['minutes']:.0f} minutes on {results['device']}: {text}"


def classifier(results: dict[str, Any]) -> str:
    """What the small classifier reaches, and what its weights take."""
    rows = _rows(results)
    columns = {"test accuracy": ("test accuracy, %", 2), "test cross-entropy": ("cross-entropy, nats", 3),
               "parameters": ("parameters", 0), "weights": ("weights, kB", 0), "features": ("features", 0)}
    lines = ["| data | " + " | ".join(title for title, _ in columns.values()) + " |",
             "|---" + "|---:" * len(columns) + "|"]
    for name in dict.fromkeys(name for name, _ in rows):
        cells = [_cell(rows.get((name, metric)), places) for metric, (_, places) in columns.items()]
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    n = results["rows"][0]["n"]
    lines.append(_by(results, f"{n:,} test images, one training each, weights as committed (float16)."))
    return "\n".join(lines) + "\n"


PATHS = {"pixel": "pixels mixed", "linear": "codes mixed", "slerp": "slerp", "geodesic": "geodesic"}


def _paths(results: dict[str, Any], metric: str, reference: str, places: int) -> list[str]:
    rows = _rows(results)
    lines = ["| data, network, pairs of | test images | reconstructions | " + " | ".join(PATHS.values()) + " |",
             "|---" + "|---:" * (2 + len(PATHS)) + "|"]
    for name in dict.fromkeys(name.removesuffix(" pixel") for name, _ in rows if name.endswith(" pixel")):
        label = " ".join(name.split()[:2])
        cells = [_cell(rows[f"{label} {images}", reference], places) for images in ("test images", "reconstructions")]
        cells += [_cell(rows[f"{name} {path}", metric], places) for path in PATHS]
        lines.append(f"| {label}: {name.removeprefix(label).strip()} | " + " | ".join(cells) + " |")
    return lines


def interpolation_distance(results: dict[str, Any]) -> str:
    """Midpoints' distance to the nearest training image."""
    rows, lines = _rows(results), _paths(results, "midpoint distance", "distance", 2)
    n, seeds = (rows[next(key for key in rows if key[0].endswith(" pixel"))][part] for part in ("n", "seeds"))
    lines.append(_by(results, f"distance to the nearest of all training images in the classifier's features, of the "
                              f"middles of {n} pairs; mean ± sd over {len(seeds)} seeds of training."))
    return "\n".join(lines) + "\n"


def interpolation_nearer(results: dict[str, Any]) -> str:
    """Of how many pairs the middle is nearer to real images than mixed pixels are; energies."""
    rows = _rows(results)
    latent = {path: title for path, title in PATHS.items() if path != "pixel"}
    lines = ["| data, network, pairs of | " + " | ".join(f"{title}, %" for title in latent.values())
             + " | geodesic's energy over that of codes mixed |", "|---" + "|---:" * (len(latent) + 1) + "|"]
    for name in dict.fromkeys(name.removesuffix(" pixel") for name, _ in rows if name.endswith(" pixel")):
        label = " ".join(name.split()[:2])
        cells = [_cell(rows[f"{name} {path}", "midpoint nearer than the mixed pixels'"], 0) for path in latent]
        cells.append(_cell(rows[f"{name} geodesic", "energy over codes mixed"], 3))
        lines.append(f"| {label}: {name.removeprefix(label).strip()} | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def interpolation_entropy(results: dict[str, Any]) -> str:
    """Midpoints' entropy."""
    return "\n".join(_paths(results, "midpoint entropy", "entropy", 3)) + "\n"


MODELS = ("linear", "nonlinear", "linear, joint", "nonlinear, joint")


def steering_errors(results: dict[str, Any]) -> str:
    """Errors to the edited image against alpha, of every walk between its two baselines."""
    rows, lines = _rows(results), []
    for edit in dict.fromkeys(name.removesuffix(" no edit") for name, _ in rows if name.endswith(" no edit")):
        metrics = [metric for name, metric in rows if name == f"{edit} no edit"]
        lines += ["", f"| {edit}, alpha = ± | " + " | ".join(metric.split()[-1] for metric in metrics) + " |",
                  "|---" + "|---:" * len(metrics) + "|"]
        for label in ("no edit", *MODELS, "edited image reconstructed"):
            cells = [_cell(rows[f"{edit} {label}", metric], 4) for metric in metrics]
            title = label if label in MODELS else f"*{label}*"
            lines.append(f"| {title} | " + " | ".join(cells) + " |")
    n, seeds = (rows["rotate linear", "error at 0"][part] for part in ("n", "seeds"))
    lines.append(_by(results, f"mean squared error on [0, 1], both signs of alpha, {n:,} test digits; mean ± sd over "
                              f"{len(seeds)} seeds; baselines in italics."))
    return "\n".join(lines[1:]) + "\n"


def steering_more(results: dict[str, Any]) -> str:
    """What else the walks do: the edited reconstruction, the attribute, the distance from real images."""
    rows = _rows(results)
    columns = {"to the edited reconstruction, over no edit": ("error to the edited reconstruction, over no edit", 2),
               "mean attribute rises throughout": ("attribute rises throughout, share of seeds", 2),
               "images whose attribute never falls": ("images whose attribute never falls, %", 0),
               "off-manifold": ("to the nearest real image, at ± the largest alpha", 2)}
    lines = ["| edit, walk | " + " | ".join(title for title, _ in columns.values()) + " |",
             "|---" + "|---:" * len(columns) + "|"]
    for edit in dict.fromkeys(name.removesuffix(" no edit") for name, _ in rows if name.endswith(" no edit")):
        for label in (*MODELS, "edited image reconstructed", "images edited"):
            cells = [_cell(rows.get((f"{edit} {label}", metric)), places) for metric, (_, places) in columns.items()]
            title = label if label in MODELS else f"*{label}*"
            lines.append(f"| {edit}, {title} | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


TABLES = {"classifier": classifier, "interpolation.distance": interpolation_distance,
          "interpolation.nearer": interpolation_nearer, "interpolation.entropy": interpolation_entropy,
          "steering.errors": steering_errors, "steering.more": steering_more}
