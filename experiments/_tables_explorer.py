"""The table of docs/explorer.md."""

from typing import Any


def explorer(results: dict[str, Any]) -> str:
    """Milliseconds of a frame, sizes, and differences to JAX, a line for each network."""
    found = {(row["name"], row["metric"]): row["value"] for row in results["rows"]}
    lines = ["| network | a frame from the server, ms | in the file, ms | filled in by energy, ms | by projection in "
             "the file, ms | size of the file, MB | largest difference to JAX |", "|---" + "|---:" * 6 + "|"]
    for name in dict.fromkeys(name for name, _ in found):
        def cell(metric: str, form: str, name: str = name) -> str:
            value = found.get((name, metric))
            return "–" if value is None else form.format(value)
        frames = [f"{cell(f'frame, {where}', '{:.1f}')} ({cell(f'frame, {where}, 95 %', '{:.1f}')})"
                  for where in ("server", "file")]
        lines.append(f"| {name} | {' | '.join(frames)} | {cell('filled in, server', '{:.0f}')} | "
                     f"{cell('filled in, file', '{:.0f}')} | {cell('size of the file', '{:.1f}')} | "
                     f"{cell('difference to JAX', '{:.1e}')} |")
    lines.append(f"\nBy `{results['command']}` on {results['device']}, in headless Chromium: from a slider's move to "
                 f"the digit on the canvas, medians (95 % are quicker) of {results['rows'][0]['n']} frames; "
                 "28x28 digits, differences on the [0, 1] scale over 64 random codes.")
    return "\n".join(lines) + "\n"


TABLES = {"explorer": explorer}
