"""The table of exported files, for `experiments.readme`."""

from typing import Any


def parity(results: dict[str, Any]) -> str:
    """Largest difference from JAX and size, a line for each kind and part."""
    found = {(row["name"], row["metric"]): row["value"] for row in results["rows"]}
    names = list(dict.fromkeys(name.rpartition(", ")[0] for name, _ in found))
    opsets = sorted({int(value) for (_, metric), value in found.items() if metric == "opset"})
    lines = ["| kind | part | StableHLO: largest difference | kB | ONNX: largest difference | kB |",
             "|---|---|---:|---:|---:|---:|"]
    for name in names:
        kind, part = name.split(", ")
        cells = [cell for format in ("stablehlo", "onnx") for cell in _cells(found, f"{name}, {format}")]
        lines.append(f"| {kind if part == 'encoder' else ''} | {part} | " + " | ".join(cells) + " |")
    n = results["rows"][0]["n"]
    written = sum(value for (_, metric), value in found.items() if metric == "written")
    odd = sum(value > 0 for (_, metric), value in found.items() if metric == "difference of anomaly")
    tried = sum(metric == "written" for _, metric in found)
    lines.append(f"\nBy `{results['command']}` in {results['minutes']:.0f} minutes on {results['device']}: {n} test "
                 f"images of the MNIST part that comes with aejax, {written:.0f} of {tried} files written; ONNX opset "
                 f"{' and '.join(map(str, opsets)) or '–'}. Of a score, in units of the largest one; "
                 f"{f'flags differ in {odd} files' if odd else 'all flags agree'}.")
    return "\n".join(lines) + "\n"


def _cells(found: dict[tuple[str, str], float], name: str) -> tuple[str, str]:
    if not found.get((name, "written")):
        return "not written", "–"
    worst = max(value for (other, metric), value in found.items() if other == name and metric.startswith("difference"))
    return "0" if worst == 0 else f"{worst:.1e}", f"{found[name, 'size'] / 1e3:,.0f}"


TABLES = {"export_parity": parity}
