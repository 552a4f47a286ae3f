"""A run or a comparison as one HTML page: no script, no network, pictures inside."""

import base64
import dataclasses
import html
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from aejax.files import atomic

_STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; max-width: 62rem; margin: 2rem auto; padding: 0 1rem; color: #1a1a1a;
       background: #fff; }
h1 { font-size: 1.6rem; margin-bottom: .2rem; } h2 { font-size: 1.2rem; margin-top: 2rem; }
.wide { overflow-x: auto; } table { border-collapse: collapse; font-variant-numeric: tabular-nums; font-size: .9rem; }
th, td { padding: .3rem .7rem; border-bottom: 1px solid #ddd; text-align: right; }
th { border-bottom: 2px solid #888; }
th:first-child, td:first-child { text-align: left; } td { white-space: nowrap; }
tr.baseline td { color: #666; font-style: italic; }
td.best { font-weight: 700; }
figure { margin: 1rem 0; } figure img { max-width: 100%; } figcaption, .note { color: #555; font-size: .9rem; }
pre { background: #f5f5f5; padding: .7rem; overflow-x: auto; font-size: .85rem; }
"""


@dataclasses.dataclass(frozen=True)
class Text:
    """A paragraph; `code` for text that keeps its lines."""

    text: str
    code: bool = False

    def html(self) -> str:
        text = html.escape(self.text)
        return f"<pre>{text}</pre>" if self.code else f"<p>{text}</p>"


@dataclasses.dataclass(frozen=True)
class Picture:
    """A PNG file and the caption that says what to see."""

    path: Path
    caption: str

    def html(self) -> str:
        data = base64.b64encode(Path(self.path).read_bytes()).decode()
        caption = html.escape(self.caption)
        return (f'<figure><img alt="{caption}" src="data:image/png;base64,{data}">'
                f"<figcaption>{caption}</figcaption></figure>")


@dataclasses.dataclass(frozen=True)
class Column:
    """A column of a table: key of the row, header with its unit, format, and which value is best (+1 high, -1 low)."""

    key: str
    header: str
    format: str = "{}"
    better: int = 0


@dataclasses.dataclass(frozen=True)
class Table:
    """Rows of values; the best model of a column is bold, rows with "baseline" are set apart and do not compete."""

    columns: Sequence[Column]
    rows: Sequence[dict[str, Any]]
    note: str = ""

    def html(self) -> str:
        best = {c.key: self._best(c) for c in self.columns}
        lines = ["<tr>" + "".join(f"<th>{html.escape(c.header)}</th>" for c in self.columns) + "</tr>"]
        for row in self.rows:
            cells = [self._cell(c, row, best[c.key]) for c in self.columns]
            lines.append(f'<tr{" class=baseline" if row.get("baseline") else ""}>{"".join(cells)}</tr>')
        note = f'<p class="note">{html.escape(self.note)}</p>' if self.note else ""
        return f'<div class="wide"><table>{"".join(lines)}</table></div>{note}'

    def _best(self, column: Column) -> float | None:
        values = [row[column.key] for row in self.rows if row.get(column.key) is not None and not row.get("baseline")]
        return (max if column.better > 0 else min)(values) if column.better and len(values) > 1 else None

    def _cell(self, column: Column, row: dict[str, Any], best: float | None) -> str:
        value = row.get(column.key)
        text = "–" if value is None else html.escape(column.format.format(value))
        mark = " class=best" if best is not None and value == best and not row.get("baseline") else ""
        return f"<td{mark}>{text}</td>"


def write_page(path: str | Path, title: str, lead: str, sections: Sequence[tuple[str, Sequence[Any]]]) -> Path:
    """Writes the page; a section is a heading and its parts (`Text`, `Picture`, `Table`). Returns the absolute path."""
    body = [f"<h1>{html.escape(title)}</h1><p>{html.escape(lead)}</p>"]
    for heading, parts in sections:
        body.append(f"<h2>{html.escape(heading)}</h2>" + "\n".join(part.html() for part in parts))
    page = (f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{html.escape(title)}</title>'
            f'<meta name="viewport" content="width=device-width, initial-scale=1"><style>{_STYLE}</style></head>'
            f"<body>{chr(10).join(body)}</body></html>\n")
    with atomic(path) as temporary:
        temporary.write_text(page)
    return Path(path).resolve()


def add_section(path: str | Path, heading: str, parts: Sequence[Any]) -> None:
    """Adds a section to the end of a page of `write_page`, in place of an earlier one that was added by that heading.

    What is no such page stays as it is.
    """
    text = Path(path).read_text()
    begin, end = f"<!-- added: {html.escape(heading)} -->", "<!-- end of what was added -->"
    head, found, tail = text.partition(begin)
    rest = tail.partition(end)[2] if found else ""
    if not found:
        head, found, tail = text.rpartition("</body>")
        rest = f"{found}{tail}"
        if not found:
            return
    section = f"<h2>{html.escape(heading)}</h2>" + "\n".join(part.html() for part in parts)
    with atomic(path) as temporary:
        temporary.write_text(f"{head}{begin}{section}{end}{rest}")


def provenance(command: str, config: dict[str, Any]) -> list[Text]:
    """The section that lets a reader repeat the result: exact command, data, versions, device."""
    return [Text(command, code=True), Text(json.dumps(config, indent=1), code=True)]
