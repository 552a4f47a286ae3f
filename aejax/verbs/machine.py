"""`aejax doctor`."""

import dataclasses
import json
from typing import Any

from aejax import listing, workflows
from aejax.doctor import examine
from aejax.errors import CheckFailedError
from aejax.runs import Run, load
from aejax.training_doctor import LOOKED_FOR
from aejax.types import InputError
from aejax.verbs.common import data_of, print_aligned


def doctor(flags: Any, *, command: str) -> None:
    """`aejax doctor [RUN]`: what is found about the machine, or about a run, as text or JSON.

    Raises:
      CheckFailedError: of the machine: a self-test failed, or there is no device to run it on.
    """
    if flags.run is not None:
        return _examine_run(flags)
    for name in ("data", "data_dir"):
        if getattr(flags, name) is not None:
            raise InputError(f"--{name.replace('_', '-')} is for a run: name it, aejax doctor RUN")
    found = examine()
    if flags.json:
        print(json.dumps(found))
    else:
        print_aligned(_lines(found), left=(0, 1))
    if found["failed"]:
        raise CheckFailedError("; ".join(found["failed"]))


def _examine_run(flags: Any) -> None:
    run = load(flags.run)
    training = workflows.Training(**run.config["training"])
    dataset = data_of(run, data=flags.data, data_dir=flags.data_dir, resize=True)
    history = _history(run)
    found = workflows.examine(run.recipe, run.ae, run.params, history, dataset, training)
    if flags.json:
        print(json.dumps({"run": str(run.path), "data": dataset.name, "looked_for": [*LOOKED_FOR],
                          "history": history is not None, "findings": [dataclasses.asdict(each) for each in found]}))
        return
    for finding in found:
        print(f"{finding.name}: {finding.what}\n  what to do: {finding.fix}")
    if not found:
        print("nothing found; looked for")
        print_aligned([(f"  {name}", text) for name, text in LOOKED_FOR.items()], left=(0, 1))
    if history is None:
        print(f"losses were not looked at: {run.path} has no metrics.jsonl")


def _history(run: Run) -> dict[str, list[float]] | None:
    """The numbers of all epochs, by name; None where the run does not keep them."""
    try:
        logs = listing.epochs(run.path)
        return {name: [float(line[name]) for line in logs] for name in logs[0] if name != "epoch"} if logs else None
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(f"{run.path / 'metrics.jsonl'} is damaged ({type(error).__name__}: {error}): remove it, and "
                         "all but the losses is looked at") from error


def _lines(found: dict[str, Any]) -> list[tuple[str, str]]:
    """What was found, as name and text; a name that goes on over several lines stands in the first."""
    machine, numbers, cache = found["machine"], found["numbers"], found["compile_cache"]
    missing = {name: f"not complete (without {', '.join(packages)})" if packages else "installed"
               for name, packages in found["extras"].items()}
    tests = [(f"{'ok' if test['ok'] else 'FAILED'}: {test['device']}", test["finding"]) for test in found["self_test"]]
    groups = {
        "versions": [(name, number or "not installed") for name, number in found["versions"].items()],
        "extras": list(missing.items()) or [("unknown", "aejax is not installed as a package")],
        "machine": [("system", machine["system"]), ("cores for us", str(machine["cores"] or "unknown")),
                    ("free memory", _size(machine["free_memory"]))],
        "devices": [(f"{d['count']} x {d['platform']}", f"{d['kind']}, memory {_size(d['memory'])}"
                     f"{', used by default' if d['default'] else ''}") for d in found["devices"]],
        "numbers": [("float", numbers["float"]), ("matrix products", f"{numbers['matmul_precision']} precision"),
                    ("float64 (x64)", "on" if numbers["x64"] else "off"), ("random bits", numbers["random_bits"])],
        "environment": list(found["environment"].items()) or [("–", "no variable that matters here is set")],
        "compiled programs": [] if cache is None else _cache(cache),
        "data": list(found["data"].items()),
        "self-test": tests}
    return [(f"{group if not i else '':<18} {name}", text) for group, lines in groups.items()
            for i, (name, text) in enumerate(lines)]


def _cache(cache: dict[str, Any]) -> list[tuple[str, str]]:
    lines = [("folder", str(cache["folder"] or "none")),
             ("found again", "yes (tried)" if cache["hits"] else f"no: {cache['reason']}")]
    if "entries" in cache:
        written = "" if cache["writable"] else ", none can be added"
        lines.insert(1, ("held", f"{cache['entries']:,} in {_size(cache['bytes'])}{written}"))
    return lines


def _size(count: int | None) -> str:
    if count is None:
        return "unknown"
    unit, name = next(((u, n) for u, n in ((1e9, "GB"), (1e6, "MB")) if count >= u), (1e3, "kB"))
    return f"{count / unit:.1f} {name}"
