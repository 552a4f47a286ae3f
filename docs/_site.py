"""What the site does to pages and docstrings before Sphinx reads them. Needs no Sphinx, so that tests can ask it."""

import importlib
import pkgutil
import re
from pathlib import Path

FOLDER = Path(__file__).parent
ROOT = FOLDER.parent
README = ROOT / "README.md"
GROUPS = {
    "Models": ("variants", "autoencoder", "networks", "losses", "bottlenecks", "corruptions", "jacobian", "importance",
               "divergences", "codebooks", "types", "errors"),
    "Data": ("data", "photographs"),
    "Training": ("train",),
    "Uses": ("applications", "estimators", "metrics"),
}
REST = "Runs, reports, and what the command line is made of"
COMMAND_LINE = ("cli", "flags", "verbs")   # these answer to --help

# ---------------------------------------------------------------- pages


def page(text: str, name: str) -> str:
    """A page's Markdown as the site needs it, `name` its path below this folder, without suffix.

    The README's parts stand where a page asks for them; links into the package lead to the reference, links to the
    README to the page of its results, and those to a folder nowhere. A picture that is yet to be drawn is left out, and
    so is a pattern of a table of contents that no page fits yet.
    """
    up = "../" * name.count("/")
    text = re.sub(r"<!-- readme: (.+) -->", lambda match: readme_section(match[1], up), text)
    text = re.sub(r"\]\((?:\.\./)+aejax/([\w/]+)\.py\)", lambda match: f"]({up}api/{module_page(match[1])}.rst)", text)
    text = re.sub(r"\]\((?:\.\./)+README\.md(#[\w-]+)?\)", lambda match: f"]({up}results.md{match[1] or ''})", text)
    text = re.sub(r"^([\w]+\*)\n", lambda match: match[0] if list(FOLDER.glob(f"{match[1]}.md")) else "", text,
                  flags=re.MULTILINE)
    text = re.sub(r"(?<!!)\[([^\]]+)\]\(((?:\.\./)+[\w/]+)\)", lambda match: match[1] if (
        FOLDER / name).parent.joinpath(match[2]).is_dir() else match[0], text)
    return re.sub(r"!\[[^\]]*\]\(([^)]+)\)", lambda match: match[0] if (
        FOLDER / name).parent.joinpath(match[1]).exists() else "", text)


def readme_section(title: str, up: str = "") -> str:
    """The README's section under a heading of two #, without it; links as seen from `up` within this folder."""
    parts = re.split(r"^## (.+)\n", README.read_text(), flags=re.MULTILINE)
    text = dict(zip(parts[1::2], parts[2::2], strict=True))[title].strip()
    text = re.sub(r"\]\((?!\w+:|#)([^)]+)\)", lambda match: f"]({up}../{match[1]})", text)
    return re.sub(rf"\]\({re.escape(up)}\.\./docs/", f"]({up}" if up else "](", text)


def module_page(path: str) -> str:
    """The reference's page of a file of the package, `path` below it without suffix."""
    return ".".join(("aejax", *path.removesuffix("/__init__").split("/")))

# ---------------------------------------------------------------- docstrings


def docstring(lines: list[str]) -> list[str]:
    """Lines whose formulas are safe from reStructuredText: |h|, h_j and x* mean themselves outside of code."""
    return [line if line.lstrip().startswith((">>>", "...")) or _printed(lines, i) else _escaped(line)
            for i, line in enumerate(lines)]


def _printed(lines: list[str], index: int) -> bool:
    """Whether a line belongs to what an example prints: it follows one without an empty line between."""
    before = next((line for line in reversed(lines[:index]) if not line.strip() or line.lstrip().startswith(">>>")), "")
    return before.lstrip().startswith(">>>") and bool(lines[index].strip())


def _escaped(line: str) -> str:
    parts = re.split(r"(``.*?``|`[^`]*`)", line)
    parts[::2] = [re.sub(r"(?<!\\)([|*\\]|_(?!\w))", r"\\\1", part) for part in parts[::2]]
    return "".join(parts)


def signature(text: str | None) -> str | None:
    """A signature, or what it returns, without the arguments that flax gives every module; arrays by their name."""
    text = text and re.sub(r",? ?parent: .*, name: str \| None = None(?=\))", "", text)
    return text and text.replace("jaxlib._jax.Array", "Array")


def field(thing: object) -> bool:
    """Whether a member is a bare field of a NamedTuple, which the class's own docstring describes."""
    return type(thing).__name__ == "_tuplegetter"

# ---------------------------------------------------------------- reference


def write_reference(folder: Path) -> None:
    """A page for each module, and one that lists them; only what changed is written, so that Sphinx sees no news."""
    pages = {module_page(name.replace(".", "/")): reference_page(name) for name in modules()}
    pages["index"] = reference_index()
    folder.mkdir(exist_ok=True)
    for path in folder.glob("*.rst"):
        if path.stem not in pages:
            path.unlink()
    for name, text in pages.items():
        path = folder / f"{name}.rst"
        if not path.exists() or path.read_text() != text:
            path.write_text(text)


def modules() -> list[str]:
    """Names below aejax of all modules of the reference."""
    names = [module.name.removeprefix("aejax.") for module in pkgutil.walk_packages(
        [str(ROOT / "aejax")], "aejax.", onerror=lambda name: None)]
    return sorted(name for name in names if name.split(".")[0] not in COMMAND_LINE)


def reference_page(name: str) -> str:
    """reStructuredText of one module. A name stands where users import it: at its package."""
    title = f"aejax.{name}"
    lines = [title, "=" * len(title), "", f".. automodule:: {title}", "   :members:"]
    below = [module for module in modules() if module.rpartition(".")[0] == name]
    elsewhere = {module.rpartition(".")[2] for module in below} | _taken(name)
    if elsewhere:
        lines.append(f"   :exclude-members: {', '.join(sorted(elsewhere))}")
    if below:
        lines += ["", "Modules", "-------", "", ".. toctree::", "   :maxdepth: 1", "",
                  *(f"   aejax.{module}" for module in below)]
    return "\n".join(lines) + "\n"


def _taken(name: str) -> set[str]:
    """What stands elsewhere: what a module merely passes on, and what its package exports, but for a function that is
    named as its module."""
    module = importlib.import_module(f"aejax.{name}")
    passed_on = {each for each in getattr(module, "__all__", ()) if not getattr(
        getattr(module, each), "__module__", module.__name__).startswith(module.__name__)}
    package, _, own = name.rpartition(".")
    return passed_on | (set(getattr(importlib.import_module(f"aejax.{package}"), "__all__", ())) - {own} if package
                        else set())


def reference_index() -> str:
    """The reference's first page: the modules by what they are for."""
    top = [name for name in modules() if "." not in name]
    named = {name for names in GROUPS.values() for name in names}
    groups = GROUPS | {REST: tuple(name for name in top if name not in named)}
    lines = ["Reference", "=========", "", "Out of the docstrings. Shapes stand in the signatures, "
             "``Float[Array, 'batch code']``: an array of floats with two axes.", ""]
    for title, names in groups.items():
        lines += [title, "-" * len(title), "", ".. toctree::", "   :maxdepth: 1", "",
                  *(f"   aejax.{name}" for name in names if name in top), ""]
    return "\n".join(lines)
