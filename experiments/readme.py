"""Writes the tables of README and docs from the committed results, between markers: `make readme`."""

import functools
import json
import re
from pathlib import Path
from typing import Any

import numpy as np

from experiments import (
    _tables_anomaly,
    _tables_captions,
    _tables_compression,
    _tables_explorer,
    _tables_export,
    _tables_generation,
    _tables_interpolation,
    _tables_likelihood,
    _tables_restoration,
    _tables_style,
)
from experiments._record import RESULTS
from experiments._tables_latent import TABLES as LATENT
from experiments._tables_lecture import TABLES as LECTURE
from experiments._tables_speed import convolution_cost, profile, speed, speed_variants

README = Path(__file__).parent.parent / "README.md"
PAGES = (README, *sorted((README.parent / "docs").rglob("*.md")))
MARKER = re.compile(r"(<!-- table: ([\w.]+) -->\n).*?(<!-- end -->)", re.DOTALL)   # of results, or results.part


# Which rows of the comparison stand on a variant's own page.
ROWS = {"standard": ("standard-30", "standard-500", "PCA-30", "PCA-500"),
        "tied": ("tied-30", "standard-30", "PCA-30"),
        "sparse": ("sparse-500", "standard-500", "corrupted input", "linear denoiser"),
        "denoising": ("denoising-500", "standard-500", "corrupted input", "linear denoiser"),
        "contractive": ("contractive-500", "standard-500", "corrupted input", "linear denoiser")}


def comparison(results: dict[str, Any], *, only: tuple[str, ...] | None = None) -> str:
    """The table of `compare_autoencoders`, or some rows of it: test errors on [-1, 1], mean ± sd over seeds."""
    metrics = {"signed_mse": "reconstruction MSE", "psnr": "PSNR dB", "restored_signed_mse": "masked → clean MSE",
               "restored_psnr": "PSNR dB", "jacobian_norm": "mean ‖∂h/∂x‖"}
    digits = {"signed_mse": 4, "psnr": 2, "restored_signed_mse": 4, "restored_psnr": 2, "jacobian_norm": 2}
    found = {(row["name"], row["metric"]): row for row in results["rows"]}
    names = list(only or dict.fromkeys(row["name"] for row in results["rows"]))
    models = [name for name in names if (name, "seconds") in found]
    lines = ["| | " + " | ".join(metrics.values()) + " |", "|---" + "|---:" * len(metrics) + "|"]
    for name in models + [name for name in names if name not in models]:
        cells = []
        for metric, places in digits.items():
            row = found.get((name, metric))
            cells.append("–" if row is None else f"{row['value']:.{places}f}" + (
                f" ± {row['sd']:.{places}f}" if name in models else ""))
        lines.append(f"| {name if name in models else f'*{name}*'} | " + " | ".join(cells) + " |")
    seeds, n = results["rows"][0]["seeds"], results["rows"][0]["n"]
    lines.append(f"\nBy `{results['command']}` in {results['minutes']:.0f} minutes on {results['device']}: {n:,} test "
                 f"images of MNIST, pixels in [-1, 1], mean ± sd over {len(seeds)} seeds; baselines in italics.")
    return "\n".join(lines) + "\n"


def cost(results: dict[str, Any]) -> str:
    """The table of `contraction_cost`: steps as multiples of a standard one, medians and quartiles."""
    found = {(row["name"], row["metric"]): row["value"] for row in results["rows"]}
    labels = {"auto": "exact, chosen by `auto`", "jacrev": "exact, reverse mode", "jacfwd": "exact, `jax.jacfwd`",
              "hutchinson": "estimate, one probe", "PyTorch vmap(jacrev)": "PyTorch, `vmap(jacrev)`"}
    networks = list(dict.fromkeys(name.split(" ", 1)[0] for name, _ in found))
    lines = ["| contractive step | " + " | ".join(networks) + " |", "|---" + "|---:" * len(networks) + "|"]
    for label, text in labels.items():
        cells = []
        for network in networks:
            name = f"{network} {label}"
            ratio, low, high = (found.get((name, metric)) for metric in ("ratio", "lower quartile", "upper quartile"))
            cells.append("–" if ratio is None else f"{ratio:.3g}× ({low:.3g}–{high:.3g})")
        lines.append(f"| {text} | " + " | ".join(cells) + " |")
    lines.append(f"\nBy `{results['command']}` on {results['device']}: whole Adam steps, batch 256, as multiples of a "
                 f"`standard` step of the same network, medians (quartiles) of {results['rows'][0]['n']} rounds.")
    return "\n".join(lines) + "\n"


