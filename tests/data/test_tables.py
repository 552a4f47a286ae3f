import numpy as np
import pyarrow as pa
import pytest
from pyarrow import parquet

from aejax import data
from aejax.data import tables

RANDOM = np.random.default_rng(0)


def write(path, text):
    path.write_text(text)
    return path


def numbers(rows=20):
    values = RANDOM.normal([9, -1], [5, 1], (rows, 2))
    lines = [f"{a:.6f},{b:.6f},3,{'xyz'[i % 3]}" for i, (a, b) in enumerate(values)]
    return "a,b,c,kind\n" + "\n".join(lines) + "\n"


def test_csv_and_parquet_give_the_same(tmp_path):
    csv = write(tmp_path / "x.csv", numbers())
    values = np.array([[float(v) for v in line.split(",")[:3]] for line in csv.read_text().split()[1:]])
    table = pa.table({"a": values[:, 0], "b": values[:, 1], "c": values[:, 2].astype(int),
                      "kind": [line[-1] for line in csv.read_text().split()[1:]]})
    parquet.write_table(table, tmp_path / "x.parquet")
    first, second = (data.load(tmp_path / f"x.{kind}", label_column="kind") for kind in ("csv", "parquet"))
    assert first.digest == second.digest
    assert first.train.shape == (16, 3) and first.test.shape == (4, 3) and first.train.dtype == np.float32
    assert first.range is None and first.label_names == ("x", "y", "z")
    both = np.concatenate([first.standardiser.invert(part) for part in (first.train, first.test)])
    np.testing.assert_allclose(np.sort(both, 0), np.sort(values, 0), rtol=1e-5)
    np.testing.assert_allclose(first.train.mean(0), 0, atol=1e-5)
    np.testing.assert_allclose(first.train.std(0), [1, 1, 0], atol=1e-5)
    assert first.standardiser.std[2] == 1 and any("constant columns: c" in note for note in first.notes)
    assert any("80/20 by seed 0" in note for note in first.notes)


def test_labels_follow_their_rows(tmp_path):
    path = write(tmp_path / "x.csv", "v,label\n" + "\n".join(f"{i},{i}" for i in range(30)))
    dataset = data.load(path, label_column="label")
    rows = dataset.standardiser.invert(dataset.test)[:, 0]
    np.testing.assert_allclose(rows, dataset.test_labels, atol=1e-4)
    assert dataset.label_names is None and dataset.shape == (1,)


def test_a_late_fraction_in_a_column_of_whole_numbers(tmp_path):
    path = write(tmp_path / "x.csv", "a,b\n" + "12345678,2\n" * 200_000 + "1.5,3\n")
    assert tables.read_table(path).values[-1].tolist() == [1.5, 3]


@pytest.mark.parametrize(("text", "columns"), [
    ("0.5,1.5\n2,3\n4,5\n", ("f0", "f1")), ("0,1\n2,3\n4,5\n", ("0", "1")), ("a;b\n2;3\n4;5\n", ("a", "b")),
    ("a\tb\n2\t3\n4\t5\n", ("a", "b")), ("\ufeffa,b\n2,3\n4,5\n", ("a", "b")),
    ("a,b\ntrue,1\nfalse,2\n", ("a", "b")),
])
def test_headers_and_separators(tmp_path, text, columns):
    table = tables.read_table(write(tmp_path / "x.csv", text))
    assert table.columns == columns and table.values.shape == (3 if columns[0] == "f0" else 2, 2)
    assert bool(table.notes) == (columns[0] == "f0" or ";" in text or "\t" in text)


@pytest.mark.parametrize(("text", "reasons"), [
    ("a,b\n1,2\n3,\n5,6\n", ["missing value in row 2, column 'b'", "1 such"]),
    ("a,b\n1,2\n3,NaN\n", ["missing value in row 2, column 'b'"]),
    ("a,b\n1,2\n3,inf\n", ["inf", "row 2, column 'b'"]),
    ("a,b\n1,2\n3,1e200\n", ["1e+200", "row 2, column 'b'"]),
    ("a,b\n1,2\n3,red\n", ["column 'b' is not numeric", "red", "row 2", "--label-column b"]),
    ("a,b\n1,2020-01-01\n", ["column 'b' is not numeric"]),
    ("a,b\n1,2\n", ["1 example,", "at least 2"]),
    ("a,b\n", ["0 rows"]), ("", ["cannot be read"]), ("a,b\n1,2\n3\n", ["cannot be read"]),
])
def test_unfit_tables_are_refused(tmp_path, refused, text, reasons):
    path = write(tmp_path / "x.csv", text)
    with refused(path, *reasons):
        data.load(path)


def test_label_columns(tmp_path, refused):
    path = write(tmp_path / "x.csv", "a,kind\n1,0\n2,\n3,1\n")
    with refused(path, "no column 'kid'", "did you mean 'kind'", "a, kind"):
        data.load(path, label_column="kid")
    with refused(path, "no label in row 2, column 'kind'"):
        data.load(path, label_column="kind")
    with refused(write(tmp_path / "y.csv", "a,a\n1,2\n3,4\n"), "more than one column 'a'"):
        data.load(tmp_path / "y.csv", label_column="a")
    with refused(write(tmp_path / "z.csv", "a\n1\n2\n"), "0 columns"):
        data.load(tmp_path / "z.csv", label_column="a")


def test_damaged_parquet_is_refused(tmp_path, refused):
    parquet.write_table(pa.table({"a": [1.0, 2.0]}), tmp_path / "x.parquet")
    (tmp_path / "x.parquet").write_bytes((tmp_path / "x.parquet").read_bytes()[:-9])
    with refused(tmp_path / "x.parquet", "cannot be read"):
        data.load(tmp_path / "x.parquet")
    parquet.write_table(pa.table({"a": [[1.0], [2.0]]}), tmp_path / "y.parquet")
    with refused(tmp_path / "y.parquet", "column 'a' is not numeric"):
        data.load(tmp_path / "y.parquet")
