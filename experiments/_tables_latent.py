"""Tables of docs/lecture_latent.md: kernels, sensitivity, intrinsic dimension."""

import re
from collections.abc import Sequence
from typing import Any

Results = dict[str, Any]
Rows = dict[tuple[str, str], dict[str, Any]]
POPE = {3: 7, 5: 11, 10: 12, 20: 13}   # Pope et al., ICLR 2021: MNIST, MLE


def _rows(results: Results) -> Rows:
    return {(row["name"], row["metric"]): row for row in results["rows"]}


def _cell(row: dict[str, Any] | None, form: str) -> str:
    """mean ± sd over the seeds; the mean alone where there is one."""
    if row is None:
        return "–"
    return form.format(row["value"]) + ("" if row["sd"] is None else f" ± {form.format(row['sd'])}")


def _table(results: Results, names: Sequence[str], columns: dict[str, tuple[str, str]], first: str, note: str) -> str:
    """A line for each name, a column for each metric, {metric: (title, format)}."""
    rows = _rows(results)
    lines = [f"| {first} | " + " | ".join(title for title, _ in columns.values()) + " |",
             "|---" + "|---:" * len(columns) + "|"]
    lines += [f"| {name} | " + " | ".join(_cell(rows.get((name, metric)), form)
                                         for metric, (_, form) in columns.items()) + " |" for name in names]
    seeds = max(len(row["seeds"]) for row in results["rows"])
    lines.append(f"\nBy `{results['command']}` in {max(1, round(results['minutes']))} minutes on {results['device']}; "
                 f"mean ± sd over {seeds} seeds. {note}")
    return "\n".join(lines) + "\n"


def _names(results: Results, metric: str) -> list[str]:
    return [row["name"] for row in results["rows"] if row["metric"] == metric]


def kernels(results: Results) -> str:
    """Energy and roughness of each network's kernels."""
    outside = results["rows"][0]["n"]
    return _table(results, _names(results, "energy inside"), {
        "energy outside": ("energy outside", "{:.6f}"), "energy inside": ("inside", "{:.6f}"),
        "outside over inside": ("outside / inside", "{:.3f}"), "roughness outside": ("roughness outside", "{:.6f}"),
        "roughness before training": ("before training", "{:.6f}")},
        "network", f"Mean squared weights of the encoder over the {outside} pixels that fewer than one training image "
        "in 1,000 touches (outside) and over the others; roughness is the variance of a kernel over the pixels "
        "outside, 0 where it is constant.")


def kernel_ratios(results: Results) -> str:
    """Denoising over standard, seed by seed."""
    return _table(results, _names(results, "energy outside")[4:], {
        "energy outside": ("energy outside", "{:.3f}"), "roughness outside": ("roughness outside", "{:.3f}"),
        "outside over inside": ("energy outside / inside", "{:.3f}")},
        "ratio of", "Below 1: the denoising network has less; ratios are taken seed by seed.")


def spectra(results: Results) -> str:
    """How fast each Jacobian's spectrum falls, and what it hears of true motions."""
    return _table(results, _names(results, "directions above a tenth"), {
        "participation ratio": ("participation ratio", "{:.1f}"),
        "directions above a tenth": ("directions above a tenth", "{:.0f}"),
        **{f"response to {motion}": (motion, "{:.2f}") for motion in ("shift x", "shift y", "rotation")}},
        "encoder", f"{results['rows'][0]['n']} test digits. The participation ratio counts the directions that share "
        "the energy, (Σ s²)² / Σ s⁴; above a tenth: singular values of more than a tenth of the largest. Right: how "
        "strongly the code answers a true motion, in units of its answer to a random direction (root mean square).")


def overlaps(results: Results) -> str:
    """Which share of the true motions lies in the leading tangents."""
    return _table(results, _names(results, "share of rotation"), {
        **{f"share in {k} directions": (f"k = {k}", "{:.3f}") for k in (1, 2, 4, 8, 16, 32)},
        **{f"share of {motion}": (f"{motion}, k = 8", "{:.3f}") for motion in ("shift x", "shift y", "rotation")}},
        "directions", "Share of ‖v‖² of the motion v within the span of the k leading tangents, mean over three "
        f"motions and {results['rows'][0]['n']} test digits.")