# Test errors in % of Rifai et al. 2011, table 1, as quoted by Dang Ha The Hien, MSc thesis, Ostfold 2014, figure 3.9.
PUBLISHED = {"AE": 1.78, "AE + weight decay": 1.68, "DAE (masking)": 1.57, "DAE (Gaussian)": 1.18, "CAE": 1.14}


def contraction(results: dict[str, Any]) -> str:
    """Rifai's table: errors, paired differences from the CAE with their standard errors, norms, saturation."""
    found = {(row["name"], row["metric"]): row for row in results["rows"]}
    names = [name for name, metric in found if metric == "test error"]
    lines = ["| pre-training | chosen on validation | test error % | CAE minus it | published % | mean ‖∂h/∂x‖ | "
             "saturated % |", "|---|---|---:|---:|---:|---:|---:|"]
    best = np.array(found["CAE", "test error"]["each"])
    for name in names:
        chosen = [f"{metric[7:]} {row['value']:g}" for (other, metric), row in found.items()
                  if other == name and metric.startswith("chosen ")]
        error = found[name, "test error"]
        gap = best - np.array(error["each"])
        difference = "–" if name == "CAE" else f"{gap.mean():.2f} ± {gap.std(ddof=1) / len(gap) ** 0.5:.2f}"
        norm, saturated = found[name, "mean ‖J‖"], found[name, "saturated"]
        lines.append(f"| {name} | {', '.join(chosen) or '–'} | {error['value']:.2f} ± {error['sd']:.2f} | "
                     f"{difference} | {PUBLISHED.get(name, '–')} | {norm['value']:.2f} | {saturated['value']:.1f} |")
    seeds, n = (found["CAE", "test error"][part] for part in ("seeds", "n"))
    lines.append(f"\nBy `{results['command']}` in {results['minutes']:.0f} minutes on {results['device']}: {n:,} test "
                 f"images, mean ± sd over {len(seeds)} seeds that share their batches; differences ± standard error, "
                 "seed by seed; norms and saturation before fine-tuning.")
    return "\n".join(lines) + "\n"


def _scale(results: dict[str, Any]) -> tuple[dict[tuple[str, str], float], list[str], list[str], str]:
    """Values by (network, metric), networks, kinds of hardware, and how they came about."""
    found = {(row["name"], row["metric"]): row["value"] for row in results["rows"]}
    names = list(dict.fromkeys(name for name, _ in found))
    kinds = list(dict.fromkeys(metric.rpartition(": ")[0] for name, metric in found if ": " in metric))
    return found, names, kinds, f"\nCalculated by `{results['command']}`; nothing here is measured"


def scale_work(results: dict[str, Any]) -> str:
    """What a step computes, moves and shares, from the compiled program."""
    found, names, _, source = _scale(results)
    columns = {"parameters": "parameters, bytes", "collectives": "collectives a step",
               "all-reduced": "bytes all-reduced", "work an image": "FLOP an image",
               "traffic an image": "memory traffic an image, bytes",
               "traffic of the step": "… and a step, whatever the batch"}
    lines = ["| network | " + " | ".join(columns.values()) + " |", "|---" + "|---:" * len(columns) + "|"]
    lines += [f"| {name} | " + " | ".join(f"{found[name, column]:,.0f}" for column in columns) + " |" for name in names]
    return "\n".join([*lines, f"{source}: read off the step that XLA compiles for 8 (virtual) devices."]) + "\n"


def scale_images(results: dict[str, Any]) -> str:
    """Images a second of so many devices, in millions."""
    found, names, kinds, source = _scale(results)
    counts = [metric.rpartition(": ")[2] for name, metric in found if metric.startswith(f"{kinds[0]}: ")
              and name == names[0] and "balance" not in metric]
    lines = ["| network | devices | " + " | ".join(kinds) + " |", "|---|---:" + "|---:" * len(kinds) + "|"]
    lines += [f"| {name if count == counts[0] else ''} | {int(count):,} | " + " | ".join(
        _millions(found[name, f"{kind}: {count}"]) for kind in kinds) + " |" for name in names for count in counts]
    return "\n".join([*lines, f"{source}: millions of images a second, 256 a device and step, at best."]) + "\n"


def _millions(number: float) -> str:
    return f"{number / 1e6:,.0f}" if number >= 1e8 else f"{number / 1e6:.3g}"


def scale_balance(results: dict[str, Any]) -> str:
    """Examples a device below which communication takes longer than computation."""
    found, names, kinds, source = _scale(results)
    counts = list(dict.fromkeys(metric.split()[-1] for _, metric in found if re.search(r"balance \d+$", metric)))
    lines = ["| network | devices | " + " | ".join(kinds) + " |", "|---|---:" + "|---:" * len(kinds) + "|"]
    for name in names:
        for count in counts:
            cells = [f"{found[name, f'{kind}: balance {count}']:,.0f} "
                     f"({found[name, f'{kind}: balance {count}, without latency']:,.0f})" for kind in kinds]
            lines.append(f"| {name if count == counts[0] else ''} | {int(count):,} | " + " | ".join(cells) + " |")
    return "\n".join([*lines, f"{source}: examples a device and step below which the all-reduce takes longer than all "
                      "the rest; in brackets without latency, by bandwidth alone. 0: never."]) + "\n"


