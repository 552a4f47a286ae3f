"""The site: every page is reached, every link leads somewhere, every variant has its page, the notebook runs.

Building it takes minutes and the docs extra: `make docs`, which counts any warning of Sphinx as an error.
"""

import contextlib
import dataclasses
import fnmatch
import importlib.util
import io
import re
from pathlib import Path

import pytest

from aejax import data, variants
from experiments.notebook import NOTEBOOK, SOURCE, cells, written
from experiments.readme import PAGES, README

DOCS = README.parent / "docs"
NAMES = {str(page.relative_to(DOCS).with_suffix("")): page for page in PAGES if page != README}
TOCTREE = re.compile(r"```\{toctree\}\n(.*?)```", re.DOTALL)


@pytest.fixture(scope="module")
def site():
    """The module that prepares pages for Sphinx; no package, since the site's settings lie beside it."""
    specification = importlib.util.spec_from_file_location("_site", DOCS / "_site.py")
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


def prose(text: str) -> str:
    """A page without code, between which links are to be looked for."""
    return re.sub(r"(?ms)^```.*?^```$|`[^`\n]+`", "", text)


def anchors(page: Path) -> set[str]:
    """The names by which a page's headings can be linked to."""
    titles = re.findall(r"^#+ (.+)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


def test_every_page_is_in_a_table_of_contents():
    reached = {"index"}
    for name, page in NAMES.items():
        folder = name.rpartition("/")[0]
        for block in TOCTREE.findall(page.read_text()):
            for entry in block.splitlines():
                pattern = f"{folder}/{entry}" if folder else entry
                reached |= {other for other in NAMES if fnmatch.fnmatchcase(other, pattern)}
                if entry and entry[0] != ":" and "*" not in entry and not entry.startswith("api/"):
                    assert pattern in NAMES, f"{name}: no page {entry}"
    assert reached == set(NAMES), "name these pages in docs/index.md"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(README.parent)))
def test_links_lead_somewhere(page):
    text = page.read_text()
    for picture, target in re.findall(r"(!?)\[(?:[^\]]|\]\])*\]\(((?!\w+:)[^)]+)\)", prose(text)):
        path, _, anchor = target.partition("#")
        to = page.parent / path if path else page
        if picture and "Not measured yet." in text:   # its pictures come with its numbers
            continue
        assert to.exists(), f"{target} leads nowhere"
        assert not anchor or anchor in anchors(to), f"{target}: no such heading"


@pytest.mark.parametrize("name", variants.NAMES)
def test_every_variant_has_its_page(name):
    text = (DOCS / "variants" / f"{name}.md").read_text()
    assert re.search(rf"```python\n.*variants\.{name}\(.*?```\n```\n", text, re.DOTALL), "an example and its output"
    assert f"`aejax train {name} " in text
    assert f"(../../aejax/variants/{name}.py)" in text
    assert text.count("\n") < 80 and re.search(r"^L = ", text, re.MULTILINE)
    assert re.search(r"\b(19|20)\d\d\b", text), "its paper"
    assert f"]({name}.md)" in (DOCS / "variants" / "index.md").read_text()


def test_the_notebook_is_that_of_the_page():
    assert NOTEBOOK.read_text() == written(SOURCE.read_text()), "run: make readme"
    assert NOTEBOOK.stat().st_size < 300_000


def test_the_notebook_runs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    code = [source for kind, source in cells(SOURCE.read_text()) if kind == "code"]
    names, printed = {}, io.StringIO()
    with contextlib.redirect_stdout(printed):
        for index, source in enumerate(code):
            exec(compile(source, SOURCE.name, "exec"), names)
            if index == 0:   # a few digits, once: that the cells run, not what they find
                digits = data.load()
                few = {"train": digits.train[:800], "train_labels": digits.train_labels[:800],
                       "test": digits.test[:100], "test_labels": digits.test_labels[:100]}
                names |= {"EPOCHS": 1, "digits": dataclasses.replace(digits, **few)}
    assert printed.getvalue().count(" dB") == 12 and "nan" not in printed.getvalue()
    assert (tmp_path / "rows.png").exists() and (tmp_path / "kernels.png").exists()


def test_formulas_of_docstrings_are_no_markup(site):
    lines = ["Ω = Σ_j |h_j|, x* of `a|b_`.", "", ">>> f(x_) | 2", "a_ | b", "", "    * no list"]
    assert site.docstring(lines) == [r"Ω = Σ_j \|h_j\|, x\* of `a|b_`.", "", ">>> f(x_) | 2", "a_ | b", "",
                                     r"    \* no list"]


def test_signatures_leave_out_what_flax_adds(site):
    own = "(shape: tuple[int, ...], tied: bool = False"
    assert site.signature(f"{own}, parent: Module | None = <flax object>, name: str | None = None)") == f"{own})"
    assert site.signature("(x: jaxlib._jax.Array)") == "(x: Array)" and site.signature(None) is None


def test_links_into_the_package_lead_to_the_reference(site):
    text = "[a](../aejax/networks/dense.py) [b](../README.md#speed) [c](../experiments) ![d](none.png)"
    assert site.page(text, "scale") == "[a](api/aejax.networks.dense.rst) [b](results.md#speed) c "
    assert "(../api/aejax.variants.tied.rst)" in site.page("[x](../../aejax/variants/tied.py)", "variants/tied")
    assert site.module_page("networks/__init__") == "aejax.networks"


def test_parts_of_the_readme_stand_on_the_site(site):
    for name, page in NAMES.items():
        shown = site.page(page.read_text(), name)
        assert "<!-- readme:" not in shown and "](docs/" not in shown and "](../docs/" not in shown
    assert site.readme_section("In Python").startswith("```python\nimport jax")


def test_the_reference_names_each_thing_once(site):
    pages = {name: site.reference_page(name) for name in ("train", "train.fit", "networks", "networks.dense", "types")}
    assert ":exclude-members: " in pages["networks.dense"] and "Dense" in pages["networks.dense"].split("exclude")[1]
    assert " fit" in pages["train"].split("exclude-members:")[1].split("\n")[0]     # its own page has it
    assert " fit" not in pages["train.fit"].split("exclude-members:")[1].split("\n")[0]
    assert "InputError" in pages["types"].split("exclude-members:")[1]              # of aejax.errors
    assert not {"cli", "verbs.common", "flags.data"} & set(site.modules())


def test_the_reference_writes_what_changed(site, tmp_path):
    site.write_reference(tmp_path)
    page = tmp_path / "aejax.losses.rst"
    (tmp_path / "gone.rst").write_text("")
    page.touch()
    before = page.stat().st_mtime_ns
    site.write_reference(tmp_path)
    assert page.stat().st_mtime_ns == before and not (tmp_path / "gone.rst").exists()
    assert "aejax.losses" in (tmp_path / "index.rst").read_text()
