"""The page's text: `static/page.html` with its style and scripts, linked for a server or written into one file."""

import base64
import functools
import hashlib
import html
import json
from collections.abc import Mapping
from importlib.resources import files
from typing import Any

SCRIPTS = ("forward.js", "backend.js", "pixels.js", "state.js", "walk.js", "map.js", "between.js", "sample.js",
           "drawing.js", "restore.js", "main.js")   # in this order: what a script needs stands before it


@functools.cache
def static_files() -> Mapping[str, str]:
    """The scripts and the style by name."""
    folder = files("aejax.explorer") / "static"
    return {name: (folder / name).read_text(encoding="utf-8") for name in (*SCRIPTS, "style.css")}


def linked() -> str:
    """The page that loads its scripts, and the scene, from the server that it came from."""
    scripts = "\n".join(f'<script src="static/{name}"></script>' for name in SCRIPTS)
    return _fill(head='<link rel="stylesheet" href="static/style.css">', title="aejax explore", scripts=scripts)


def whole(scene: Mapping[str, Any], program: Mapping[str, Any]) -> str:
    """The page as one file that asks nobody for anything: its policy allows the scripts in it, and nothing else."""
    style = static_files()["style.css"]
    scripts = [static_files()[name] for name in SCRIPTS]
    policy = (f"default-src 'none'; img-src data:; base-uri 'none'; form-action 'none'; style-src {_hash(style)}; "
              f"script-src {' '.join(map(_hash, scripts))}")
    data = "\n".join(f'<script type="application/json" id="{name}">{_json(value)}</script>'
                     for name, value in (("scene", scene), ("program", program)))
    return _fill(head=f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n<style>{style}</style>',
                 title=html.escape(f"{scene['title']}: aejax explore"),
                 scripts=data + "".join(f"\n<script>{script}</script>" for script in scripts))


def _fill(*, head: str, title: str, scripts: str) -> str:
    text = (files("aejax.explorer") / "static" / "page.html").read_text(encoding="utf-8")
    return text.replace("<!-- title -->", title).replace("<!-- head -->", head).replace("<!-- scripts -->", scripts)


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def _json(value: Any) -> str:
    """Text that HTML cannot take for the end of its script."""
    return json.dumps(value, allow_nan=False, separators=(",", ":")).replace("<", "\\u003c")
