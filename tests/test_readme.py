"""What README and docs say is true: tables come from the results, the example runs, commands exist."""

import contextlib
import io
import re
import shlex

import pytest

from aejax.cli import VERBS
from experiments.readme import PAGES, README, render

TEXT = README.read_text()


DOCS = README.parent / "docs"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(README.parent)))
def test_tables_are_those_of_the_results(page):
    text = page.read_text()
    assert render(text) == text, "run: make readme"
    assert text.count("<!-- table: ") == text.count("<!-- end -->")


def test_a_smoke_run_is_refused(tmp_path, monkeypatch):
    (tmp_path / "compare_autoencoders.json").write_text('{"smoke": true, "command": "x"}')
    monkeypatch.setattr("experiments.readme.RESULTS", tmp_path)
    with pytest.raises(ValueError, match="smoke"):
        render(TEXT)


def test_the_example_prints_what_it_says():
    code, output = re.search(r"```python\n(.*?)```\n```\n(.*?)```", TEXT, re.DOTALL).groups()
    assert len(code.splitlines()) <= 8
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(compile(code, "README.md", "exec"), {})
    assert printed.getvalue() == output


EXAMPLES = [(page, *pair) for page in PAGES if page != README
            for pair in re.findall(r"```python\n(.*?)```\n```\n(.*?)```", page.read_text(), re.DOTALL)]


@pytest.mark.parametrize(("page", "code", "output"), EXAMPLES, ids=[
    f"{page.stem}-{i}" for i, (page, *_) in enumerate(EXAMPLES)])
def test_examples_of_the_docs_print_what_they_say(page, code, output, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(compile(code, page.name, "exec"), {})
    assert printed.getvalue() == output


@pytest.mark.parametrize("page", [page for page in PAGES if page != README], ids=lambda page: page.stem)
def test_every_example_of_the_docs_says_what_it_prints(page):
    assert page.read_text().count("```python\n") == sum(there == page for there, *_ in EXAMPLES)


PAGES_ALSO = ("quick_start", "from_the_notebook", "own_data", "variants/*")   # whose commands are whole
COMMANDS = list(dict.fromkeys(command for page in (README, *(page for name in PAGES_ALSO
                                                             for page in sorted(DOCS.glob(f"{name}.md"))))
                              for command in re.findall(r"`(aejax [^`]+)`", page.read_text())))


@pytest.mark.parametrize("command", COMMANDS)
def test_commands_exist(command):
    import dataclasses
    _, verb, *words = shlex.split(command)
    flags = VERBS[verb]
    if verb == "anomaly":   # has verbs of its own
        from aejax.flags import anomaly
        flags = {"fit": anomaly.AnomalyFit, "score": anomaly.AnomalyScore}[words[0]]
    known = {field.name.replace("_", "-") for field in dataclasses.fields(flags)}
    for word in words:
        assert not word.startswith("--") or word[2:] in known, command


def test_pictures_are_there_and_small():
    for path in re.findall(r"!\[.*?\]\((.*?)\)", TEXT):
        assert 0 < (README.parent / path).stat().st_size < 300_000
