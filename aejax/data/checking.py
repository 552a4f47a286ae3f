"""`check`: what is in a data set, and what is wrong with it, before anything is trained on it."""

import hashlib
import os
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np

from aejax.data import arrays, loading, pictures, tables
from aejax.data.dataset import encode_labels
from aejax.data.shard_index import read_index
from aejax.data.shards import is_shards, open_shards
from aejax.files import InputError

IMBALANCE = 10   # warned of when the largest class has more times as many examples as the smallest


def check(source: str | os.PathLike, *, size: loading.Size = None, label_column: str | None = None,
          data_dir: str | os.PathLike | None = None) -> dict[str, Any]:
    """Counts what is in a data set, and lists what is wrong with it.

    Files of arrays and tables are looked at as they are, so that their problems are all reported; everything
    else as `load` gives it.

    Args:
      source, size, label_column, data_dir: as for `load`.

    Returns:
      A dict that JSON can hold: "name", "kind" ("images", "vectors" or "table"), "examples" {"train", "test"}, "shape"
      of a datum, "dtype", "range" {"min", "max", "mean"} of the finite values, "missing" {"nan", "inf"},
      "duplicates" {"train": training examples that equal an earlier one, "test_in_train": test examples that are also
      training examples}, "classes" {"train": {label: count}, "test": …} or None, "constant_pixels" (or columns) in
      training, "sizes" {"HxW": count} where pictures differ in theirs (then what needs equal sizes is None), "notes",
      "warnings".

    Raises:
      InputError: what cannot be read at all.

    >>> report = check("mnist_mini")
    >>> report["examples"], report["duplicates"], report["classes"]["test"]["7"]
    ({'train': 10000, 'test': 2000}, {'train': 0, 'test_in_train': 0}, 200)
    """
    path = Path(os.fspath(source)).expanduser()
    if path.is_dir() and os.fspath(source) not in loading.NAMES and is_shards(path):
        return _check_shards(path)
    suffix = path.suffix.lower()
    raw = path.is_file() and os.fspath(source) not in loading.NAMES
    try:
        if raw and suffix in loading.ARRAY_SUFFIXES:
            report = _check_arrays(path)
        elif raw and suffix in loading.TABLE_SUFFIXES:
            report = _check_table(path, label_column)
        else:
            options = {"data_dir": data_dir, "size": size, "label_column": label_column}
            return _check_loaded(loading.load(source, **options))
    except pictures.UnequalSizes:
        return _check_sizes(path)
    try:
        loading.load(source, data_dir=data_dir, size=size, label_column=label_column)
    except InputError as error:
        report["warnings"].append(f"cannot be trained on: {error}")
    return report


def _check_loaded(dataset) -> dict[str, Any]:
    labels = {"train": dataset.train_labels, "test": dataset.test_labels}
    return _report(dataset.name, "table" if dataset.standardiser else _kind(dataset.train),
                   {"train": dataset.train, "test": dataset.test}, labels, dataset.label_names, dataset.notes)


def _check_shards(folder: Path) -> dict[str, Any]:
    """The report on a folder of shards, whose checksums are compared; needs no memory for what is in them."""
    parts = {part: open_shards(folder, part, verify=True) for part in read_index(folder)["parts"]}
    train = parts["train"]
    count = sum(map(len, parts.values()))
    statistics = [part.statistics for part in parts.values()]
    mean = sum(part.statistics["mean"] * len(part) for part in parts.values()) / count
    files = sum(len(part.files) for part in parts.values())
    size = sum(part.nbytes for part in parts.values())
    report = {
        "name": train.name, "kind": "images" if len(train.shape) > 1 else "vectors",
        "examples": {part: len(parts.get(part, ())) for part in ("train", "test")}, "shape": list(train.shape),
        "dtype": str(train.dtype), "range": {"min": min(each["min"] for each in statistics),
                                             "max": max(each["max"] for each in statistics), "mean": mean},
        "missing": {"nan": 0, "inf": 0},   # conversion lets none pass
        "duplicates": None, "classes": _classes({part: each.labels for part, each in parts.items()}, train.label_names),
        "constant_pixels": None, "sizes": None,
        "notes": [*train.notes, f"{files} shards, {size / 2**20:.1f} MiB; every checksum is right", train.source],
        "warnings": []}
    report["warnings"] = _warnings(report, all_constant=report["range"]["min"] == report["range"]["max"])
    return report


def _check_arrays(path: Path) -> dict[str, Any]:
    parts, notes = arrays.read_parts(path)
    data = {name: parts[name] for name in ("train", "test") if name in parts}
    for name, x in data.items():
        if x.dtype.kind not in "biuf" or x.ndim < 2:
            raise InputError(f"{path}: {name} is {x.dtype} of shape {x.shape}; expected numbers, one example "
                             "per row")
    labels = {name: parts.get(f"{name}_labels") for name in data}
    try:
        known, label_names = encode_labels(labels, path)
        problems = []
    except InputError as error:
        known, label_names, problems = {}, None, [str(error)]
    report = _report(path.stem, _kind(data["train"]), data, known, label_names, notes)
    report["warnings"] += problems
    return report


def _check_table(path: Path, label_column: str | None) -> dict[str, Any]:
    table = tables.read_table(path, label_column)
    labels, label_names = encode_labels({"train": table.labels}, path)
    report = _report(path.stem, "table", {"train": table.values}, labels, label_names, table.notes)
    bad = (~np.isfinite(table.values)).any(0)
    lacking = [name for name, lacks in zip(table.columns, bad, strict=True) if lacks]
    if lacking:
        report["warnings"].append(f"columns with missing or infinite values: {', '.join(lacking[:10])}; "
                                  "aejax.estimators.Imputer learns from such tables and fills them")
    return report


