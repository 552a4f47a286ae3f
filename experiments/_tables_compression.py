"""The tables and curves of `compression`."""

import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

TITLES = {"mnist_mini": "MNIST", "mnist": "MNIST", "fashion_mnist": "Fashion-MNIST"}
SIZES = (16, 24, 32, 48, 64, 96, 128)   # bytes an image
GUIDED, ALONE = "autoencoder and pixels", "pixels alone"
METHODS = ("autoencoder", GUIDED, ALONE, "PCA", "JPEG", "WebP", "JPEG 2000")
OURS = METHODS[:3]
PUBLISHED = {"BB-ANS (VAE 784-200-50)": 1.41, "Bit-Swap": 1.29}   # as quoted on bjlkeng.github.io, bits-back, table 1
Rows = Sequence[dict[str, Any]]
Curve = tuple[list[float], list[float], list[float]]   # bytes, PSNR, its sd


def _points(rows: Rows, title: str, prefix: str = "") -> dict[str, list[tuple[list[float], list[float]]]]:
    """{method: [(bytes of each seed, PSNR of each seed), …]} of what has both and loses something."""
    sizes = {row["name"]: row["each"] for row in rows if row["metric"] == "bytes an image"}
    found: dict[str, list] = {}
    for row in rows:
        own, _, rest = row["name"].partition(", ")
        if own != title or row["metric"] != "PSNR" or not rest.startswith(prefix):
            continue
        method = rest.removeprefix(prefix).partition(", ")[0]
        if method in METHODS and row["value"] < 99:
            found.setdefault(method, []).append((sizes[row["name"]], row["each"]))
    return {method: sorted(found[method]) for method in METHODS if method in found}


def curves(rows: Rows, title: str) -> dict[str, Curve]:
    """For the figure: points of every method, mean and sd over seeds."""
    lines = {}
    for method, points in _points(rows, title).items():
        lines[method if method in (*OURS, "PCA") else f"{method}, sheets"] = (
            [float(np.mean(size)) for size, _ in points], [float(np.mean(value)) for _, value in points],
            [float(np.std(value, ddof=1)) if len(value) > 1 else 0.0 for _, value in points])
    return lines


def _at(points: list[tuple[list[float], list[float]]], size: float) -> str:
    """PSNR at so many bytes, by each seed's own line through its points; – outside of them."""
    found = []
    for seed in range(len(points[0][0])):
        own = sorted((sizes[seed], values[seed]) for sizes, values in points)
        if not own[0][0] <= size <= own[-1][0]:
            return "–"
        found.append(np.interp(np.log(size), *zip(*((np.log(one), value) for one, value in own), strict=True)))
    spread = f" ± {np.std(found, ddof=1):.2f}" if len(found) > 1 else ""
    return f"{np.mean(found):.2f}{spread}"


def lossy(results: dict[str, Any], *, title: str) -> str:
    """PSNR at equal bytes of every method, on one data set."""
    found = _points(results["rows"], title)
    if "autoencoder" not in found:
        return "Not measured yet.\n"
    lines = ["| bytes an image | " + " | ".join(map(str, SIZES)) + " |", "|---" + "|---:" * len(SIZES) + "|"]
    for method, points in found.items():
        label = f"**{method}**" if method in OURS else method if method == "PCA" else f"{method}, sheets"
        lines.append(f"| {label} | " + " | ".join(_at(points, size) for size in SIZES) + " |")
    n, seeds = _facts(results, title)
    lines.append(f"\nBy `{results['command']}` on {results['device']}: PSNR in dB of the mean squared error over "
                 f"{n:,} test images of {title}, between measured points on the logarithm of the bytes; whole files, "
                 f"models not counted; autoencoder: mean ± sd over {seeds} seeds, with pixels: one seed.")
    return "\n".join(lines) + "\n"


def _facts(results: dict[str, Any], title: str) -> tuple[int, int]:
    rows = [row for row in results["rows"] if row["name"].startswith(f"{title}, autoencoder, ")]
    return rows[0]["n"], len(rows[0]["seeds"])


def single(results: dict[str, Any]) -> str:
    """A file for each image: the smallest files of every method."""
    lines = ["| a file each | MNIST bytes | PSNR dB | Fashion-MNIST bytes | PSNR dB |", "|---|---:|---:|---:|---:|"]
    found = {title: _points(results["rows"], title, "a file each: ") for title in ("MNIST", "Fashion-MNIST")}
    if not all(found.values()):
        return "Not measured yet.\n"
    for method in found["MNIST"]:
        cells = []
        for title in found:
            sizes, values = found[title][method][0]
            cells += [f"{sizes[0]:.0f}", f"{values[0]:.2f}"]
        lines.append(f"| {f'**{method}**' if method in OURS else method} | " + " | ".join(cells) + " |")
    n = next(row["n"] for row in results["rows"] if "a file each" in row["name"])
    lines.append(f"\nBy `{results['command']}`: the first {n:,} test images, at the setting of the smallest files; "
                 "most of each is the file's head.")
    return "\n".join(lines) + "\n"


def lossless(results: dict[str, Any]) -> str:
    """Bits per pixel without loss."""
    found = {row["name"]: row for row in results["rows"] if row["metric"] == "bits per pixel"}
    names = list(dict.fromkeys(name.partition(", ")[2] for name in found))
    if not names:
        return "Not measured yet.\n"
    ours = [name for name in (f"{GUIDED}, 256 levels", f"{ALONE}, 256 levels") if name in names]
    lines = ["| lossless, bits per pixel | MNIST | Fashion-MNIST |", "|---|---:|---:|"]
    for name in (*ours, *(name for name in names if name.startswith("lossless: "))):
        label = name.removeprefix("lossless: ").removesuffix(", 256 levels")
        cells = [f"{found[f'{title}, {name}']['value']:.3f}" if f"{title}, {name}" in found else "–"
                 for title in ("MNIST", "Fashion-MNIST")]
        lines.append(f"| {f'**{label}**' if name in ours else label} | " + " | ".join(cells) + " |")
    lines += [f"| *{name}, published* | *{value}* | – |" for name, value in PUBLISHED.items()]
    row = next(iter(found.values()))
    lines.append(f"\nBy `{results['command']}` on {results['device']}: all {row['n']:,} test images in one file, its "
                 "head counted, the model not, one seed; every value decoded again and equal. Published numbers as "
                 "quoted by B. Keng (bjlkeng.github.io, bits-back coding, table 1).")
    return "\n".join(lines) + "\n"


TABLES: dict[str, Callable[[dict[str, Any]], str]] = {
    "compression.mnist": functools.partial(lossy, title="MNIST"),
    "compression.fashion_mnist": functools.partial(lossy, title="Fashion-MNIST"),
    "compression.single": single, "compression.lossless": lossless}
