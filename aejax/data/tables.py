"""Tables from `.csv` and `.parquet` files: one example per row, one feature per column."""

import difflib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float

from aejax.data.dataset import Dataset, Standardiser, encode_labels, hold_out
from aejax.files import InputError


@dataclass(frozen=True, eq=False)
class Table:
    """A table as read: NaN where a value is missing.

    Attributes:
      columns: the names of the F features.
      values: float64 (N, F).
      labels: (N,), whole numbers or names; None without a label column.
      notes: what was done while reading.
    """

    columns: tuple[str, ...]
    values: Float[np.ndarray, "n features"]
    labels: np.ndarray | None
    notes: tuple[str, ...]


def read_table(path: Path, label_column: str | None = None) -> Table:
    """Reads a table of numbers; missing values become NaN.

    Raises:
      InputError: unreadable, empty, a column that is not numeric, no such label column, or a missing label.
    """
    import pyarrow as pa
    try:
        table, notes = _read_csv(path) if path.suffix.lower() == ".csv" else (_read_parquet(path), ())
    except (pa.ArrowException, OSError) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise InputError(f"{path}: cannot be read as a table ({reason}); repair or replace it") from error
    columns = [str(name) for name in table.column_names]
    labels = None
    if label_column is not None:
        place = _place(columns, label_column, path)
        labels = _labels(table.column(place), label_column, path)
        table, columns = table.remove_column(place), columns[:place] + columns[place + 1:]
    if not columns or not table.num_rows:
        raise InputError(f"{path}: {table.num_rows} rows and {len(columns)} columns of features; add data")
    values = np.empty((table.num_rows, len(columns)), np.float64)
    for i, name in enumerate(columns):
        values[:, i] = _numbers(table.column(i), name, path)
    return Table(tuple(columns), values, labels, notes)


def _read_csv(path: Path) -> tuple[Any, tuple[str, ...]]:
    from pyarrow import csv
    with open(path, encoding="utf-8", errors="replace") as file:
        first = file.readline().lstrip("\ufeff").strip()
    delimiter = next((mark for mark in (",", ";", "\t") if mark in first), ",")
    notes = () if delimiter == "," else ("columns separated by "
                                         f"{'a tab' if delimiter == chr(9) else delimiter}",)
    headless = _all_numbers(first.split(delimiter))
    if headless:
        notes = (*notes, "no header line: the first line is data, columns are named f0, f1, …")
    table = csv.read_csv(path, csv.ReadOptions(autogenerate_column_names=headless),
                         csv.ParseOptions(delimiter=delimiter))
    return table, notes


def _all_numbers(names: list[str]) -> bool:
    """Whether a first line is data. 0, 1, 2 … are the names that programs give to columns without one."""
    try:
        [float(name) for name in names]
    except ValueError:
        return False
    return [name.strip() for name in names] != [str(i) for i in range(len(names))] or len(names) == 1


def _read_parquet(path: Path) -> Any:
    from pyarrow import parquet
    return parquet.read_table(path)


def _place(columns: list[str], label_column: str, path: Path) -> int:
    if columns.count(label_column) != 1:
        close = difflib.get_close_matches(label_column, columns, 1)
        shown = ", ".join(columns[:10]) + (f" … ({len(columns)})" if len(columns) > 10 else "")
        what = "no" if label_column not in columns else "more than one"
        raise InputError(f"{path}: {what} column {label_column!r}"
                         f"{f'; did you mean {close[0]!r}?' if close and what == 'no' else ';'} it has "
                         f"{shown}")
    return columns.index(label_column)


def _labels(column: Any, name: str, path: Path) -> np.ndarray:
    if column.null_count:
        row = int(np.flatnonzero(column.is_null().to_numpy())[0]) + 1
        raise InputError(f"{path}: no label in row {row}, column {name!r} ({column.null_count} missing); "
                         "fill or remove these rows")
    values = np.asarray(column.to_pylist())
    return values if values.dtype.kind in "iubfU" else values.astype(str)


def _numbers(column: Any, name: str, path: Path) -> np.ndarray:
    """One column as float64, NaN for missing."""
    import pyarrow as pa
    kind = column.type
    if pa.types.is_boolean(kind):
        column = column.cast(pa.int8())
    elif not (pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind)
              or pa.types.is_null(kind)):
        odd = ((i, value) for i, value in enumerate(column.to_pylist(), 1) if not _is_number(value))
        row, value = next(odd, (1, kind))
        raise InputError(f"{path}: column {name!r} is not numeric ({str(value)!r:.40} in row {row}); remove "
                         f"it, or if it holds the labels, name it with --label-column {name}")
    return np.asarray(column.cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False), np.float64)


def _is_number(value: Any) -> bool:
    try:
        return value is None or float(value) is not None
    except (TypeError, ValueError):
        return False


def load_table(path: Path, *, label_column: str | None = None, seed: int = 0) -> Dataset:
    """A `.csv` or `.parquet` file as float32 (N, F), split 80/20 by seed, standardised with the training
    part's numbers.

    Raises:
      InputError: as `read_table`, and for missing or infinite values; it names row (from 1, without the
        header) and column.
    """
    table = read_table(path, label_column)
    with np.errstate(over="ignore"):
        bad = ~np.isfinite(table.values.astype(np.float32))
    if bad.any():
        row, column = (int(i) for i in np.argwhere(bad)[0])
        value = table.values[row, column]
        what = "missing value" if np.isnan(value) else f"value {value:g} that float32 cannot hold"
        raise InputError(f"{path}: {what} in row {row + 1}, column {table.columns[column]!r} "
                         f"({int(bad.sum())} such values in all); fill or remove them")
    kept, held, note = hold_out(len(table.values), seed, path)
    standardiser = Standardiser.fit(table.values[kept])
    notes = (*table.notes, note, "every column standardised: (x - mean) / std of the training part")
    same = (table.values[kept] == table.values[kept][0]).all(0)
    constant = [name for name, is_same in zip(table.columns, same, strict=True) if is_same]
    if constant:
        notes = (*notes, f"constant columns: {', '.join(constant[:10])}{' …' if len(constant) > 10 else ''}")
    labels, label_names = encode_labels({"labels": table.labels}, path)
    known = labels["labels"]
    more = f" … ({len(table.columns)})" if len(table.columns) > 5 else ""
    return Dataset(standardiser.apply(table.values[kept]), None if known is None else known[kept],
                   standardiser.apply(table.values[held]), None if known is None else known[held], path.stem,
                   label_names, f"{path.stem}: table in {path}, columns {', '.join(table.columns[:5])}{more}",
                   standardiser, None, notes)