def overlap_ratios(results: Results) -> str:
    """Each encoder's overlap over the AE's."""
    names = [name for name in dict.fromkeys(row["name"] for row in results["rows"]) if name.endswith(" over AE")]
    return _table(results, names, {
        **{f"share in {k} directions": (f"k = {k}", "{:.2f}") for k in (1, 2, 4, 8, 16, 32)},
        "participation ratio": ("participation ratio", "{:.3f}")},
        "ratio of shares", "Seed by seed. Expected of the CAE: at least 2.")


def estimates(results: Results) -> str:
    """Estimates against k and N."""
    rows = _rows(results)
    names = _names(results, "TwoNN")
    most = f"N = {max(row['n'] for row in results['rows']):,}"
    seeds = len(rows[names[0], "TwoNN"]["seeds"])
    lines = ["| data | estimator | k = 3 | k = 5 | k = 10 | k = 20 | TwoNN |", "|---|---|---:|---:|---:|---:|---:|"]
    for name in names:
        for label, which in (("k − 1", "MacKay and Ghahramani, over k − 1"),
                             ("k − 2", "Pope et al.'s code, over k − 2")):
            if label == "k − 2" and most not in name:
                continue
            cells = [_cell(rows[name, f"MLE, {label}, k = {k}"], "{:.1f}") for k in POPE]
            pair = _cell(rows[name, "TwoNN"], "{:.1f}") if label == "k − 1" else ""
            lines.append(f"| {name} | {which} | " + " | ".join([*cells, pair]) + " |")
    lines.append("| MNIST | published by Pope et al., 2021 | " + " | ".join(map(str, POPE.values())) + " | |")
    lines.append(f"\nBy `{results['command']}` in {max(1, round(results['minutes']))} minutes on {results['device']}; "
                 f"mean ± sd over {seeds} draws of N training images and of the 3,000 anchors among them.")
    return "\n".join(lines) + "\n"


def advice(results: Results) -> str:
    """Which code_dim: PCA, Whitney, and the trained knee."""
    rows = _rows(results)
    titles = list(dict.fromkeys(name.partition(", ")[0] for name, _ in rows))
    shares = [metric for name, metric in rows if name == f"{titles[0]}, PCA"]
    lines = ["| | " + " | ".join(titles) + " |", "|---" + "|---:" * len(titles) + "|"]

    def line(text: str, name: str, metric: str, form: str = "{:.0f}") -> None:
        lines.append(f"| {text} | " + " | ".join(_cell(rows.get((f"{title}, {name}", metric)), form)
                                                for title in titles) + " |")
    for share in shares:
        line(f"principal components for {share}", "PCA", share)
    line("intrinsic dimension, k = 10", "advice", "intrinsic dimension", "{:.1f}")
    line("… advice without training: 2m + 1", "advice", "code_dim")
    line("knee of trained autoencoders", "autoencoder", "knee", "{:.1f}")
    line("knee of PCA as code", "PCA as code", "knee", "{:.1f}")
    for metric in [metric for name, metric in rows if name == f"{titles[0]}, autoencoder"]:
        if found := re.fullmatch(r"validation MSE, d = (\d+)", metric):
            line(f"validation MSE, d = {found[1]}", "autoencoder", metric, "{:.5f}")
            line("… of PCA", "PCA as code", metric, "{:.5f}")
    seeds, n = (rows[f"{titles[0]}, autoencoder", "knee"][key] for key in ("seeds", "n"))
    lines.append(f"\nBy `{results['command']}` on {results['device']}: autoencoders n-256-d-256-n, {n:,} validation "
                 f"images, pixels in [0, 1], mean ± sd over {len(seeds)} seeds.")
    return "\n".join(lines) + "\n"


TABLES = {"kernels": kernels, "kernels.ratios": kernel_ratios, "sensitivity": spectra, "sensitivity.overlap": overlaps,
          "sensitivity.ratios": overlap_ratios, "intrinsic_dimension": estimates, "intrinsic_dimension.advice": advice}