def survival(results: dict[str, Any]) -> str:
    """The table of `survival`: what was tried, and how often it ended as the uninterrupted run."""
    found = {(row["name"], row["metric"]): int(row["value"]) for row in results["rows"]}
    lines = ["| what befell the run | tried | ended bit-equal |", "|---|---:|---:|"]
    for name, how in (("in memory", "`aejax train`"), ("from shards", "`fit`, data from shards")):
        kills, saving, inside = (found[name, f"kills{which}"] for which in (
            "", " during a save", " resumed in the middle of an epoch"))
        lines.append(f"| {how}: killed {kills} times in all, {saving} of these during a save, {inside} resumed in the "
                     f"middle of an epoch | {found[name, 'runs']} | {found[name, 'bit-equal']} |")
    for name, how in (("truncated", "truncated"), ("one bit flipped", "altered in one bit"), ("deleted", "deleted")):
        lines.append(f"| a file of the newest checkpoint {how} (each file in turn) | {found[name, 'files']} | "
                     f"{found[name, 'recovered']} |")
    lines.append(f"\nBy `{results['command']}` on {results['device']}: SIGKILL at moments drawn by a seed, resumed "
                 "with the same command until the end. Bit-equal: parameters, metrics, and in the last checkpoint "
                 "state, optimiser, best so far and history are those of a run that nothing stopped.")
    return "\n".join(lines) + "\n"


def overhead(results: dict[str, Any]) -> str:
    """The table of `checkpoint_overhead`: what checkpoints add to the seconds of training, and what one takes."""
    rows = {row["metric"]: row for row in results["rows"]}
    found = {metric: row["value"] for metric, row in rows.items()}

    def measured(metric: str, scale: float = 1.0) -> str:
        parts = (f"{found[metric + part] * scale:.2g}" for part in ("", " lower quartile", " upper quartile"))
        return "{} ({} to {})".format(*parts)
    lines = ["| checkpoints | measured |", "|---|---|",
             f"| added to the training's seconds, % by window | {measured('overhead')} |",
             f"| … % of the whole | {found['overhead of the whole']:.2g} |",
             f"| training waits for a save, ms | {measured('blocking', 1e3)} |",
             f"| it is written in the background in, s | {measured('write in the background')} |",
             f"| size, MB | {found['checkpoint']:.1f} |"]
    lines.append(f"\nBy `{results['command']}` on {results['device']}: MNIST, {rows['overhead']['name']}, denoising; "
                 f"{found['checkpoints']:.0f} checkpoints in {found['training']:.0f} s of training, one every "
                 f"{found['interval']:.0f} s, against as many epochs without, in turn; medians (quartiles).")
    return "\n".join(lines) + "\n"


TABLES = {"contraction": contraction, "compare_autoencoders": comparison,
          **{f"compare_autoencoders.{part}": functools.partial(comparison, only=names) for part, names in ROWS.items()},
          "contraction_cost": cost, "speed": speed, "speed.variants": speed_variants,
          "survival": survival, "checkpoint_overhead": overhead, "step_profile": profile,
          "convolution_cost": convolution_cost,
          "scale.work": scale_work, "scale.images": scale_images, "scale.balance": scale_balance,
          **LECTURE, **LATENT, **_tables_interpolation.TABLES, **_tables_restoration.TABLES,
          **_tables_anomaly.TABLES, **_tables_compression.TABLES, **_tables_likelihood.TABLES,
          **_tables_generation.TABLES, **_tables_style.TABLES, **_tables_export.TABLES, **_tables_explorer.TABLES,
          **_tables_captions.TABLES}


def render(text: str) -> str:
    """The text with every table between markers written anew.

    Raises:
      ValueError: results of a smoke run, or a marker that no table belongs to.
    """
    def table(match: re.Match) -> str:
        file = f"{match[2].partition('.')[0]}.json"
        if not (RESULTS / file).exists():
            return f"{match[1]}Not measured yet.\n{match[3]}"
        results = json.loads((RESULTS / file).read_text())
        if results["smoke"]:
            raise ValueError(f"{file} holds a smoke run: run {results['command']} in full")
        return match[1] + TABLES[match[2]](results) + match[3]
    return MARKER.sub(table, text)


if __name__ == "__main__":
    for page in PAGES:
        page.write_text(render(page.read_text()))
