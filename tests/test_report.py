import html
import re
from html.parser import HTMLParser

import numpy as np
import pytest

from aejax.files import write_picture
from aejax.report import Column, Picture, Table, Text, add_section, provenance, write_page

EVIL = '<script>alert("1")</script> & <b>'


class Reader(HTMLParser):
    """Collects tags, attributes, rows of cells and all text; refuses tags that do not match."""

    def __init__(self, page):
        super().__init__()
        self.tags, self.attributes, self.rows, self.open, self.text = [], [], [], [], ""
        self.feed(page)
        assert not self.open

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += attrs
        if tag not in ("meta", "img"):
            self.open.append(tag)
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.rows[-1].append((dict(attrs).get("class"), ""))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data
        if self.open and self.open[-1] in ("td", "th"):
            mark, text = self.rows[-1][-1]
            self.rows[-1][-1] = mark, text + data


COLUMNS = (Column("name", "model"), Column("mse", "MSE <[0, 1]>", "{:.2f}", -1), Column("psnr", "PSNR", "{:.1f}", 1),
           Column("width", "code", "{:,}"))
ROWS = [{"name": EVIL, "mse": 0.3, "psnr": 20.0, "width": 1000}, {"name": "b", "mse": 0.1, "psnr": 22.0, "width": 5},
        {"name": "PCA", "mse": 0.01, "psnr": 30.0, "baseline": True}, {"name": "c", "mse": None, "psnr": 22.0}]


@pytest.fixture
def page(tmp_path):
    write_picture(tmp_path / "x.png", np.zeros((4, 4, 1), np.uint8))
    sections = [(EVIL, [Table(COLUMNS, ROWS, EVIL), Picture(tmp_path / "x.png", EVIL), Text(EVIL)]),
                ("Repeat", provenance(f"aejax {EVIL}", {"a": EVIL, "b": [1]}))]
    path = write_page(tmp_path / "out" / "report.html", EVIL, EVIL, sections)
    assert path == tmp_path / "out" / "report.html" and path.is_absolute()
    (tmp_path / "x.png").unlink()   # the page needs nothing beside it
    assert [p.name for p in path.parent.iterdir()] == ["report.html"]
    return path.read_text()


def test_page_needs_no_other_file_and_no_network(page):
    sources = [value for name, value in Reader(page).attributes if name in ("src", "href", "srcset", "data")]
    assert len(sources) == 1 and sources[0].startswith("data:image/png;base64,iVBOR")
    assert not re.search(r"https?://|url\(|@import|//[a-z]", page.replace(sources[0], ""))


def test_text_is_escaped_everywhere(page):
    reader = Reader(page)
    assert not {"script", "b"} & set(reader.tags)
    # title, heading 1, lead, heading 2, cell, note, caption, paragraph, command; in the JSON with escaped quotes
    assert reader.text.count(EVIL) == 9 and reader.text.count(EVIL.replace('"', r'\"')) == 1
    assert ("alt", EVIL) in reader.attributes
    assert html.escape("<[0, 1]>") in page


def test_best_model_is_bold_and_baselines_do_not_compete(page):
    header, *rows = Reader(page).rows
    assert [text for _, text in header] == ["model", "MSE <[0, 1]>", "PSNR", "code"]
    assert [[text for _, text in row] for row in rows] == [
        [EVIL, "0.30", "20.0", "1,000"], ["b", "0.10", "22.0", "5"], ["PCA", "0.01", "30.0", "–"],
        ["c", "–", "22.0", "–"]]
    best = [(row[0][1], i) for row in rows for i, (mark, _) in enumerate(row) if mark == "best"]
    assert best == [("b", 1), ("b", 2), ("c", 2)]   # two share the best PSNR
    assert page.count("<tr class=baseline>") == 1


def test_a_single_model_is_not_called_best():
    assert "class=best" not in Table(COLUMNS, [ROWS[0], ROWS[2]]).html()


def test_code_keeps_its_lines():
    assert Text("a\n <b>", code=True).html() == "<pre>a\n &lt;b&gt;</pre>"


def test_a_section_is_added_once(tmp_path):
    page = write_page(tmp_path / "page.html", "T", "L", [("First", [Text("one")])])
    add_section(page, "Later & more", [Text("two")])
    add_section(page, "Last", [Text("three")])
    add_section(page, "Later & more", [Text("four")])
    text = Reader(page.read_text()).text
    assert "two" not in text and text.index("one") < text.index("four") < text.index("three")
    assert text.count("Later & more") == 1
    (tmp_path / "other.html").write_text("no page")
    add_section(tmp_path / "other.html", "Later", [Text("five")])
    assert (tmp_path / "other.html").read_text() == "no page"
