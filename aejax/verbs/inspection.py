"""`aejax runs`, `aejax evaluate` and `aejax gallery`."""

import json
from typing import Any

from aejax import listing
from aejax.compare import corruption_of
from aejax.errors import InputsSkippedError
from aejax.gallery import write_gallery
from aejax.measuring import results
from aejax.recipes import nearest
from aejax.runs import load
from aejax.types import InputError
from aejax.verbs.common import data_of, print_aligned, print_table


def evaluate(flags: Any, *, command: str) -> None:
    """`aejax evaluate RUN`: the run's numbers on test data and the baselines', as a table or JSON."""
    run = load(flags.run)
    dataset = data_of(run, data=flags.data, data_dir=flags.data_dir, resize=True)
    rows = results({run.path.resolve().name: run}, dataset, run.recipe.corruption or corruption_of(dataset)).rows
    if flags.json:
        print(json.dumps({"run": str(run.path), "data": dataset.name, "examples": len(dataset.test), "rows": rows}))
    else:
        print_table(rows)


def gallery(flags: Any, *, command: str) -> None:
    """`aejax gallery`: the page of all experiments; prints its path."""
    print(write_gallery(flags.results, flags.output))


def runs(flags: Any, *, command: str) -> None:
    """`aejax runs [FOLDER]`: a line a run; what cannot be read is named."""
    nearest(flags.sort, listing.COLUMNS, "column")
    if not flags.folder.expanduser().is_dir():
        raise InputError(f"{flags.folder} is no folder: name the one that holds runs, or train one with aejax train")
    rows, damaged = listing.summaries(flags.folder.expanduser())
    rows = listing.ordered(rows, flags.sort)
    if flags.json:
        print(json.dumps({"folder": str(flags.folder), "runs": rows, "damaged": damaged}, indent=1))
    elif rows:
        print_aligned(listing.table(rows), left=(0, 1, 2, 4))
    else:
        print(f"no finished run in {flags.folder}: aejax train and aejax compare write into runs if not told else")
    if damaged:
        raise InputsSkippedError(f"{len(damaged)} skipped: {'; '.join(damaged)}")
