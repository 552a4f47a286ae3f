"""`aejax evaluate` and `aejax gallery`."""

import json
from typing import Any

from aejax.compare import corruption_of
from aejax.gallery import write_gallery
from aejax.measuring import results
from aejax.runs import load
from aejax.verbs.common import data_of, print_table


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
