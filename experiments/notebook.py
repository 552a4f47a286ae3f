"""Writes experiments/lecture.ipynb from docs/lecture_notebook.md, without outputs: `make readme`.

The page is the source: it reads as text, its cells run when the site is built, and a test runs them on a few digits.
"""

import json
import re
from pathlib import Path
from typing import Any

from aejax.files import atomic

SOURCE = Path(__file__).parent.parent / "docs" / "lecture_notebook.md"
NOTEBOOK = Path(__file__).parent / "lecture.ipynb"
CELL = re.compile(r"```\{code-cell\} python\n(.*?)\n```", re.DOTALL)


def cells(text: str) -> list[tuple[str, str]]:
    """("markdown" | "code", source) of a page, in order, without its front matter."""
    parts = CELL.split(re.sub(r"\A---\n.*?\n---\n", "", text, count=1, flags=re.DOTALL))
    kinds = (("code" if index % 2 else "markdown", part.strip()) for index, part in enumerate(parts))
    return [(kind, part) for kind, part in kinds if part]


def notebook(text: str) -> dict[str, Any]:
    """The page as Jupyter's format 4.5; links lead to the pages in docs/."""
    def cell(index: int, kind: str, source: str) -> dict[str, Any]:
        if kind == "markdown":
            source = re.sub(r"\]\((?!\w+:)([^)]+\.md)\)", r"](../docs/\1)", source)
        extra = {"execution_count": None, "outputs": []} if kind == "code" else {}
        return {"cell_type": kind, "id": f"cell-{index}", "metadata": {}, "source": source.splitlines(keepends=True),
                **extra}
    return {"cells": [cell(index, *pair) for index, pair in enumerate(cells(text))],
            "metadata": {"kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
                         "language_info": {"name": "python"}},
            "nbformat": 4, "nbformat_minor": 5}


def written(text: str) -> str:
    """What stands in the file."""
    return json.dumps(notebook(text), indent=1, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    with atomic(NOTEBOOK) as temporary:
        temporary.write_text(written(SOURCE.read_text()))
