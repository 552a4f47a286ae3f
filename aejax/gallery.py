"""One page of all experiments: each result's question, figures and numbers, from committed files alone."""

import json
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from aejax.report import Column, Picture, Table, Text, write_page
from aejax.types import InputError

CONTENTS = "gallery.toml"
MOST_ROWS = 40
_LEAD = (
    "What the lecture “Introduction to autoencoders” (A. Canziani, Y. LeCun, NYU Deep Learning, week 7) shows and "
    "claims, drawn and measured again. Every number was written by the command below its table; mean ± standard "
    "deviation over seeds.")
_KEYS = {"title": str, "lecture": str, "seen": str, "metrics": list, "rows": list, "figures": dict}


def write_gallery(results: str | Path, output: str | Path) -> Path:
    """Writes the page of a folder of results; returns its absolute path.

    A result is `<question>.json` as an experiment writes it (`question`, `command`, `minutes`, `smoke`, `device`,
    `rows` of name, metric, unit, value, sd, seeds, n) with its figures `<question>*.png` beside it. The folder's
    `gallery.toml`, where there is one, gives the order and the words: a table for each question with `title`, `lecture`
    (what is claimed), `seen` (how it came out), `metrics` and `rows` (which to show, all if not given) and `figures`
    ({file: caption}). Results that it leaves out follow in alphabetical order.

    Raises:
      InputError: no folder or no results in it, a file that cannot be read, a smoke run, a figure that is not there.
    """
    results = Path(results)
    files = {path.stem: path for path in sorted(results.glob("*.json")) if not path.name.endswith(".smoke.json")}
    if not files:
        raise InputError(f"{results}: no results of experiments (*.json) there; run some, for example "
                         "python -m experiments.spiral, or name their folder with --results")
    contents = _contents(results / CONTENTS)
    unknown = [name for name in contents if name not in files]
    if unknown:
        raise InputError(f"{results / CONTENTS}: no {unknown[0]}.json beside it")
    names = [*contents, *(name for name in files if name not in contents)]
    sections = [_section(files[name], contents.get(name, {}), _figures(name, files)) for name in names]
    return write_page(output, "The lecture's pictures, each with a number", _LEAD, sections)


def _contents(path: Path) -> dict[str, dict[str, Any]]:
    try:
        found = tomllib.loads(path.read_text()) if path.exists() else {}
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise InputError(f"{path}: cannot be read: {error}") from None
    for name, entry in found.items():
        if not isinstance(entry, dict):
            raise InputError(f"{path}: {name} is no table; write [{name}]")
        for key, value in entry.items():
            if key not in _KEYS or not isinstance(value, _KEYS[key]):
                raise InputError(f"{path}: [{name}] {key}: known are " + ", ".join(
                    f"{known} ({kind.__name__})" for known, kind in _KEYS.items()))
    return found


def _section(path: Path, words: Mapping[str, Any], figures: Sequence[Path]) -> tuple[str, list[Any]]:
    try:
        result = json.loads(path.read_text())
        rows, smoke = result["rows"], result["smoke"]
        table = _table(rows, words.get("metrics"), words.get("rows"))
        source = f"{result['command']}   ({result['minutes']:g} minutes, {result.get('device', 'device not recorded')})"
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(f"{path}: not the result of an experiment ({type(error).__name__}: {error})") from None
    if smoke:
        raise InputError(f"{path} holds a smoke run, which measures nothing: run {result['command']} in full")
    parts: list[Any] = [Text(f"{heading}: {words[key]}") for key, heading in (
        ("lecture", "The claim"), ("seen", "What came out")) if key in words]
    captions = words.get("figures", {each.name: _plain(each.stem) for each in figures})
    for name, caption in captions.items():
        if Path(name).name != name or not (path.parent / name).is_file():
            raise InputError(f"{path.parent / CONTENTS}: [{path.stem}] no figure {name} beside it")
        parts.append(Picture(path.parent / name, caption))
    return words.get("title", _plain(path.stem)), [*parts, table, Text(source, code=True)]


def _figures(name: str, files: Mapping[str, Path]) -> list[Path]:
    """`name.png` and `name_….png`, but for those of a result with a longer name."""
    def owner(stem: str) -> str:
        return max((other for other in files if f"{stem}_".startswith(f"{other}_")), key=len, default="")
    return [path for path in sorted(files[name].parent.glob(f"{name}*.png")) if owner(path.stem) == name]


def _plain(stem: str) -> str:
    return stem.replace("_", " ").capitalize()


def _table(rows: Sequence[Mapping[str, Any]], metrics: Sequence[str] | None, names: Sequence[str] | None) -> Table:
    """Names down, metrics across."""
    found = {(row["name"], row["metric"]): row for row in rows}
    units: dict[str, list[str]] = {}
    for row in rows:   # a metric may have several, as an error and a ratio of errors
        units.setdefault(row["metric"], []).append(row["unit"])
    common = {metric: each[0] if len(set(each)) == 1 else "" for metric, each in units.items()}
    metrics = list(units) if metrics is None else metrics
    names = list(dict.fromkeys(name for name, _ in found)) if names is None else names
    for wanted, known in ((metrics, units), (names, {name for name, _ in found})):
        missing = [each for each in wanted if each not in known]
        if missing:
            raise KeyError(missing[0])
    columns = [Column("", "")] + [Column(metric, f"{metric}, {common[metric]}" if common[metric] else metric)
                                  for metric in metrics]
    lines = [{"": name} | {metric: _value(found[name, metric], common[metric]) for metric in metrics
                           if (name, metric) in found} for name in names]
    lines = [line for line in lines if len(line) > 1]
    more = len(lines) - MOST_ROWS
    return Table(columns, lines[:MOST_ROWS], f"{more} more rows in the file of results." if more > 0 else "")


def _value(row: Mapping[str, Any], above: str) -> str:
    """With its unit, where the column's header does not say it."""
    unit = f" {row['unit']}" if row["unit"] and row["unit"] != above else ""
    return f"{row['value']:.4g}" + ("" if row["sd"] is None else f" ± {row['sd']:.2g}") + unit
