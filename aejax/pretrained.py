"""Trained runs for others: a folder with a model card, without paths of this machine, and optionally a hub.

    config.json            recipe, training, versions, shape and range of the data, digest of the parameters
    params.safetensors     the parameters
    README.md              the model card
    results.json, threshold.json, detector.safetensors, compression.safetensors     where the run has them
    SHA256SUMS             of the others, as sha256sum writes them

`runs.load` reads it as any run, and all verbs that read a run do.
"""

import json
import re
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from aejax import runs
from aejax.files import SUMS, checksums, new_folder, writing
from aejax.types import InputError

CARD, MARK = "README.md", "params.safetensors"
COPIED = ("params.safetensors", "detector.safetensors", runs.CODEC)
OPEN = ("mnist_mini", "mnist", "fashion_mnist")   # data that anyone can load by name
_REPOSITORY = re.compile(r"[\w.-]{1,96}/[\w.-]{1,96}")
_COLUMNS = {"mse": "test MSE, [0, 1]²", "psnr": "PSNR, dB", "restored_mse": "corrupted → clean MSE",
            "restored_psnr": "PSNR, dB ", "jacobian_norm": "mean ‖∂h/∂x‖"}   # of results.json


def save_pretrained(run: str | Path, folder: str | Path, *, license: str | None = None, overwrite: bool = False,
                    ) -> Path:
    """Writes a run as a folder to give away, whole or not at all; returns its path.

    What says where things lay (paths, the command, names of files) is left out; data that anyone can load by name keep
    their name.

    Args:
      run: folder of a trained run.
      folder: missing, empty, or an older one with `overwrite`.
      license: an SPDX identifier for the card, "apache-2.0"; none is claimed if not given.

    Raises:
      InputError: no finished run, a folder that holds something else, or that cannot be written.
    """
    found, folder = runs.load(run), Path(folder).expanduser()
    if found.path.resolve() == folder.resolve():
        raise InputError(f"{folder} is the run itself: name another folder")
    results = _json(found.path / "results.json")
    threshold = _json(found.path / "threshold.json")
    config = _public(found.config)
    with new_folder(folder, overwrite=overwrite, mark=MARK, kind="run") as temporary, writing(folder):
        for name in COPIED:
            if (found.path / name).is_file():
                shutil.copyfile(found.path / name, temporary / name)
        runs.write_json(temporary / "config.json", config)
        rows = None if results is None else _measured(results, config)
        if rows is not None:
            runs.write_json(temporary / "results.json", rows)
        if threshold is not None:
            threshold = {name: value for name, value in threshold.items() if name != "source"}
            runs.write_json(temporary / "threshold.json", threshold)
        (temporary / CARD).write_text(card(folder.resolve().name, config, rows, threshold, license))
        (temporary / SUMS).write_text(checksums(temporary))
    return folder.resolve()


def from_pretrained(place: str | Path, *, revision: str | None = None) -> runs.Run:
    """Reads what `save_pretrained` wrote, from a folder or from the hub ("owner/name", with the extra hub).

    Raises:
      InputError: neither a folder nor a name of a repository; files that changed since they were saved; no connection.
    """
    folder = Path(place).expanduser()
    if not folder.is_dir():
        if not _REPOSITORY.fullmatch(str(place)):
            raise InputError(f"{place} is neither a folder nor a repository of the hub (owner/name)")
        folder = _download(str(place), revision)
    if (folder / SUMS).is_file() and (found := _changed(folder)):
        raise InputError(f"{folder}: {found}; copy the whole folder again")
    return runs.load(folder)


def push_to_hub(folder: str | Path, repository: str, *, private: bool = True, token: str | None = None) -> str:
    """Uploads a folder of `save_pretrained` to the Hugging Face hub, or to HF_ENDPOINT; returns its address.

    Args:
      folder: what `save_pretrained` wrote: nothing else is uploaded.
      repository: "owner/name", made if it is not there.
      private: whether a new one is.
      token: of the account; what the hub's client has stored if not given.

    Raises:
      InputError: no such folder, another name, the extra hub is not installed, or the hub refuses.
    """
    folder = Path(folder).expanduser()
    if not all((folder / name).is_file() for name in (CARD, SUMS, MARK)) or _changed(folder):
        raise InputError(f"{folder} is no folder of save_pretrained, or has changed since: save the run again")
    if not _REPOSITORY.fullmatch(repository):
        raise InputError(f"{repository!r} is no name of a repository: owner/name")
    hub = _hub()
    try:
        api = hub.HfApi(token=token)
        address = api.create_repo(repository, private=private, exist_ok=True)
        api.upload_folder(repo_id=repository, folder_path=str(folder), commit_message="An aejax run")
    except Exception as error:   # the client's, and of whatever carries its requests
        raise InputError(f"the hub refuses {repository}: {_first_line(error)}") from error
    return str(address)


