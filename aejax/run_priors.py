"""The priors of a run: priors/<name>.safetensors beside its parameters, fitted once and read again."""

import json
from collections.abc import Mapping
from typing import Any

from safetensors import SafetensorError, safe_open
from safetensors.numpy import save as serialise

from aejax.applications.generation import KINDS, as_arrays, of_arrays
from aejax.applications.priors import Prior
from aejax.files import atomic
from aejax.runs import PRIORS, Run
from aejax.types import InputError

DECLARED = ("adversarial", "importance_weighted", "variational", "wasserstein")   # variants trained towards N(0, I)


def save(run: Run, name: str, prior: Prior, settings: Mapping[str, Any]) -> None:
    """Writes a prior that was fitted to the codes of the run, with the settings that it was fitted with."""
    content = serialise(as_arrays(prior), metadata={"params_sha256": run.config["params_sha256"],
                                                    "settings": json.dumps(dict(settings), sort_keys=True)})
    with atomic(run.path / PRIORS / f"{name}.safetensors") as temporary:
        temporary.write_bytes(content)


def load(run: Run, name: str) -> tuple[Prior, dict[str, Any]] | None:
    """The prior of that name and its settings; None where the run has none, or one of other parameters.

    Raises:
      InputError: a damaged file.
    """
    path = run.path / PRIORS / f"{name}.safetensors"
    if not path.is_file():
        return None
    try:
        with safe_open(path, "np") as file:
            facts = file.metadata() or {}
            arrays = {part: file.get_tensor(part) for part in file.keys()}   # noqa: SIM118 (no mapping)
        settings = json.loads(facts["settings"])
        own = facts["params_sha256"] == run.config["params_sha256"]
        return (of_arrays(name, arrays), settings) if own else None
    except (SafetensorError, KeyError, ValueError, OSError, InputError) as error:
        raise InputError(f"{path} is damaged ({error}): remove it, and fit the prior again") from error


def saved(run: Run) -> list[str]:
    """Names of the priors that the run holds."""
    return [name for name in KINDS if (run.path / PRIORS / f"{name}.safetensors").is_file()]


def default(run: Run) -> str:
    """The prior to draw from where none is named: N(0, I) if the run was trained towards it, else the one it holds.

    Raises:
      InputError: there is none, or several.
    """
    if run.recipe.variant in DECLARED or run.ae.posterior is not None:
        return "normal"
    names = saved(run)
    if len(names) == 1:
        return names[0]
    if names:
        raise InputError(f"{run.path} holds several priors: choose one, --prior {' or '.join(names)}")
    raise InputError(f"{run.path}: a {run.recipe.variant} autoencoder declares no distribution of its codes, so that "
                     "there is none to draw from: fit one with --prior mixture (or gaussian, flow"
                     f"{', autoregressive' if run.ae.codebook is not None else ''})")