def _check_sizes(folder: Path) -> dict[str, Any]:
    """The report on a folder of pictures of several sizes: what can be said without making them equal."""
    plan = pictures.plan_pictures(folder)
    sizes, kinds, values, keys = Counter(), Counter(), np.zeros(256, np.int64), {part: [] for part in plan.rows}
    for part, rows in plan.rows.items():
        for row in rows:
            picture = pictures.read_picture(plan.paths[row])
            height, width, channels = picture.shape
            sizes[f"{height}x{width}"] += 1
            kinds[channels] += 1
            values += np.bincount(picture.ravel(), minlength=256)
            keys[part].append(_key(picture) + str(picture.shape).encode())
    mixed = (f"{kinds[1]} grey, {kinds[3]} colour",) if len(kinds) > 1 else ()
    there = np.flatnonzero(values)
    report = {"name": folder.resolve().name, "kind": "images",
              "examples": {part: len(rows) for part, rows in plan.rows.items()},
              "shape": None, "dtype": "uint8",
              "range": {"min": float(there[0]), "max": float(there[-1]),
                        "mean": float(values @ np.arange(256) / values.sum())},
              "missing": {"nan": 0, "inf": 0}, "duplicates": _duplicates(keys),
              "classes": _classes({part: plan.labels_of(part) for part in plan.rows}, plan.label_names),
              "constant_pixels": None, "sizes": dict(sizes.most_common()),
              "notes": [*mixed, *plan.notes], "warnings": []}
    report["warnings"] = [f"{len(sizes)} different sizes: bring all to one with --size HxW, or train on patches with "
                          "--patches HxW", *_warnings(report, all_constant=False)]
    return report


def _kind(x: np.ndarray) -> str:
    return "vectors" if x.ndim == 2 else "images"


def _report(name: str, kind: str, data: dict[str, np.ndarray], labels: dict[str, np.ndarray | None],
            label_names: tuple[str, ...] | None, notes: tuple[str, ...]) -> dict[str, Any]:
    train = data["train"]
    keys = {part: [_key(row) for row in x] for part, x in data.items()}
    floats = [x for x in data.values() if x.dtype.kind == "f"]
    nan, inf = (sum(int(f(x).sum()) for x in floats) for f in (np.isnan, np.isinf))
    first = train[:1]
    constant = int((train == first).reshape(len(train), -1).all(0).sum()) if len(train) > 1 else 0
    report = {
        "name": name, "kind": kind, "examples": {part: len(data.get(part, ())) for part in ("train", "test")},
        "shape": list(train.shape[1:]), "dtype": str(train.dtype), "range": _range(data.values()),
        "missing": {"nan": nan, "inf": inf},
        "duplicates": _duplicates(keys),
        "classes": _classes(labels, label_names), "constant_pixels": constant, "sizes": None,
        "notes": list(notes), "warnings": []}
    report["warnings"] = _warnings(report, constant == first.size)
    return report


def _duplicates(keys: dict[str, list[bytes]]) -> dict[str, int | None]:
    known = set(keys["train"])
    return {"train": len(keys["train"]) - len(known),
            "test_in_train": sum(key in known for key in keys["test"]) if "test" in keys else None}


def _key(row: np.ndarray) -> bytes:
    return hashlib.blake2b(np.ascontiguousarray(row).tobytes(), digest_size=16).digest()


def _range(parts) -> dict[str, float | None]:
    """Lowest, highest and mean finite value over all parts; None where there is none."""
    low, high, total, count = np.inf, -np.inf, 0.0, 0
    for x in parts:
        x = x[np.isfinite(x)] if x.dtype.kind == "f" else x
        if x.size:
            low, high = min(low, float(x.min())), max(high, float(x.max()))
            total, count = total + float(x.sum(dtype=np.float64)), count + x.size
    if not count:
        return {"min": None, "max": None, "mean": None}
    return {"min": low, "max": high, "mean": total / count}


def _classes(labels: dict[str, np.ndarray | None], label_names) -> dict[str, dict[str, int]] | None:
    counts = {}
    for part, values in labels.items():
        if values is not None:
            found, many = np.unique(values, return_counts=True)
            names = label_names or ()
            named = [names[v] if v < len(names) else str(v) for v in found.tolist()]
            counts[part] = dict(zip(named, many.tolist(), strict=True))
    return counts or None


def _warnings(report: dict[str, Any], all_constant: bool) -> list[str]:
    warnings = []
    missing, duplicates = report["missing"], report["duplicates"] or {"train": 0, "test_in_train": 0}
    if missing["nan"] or missing["inf"]:
        warnings.append(f"{missing['nan']} missing (NaN) and {missing['inf']} infinite values: fill or remove them")
    if duplicates["train"]:
        warnings.append(f"{duplicates['train']} training examples equal an earlier one: each counts as "
                        "often as it is there")
    if duplicates["test_in_train"]:
        warnings.append(f"leak: {duplicates['test_in_train']} test examples are also training examples: remove them "
                        "from one part, or errors on test data come out too low")
    if all_constant:
        warnings.append("all training examples are equal: there is nothing to learn")
    elif report["kind"] == "table" and report["constant_pixels"]:
        warnings.append(f"{report['constant_pixels']} columns are constant: they say nothing, remove them")
    for part, counts in (report["classes"] or {}).items():
        most, least = max(counts, key=counts.get, default=None), min(counts, key=counts.get, default=None)
        if counts and counts[most] > IMBALANCE * counts[least]:
            warnings.append(f"classes in {part} are unbalanced: {counts[most]} of {most!r}, {counts[least]} "
                            f"of {least!r}: numbers over all data are mostly those of {most!r}")
    return warnings