def card(name: str, config: Mapping[str, Any], results: Mapping[str, Any] | None, threshold: Mapping[str, Any] | None,
         license: str | None = None) -> str:
    """The model card: Markdown below the hub's fields, all of it from the run's own files.

    Args:
      name: of the model.
      config, results, threshold: contents of these files; None where there is none.
      license: an SPDX identifier.
    """
    recipe, data, training = config["recipe"], config["data"], config["training"]
    head = ["---", "library_name: aejax", *([f"license: {license}"] if license else []), "tags:", "- autoencoder",
            "- jax", f"- {recipe['variant']}", "---", "", f"# {name}", ""]
    size = "×".join(map(str, data["shape"]))
    within = "" if data["range"] is None else f" in [{data['range'][0]:g}, {data['range'][1]:g}]"
    facts = [f"A {recipe['variant'].replace('_', ' ')} autoencoder of {data['name']}, data of {size} values{within}: "
             f"{_network(recipe['network'])}.", "",
             f"Trained for {training['epochs']} epochs at most, {config.get('steps', '?')} steps of "
             f"{training['batch_size']} examples, by Adam at {training['learning_rate']:g}, seed {config['seed']}, "
             f"on {config['device']} with jax {config['versions']['jax']} and aejax {config['versions']['aejax']}.", ""]
    use = ["## Use", "", "```python", "from aejax import pretrained",
           f'run = pretrained.from_pretrained("{name}")    # this folder, or owner/name on the hub',
           "code = run.ae.encode(run.params, x)             # x: (N, " + ", ".join(map(str, data["shape"])) + ")",
           "again = run.ae.decode(run.params, code)", "```", ""]
    limits = ["## Limits", "", "* Made for data like those it was trained on; others come out as if they were."]
    if threshold is not None:
        limits.append(f"* Flags data whose {threshold['score']} is above {threshold['threshold']:.6g}: of fresh normal "
                      "data about as many as it was calibrated for, of drifting data any number.")
    return "\n".join([*head, *facts, "## Measured", "", *_table(results), "", *use, *limits, ""])


def _table(results: Mapping[str, Any] | None) -> Sequence[str]:
    """Rows of results.json: the model, then the baselines in italics."""
    if results is None:
        return ["Not measured: `aejax evaluate` measures a run beside its baselines."]
    rows = results["rows"]
    keys = [key for key in _COLUMNS if any(row.get(key) is not None for row in rows)]
    lines = ["| | " + " | ".join(_COLUMNS[key].strip() for key in keys) + " |", "|---" + "|---:" * len(keys) + "|"]
    for row in rows:
        cells = ["–" if row.get(key) is None else f"{row[key]:.4g}" for key in keys]
        name = f"*{row['name']}*" if row.get("baseline") else row["name"]
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return [*lines, "", f"On {results['data']['test']:,} examples that training did not see; baselines in italics."]


def _network(network: Mapping[str, Any]) -> str:
    fields = [f"{name} {value}" for name, value in network.items() if name not in ("name", "shape", "kernel_init")]
    return f"a {network['name']} network" + (f" ({', '.join(fields)})" if fields else "")


def _public(config: Mapping[str, Any]) -> dict[str, Any]:
    """The configuration without what says where data lay."""
    data, load = dict(config["data"]), config["data"].get("load") or {}
    open_data = load.get("source") in OPEN
    data |= {"load": {**load, "data_dir": None} if open_data else None, "notes": [],
             "source": load["source"] if open_data else "not published"}
    return {name: value for name, value in config.items() if name != "command"} | {"data": data}


def _measured(results: Mapping[str, Any], config: Mapping[str, Any]) -> dict[str, Any]:
    """The results with the data as in the configuration, without the command."""
    data = {**results["data"], "source": config["data"]["source"], "notes": config["data"]["notes"]}
    return {name: value for name, value in results.items() if name != "command"} | {"data": data}


def _changed(folder: Path) -> str | None:
    """Which files are not as they were saved, if any; a hub may add files of its own."""
    with writing(folder):
        written = set((folder / SUMS).read_text(errors="replace").splitlines())
        names = sorted(line[66:] for line in written - set(checksums(folder).splitlines()))
    return f"{', '.join(names)} changed since it was saved" if names else None


def _json(path: Path) -> dict[str, Any] | None:
    try:
        return json.loads(path.read_text()) if path.is_file() else None
    except (OSError, ValueError) as error:
        raise InputError(f"{path} is damaged ({error}): make it again") from error


def _hub() -> Any:
    try:
        import huggingface_hub
    except ImportError:
        raise InputError("the hub needs huggingface_hub, which is not installed: pip install 'aejax[hub]'") from None
    return huggingface_hub


def _download(repository: str, revision: str | None) -> Path:
    hub = _hub()
    try:
        return Path(hub.snapshot_download(repository, revision=revision))
    except Exception as error:   # as above
        raise InputError(f"{repository} cannot be read from the hub: {_first_line(error)}") from error


def _first_line(error: Exception) -> str:
    return next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)
