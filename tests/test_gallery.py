import json
from pathlib import Path

import numpy as np
import pytest

from aejax.files import write_picture
from aejax.gallery import MOST_ROWS, write_gallery
from aejax.types import InputError
from tests.test_report import Reader


def row(name, metric, value, unit="", sd=None):
    return {"name": name, "metric": metric, "unit": unit, "value": value, "sd": sd, "seeds": [0, 1], "n": 7}


def result(folder, question, rows, **changed):
    content = {"question": question, "command": f"python -m experiments.{question}", "minutes": 1.25,
               "device": "cpu", "smoke": False, "rows": rows} | changed
    (folder / f"{question}.json").write_text(json.dumps(content))


@pytest.fixture
def folder(tmp_path):
    result(tmp_path, "spiral", [row("network", "error", 0.0123456, "pixels", 0.00012), row("network", "slope", 0.97),
                                row("exact", "error", 0.01, "pixels")])
    result(tmp_path, "kernels", [row("energy", "ratio", 2.0)])
    result(tmp_path, "kernels_more", [row("other", "ratio", 3.0)])
    for name in ("spiral_map", "kernels", "kernels_more", "kernels_dae"):
        write_picture(tmp_path / f"{name}.png", np.zeros((2, 2, 1), np.uint8))
    return tmp_path


def page(folder):
    path = write_gallery(folder, folder / "page.html")
    return Reader(path.read_text()), path


def test_every_result_with_its_figures_and_numbers(folder):
    reader, path = page(folder)
    assert path.is_absolute() and reader.tags.count("h2") == 3 and reader.tags.count("img") == 4
    rows = [[text for _, text in cells] for cells in reader.rows]
    assert ["", "error, pixels", "slope"] in rows
    assert ["network", "0.01235 ± 0.00012", "0.97"] in rows and ["exact", "0.01", "–"] in rows
    assert "python -m experiments.spiral   (1.25 minutes, cpu)" in reader.text
    assert not any(value and value.startswith("http") for _, value in reader.attributes)


def test_contents_give_order_words_and_choice(folder):
    (folder / "gallery.toml").write_text(
        '[spiral]\ntitle = "A <b> spiral"\nlecture = "It is claimed."\nseen = "It came out."\nmetrics = ["slope"]\n'
        'figures = {"spiral_map.png" = "See the arrows."}\n[kernels]\nrows = ["energy"]\n')
    reader, path = page(folder)
    text = path.read_text()
    assert text.index("A &lt;b&gt; spiral") < text.index("Kernels<") < text.index("Kernels more")
    assert "It is claimed." in reader.text and "It came out." in reader.text and "See the arrows." in reader.text
    assert [[text for _, text in cells] for cells in reader.rows][:2] == [["", "slope"], ["network", "0.97"]]


def test_units_that_differ_stand_in_the_cells(folder):
    result(folder, "mixed", [row("a", "error", 2.0, "px"), row("b over a", "error", 0.5, "ratio"),
                             row("a", "n", 3), row("b over a", "n", 4)])
    rows = [[text for _, text in cells] for cells in page(folder)[0].rows]
    assert ["", "error", "n"] in rows and ["a", "2 px", "3"] in rows and ["b over a", "0.5 ratio", "4"] in rows


def test_long_tables_are_cut_and_say_so(folder):
    result(folder, "long", [row(f"row {i}", "value", i) for i in range(MOST_ROWS + 3)])
    reader, _ = page(folder)
    assert "3 more rows in the file of results." in reader.text and f"row {MOST_ROWS}" not in reader.text


@pytest.mark.parametrize(("contents", "said"), [
    ("[spiral", "cannot be read"),
    ("spiral = 1", "is no table"),
    ("[spiral]\ntitel = 'x'", "[spiral] titel: known are title"),
    ("[spiral]\nmetrics = 'slope'", "metrics (list)"),
    ("[spirale]\ntitle = 'x'", "no spirale.json"),
    ("[spiral]\nmetrics = ['slop']", "slop"),
    ("[spiral]\nrows = ['nobody']", "nobody"),
    ("[spiral]\nfigures = {'../secret.png' = 'x'}", "no figure ../secret.png"),
    ("[spiral]\nfigures = {'lost.png' = 'x'}", "no figure lost.png"),
])
def test_bad_contents_are_one_line_and_leave_nothing(folder, contents, said):
    write_picture(folder.parent / "secret.png", np.zeros((2, 2, 1), np.uint8))
    (folder / "gallery.toml").write_text(contents)
    with pytest.raises(InputError) as caught:
        page(folder)
    assert said in str(caught.value) and "\n" not in str(caught.value).strip()
    assert not (folder / "page.html").exists()


def test_bad_results(folder, tmp_path_factory):
    with pytest.raises(InputError, match="no results of experiments"):
        write_gallery(tmp_path_factory.mktemp("empty"), folder / "page.html")
    result(folder, "unmeasured", [row("a", "b", 1.0)], smoke=True)
    with pytest.raises(InputError, match=r"smoke run.*run python -m experiments\.unmeasured"):
        page(folder)
    for text in ("{", "[]", '{"rows": []}', '{"rows": [{}], "smoke": false, "command": "", "minutes": 1}'):
        (folder / "unmeasured.json").write_text(text)
        with pytest.raises(InputError, match="not the result of an experiment"):
            page(folder)


def test_the_committed_results_make_a_page(tmp_path):
    path = write_gallery(Path(__file__).parent.parent / "experiments" / "results", tmp_path / "page.html")
    reader = Reader(path.read_text())
    assert reader.tags.count("h2") >= 8 and "What came out" in reader.text
