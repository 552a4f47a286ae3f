"""`aejax sample`."""

import functools
import json
import logging
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import jax
import numpy as np

from aejax import data as sources
from aejax import figures, metrics, report, run_priors
from aejax.applications import classifier as classifiers
from aejax.applications import generation, sample_quality
from aejax.applications.priors import COMPONENTS, Mixture, Prior, check_number, check_temperature
from aejax.applications.reconstruction import decode
from aejax.runs import Run, load, write_json
from aejax.types import InputError
from aejax.verbs.common import data_of, in_units, numbers, print_aligned, refuse_to_replace, write_arrays
from aejax.workflows import Training, parts

logger = logging.getLogger("aejax")
MOST = 256   # samples in a figure
TITLES = {"normal": "N(0, I)", "gaussian": "the Gaussian of the codes", "mixture": "a mixture of {}Gaussians",
          "flow": "a coupling flow", "autoregressive": "an autoregressive model of indices"}


def sample(flags: Any, *, command: str) -> None:
    """`aejax sample RUN`: the grid, its arrays, a file of facts and measures; the last line is the grid's path."""
    components = numbers(flags.components, "components")
    _check(flags, components)
    run = load(flags.run)
    generation.check_decodes(run.ae)
    name = flags.prior or run_priors.default(run)
    if components and name != "mixture":
        raise InputError(f"--components does not apply to the prior {name}, only to mixture")
    picture = flags.output.expanduser()
    targets = [picture] if len(run.shape) == 3 else []
    targets += [arrays := picture.with_suffix(".npz"), facts := picture.with_suffix(".json")]
    refuse_to_replace(targets, flags.overwrite)

    @functools.cache
    def dataset() -> sources.Dataset:
        return data_of(run, data_dir=flags.data_dir, otherwise="take --prior normal, which needs none")
    prior = _prior(run, name, dataset, components, flags.refit)
    key = jax.random.key(flags.seed)
    codes = np.asarray(prior.sample(key, flags.number, temperature=flags.temperature))
    made = decode(run.ae, run.params, codes)
    found = _measured(run, prior, dataset, flags) if flags.examples else None
    write_arrays(arrays, {"samples": in_units(run, made), "codes": codes})
    title = (f"{run.path.resolve().name}: samples from {_title(name, prior)}, "
             f"temperature\N{NO-BREAK SPACE}{flags.temperature:g}, seed\N{NO-BREAK SPACE}{flags.seed}")
    shown = np.asarray(metrics.to_unit(made, run.ae.range))[:MOST]
    if len(run.shape) == 3:
        _draw(picture, shown, title)
        _add_to_report(run, name, shown, title, found)
    write_json(facts, {"command": command, "run": str(run.path.resolve()), "prior": name,
                       "temperature": flags.temperature, "seed": flags.seed, "samples": len(made),
                       "data": run.config["data"]["name"], "measures": found})
    if found:
        print_aligned([["measure", "value"]] + [[measure.replace("_", " "), f"{value:.4g}"]
                                                for measure, value in found.items()])
    print(targets[0].resolve())


def _check(flags: Any, components: list[int] | None) -> None:
    """Refuses flags before anything is read."""
    check_number(flags.number)
    check_temperature(flags.temperature)
    if flags.prior is not None and flags.prior not in generation.KINDS:
        raise InputError(f"unknown prior {flags.prior!r}: one of {', '.join(generation.KINDS)}")
    if components is not None and min(components) < 1:
        raise InputError(f"--components {flags.components}: numbers from 1 on")
    for name, least in (("seed", 0), ("examples", 0)):
        if getattr(flags, name) < least:
            raise InputError(f"--{name} must be at least {least}, got {getattr(flags, name)}")
    if flags.examples == 1:
        raise InputError("--examples 1: measures are of at least some hundred samples; 0 leaves them out")
    if flags.output.expanduser().is_dir() or flags.output.suffix.lower() != ".png":
        raise InputError(f"--output {flags.output}: name a file that ends in .png")


def _prior(run: Run, name: str, dataset: Callable[[], sources.Dataset], components: list[int] | None,
           refit: bool) -> Prior:
    """The prior that the run holds, or a new one of the codes of its training data, which is kept in the run."""
    if name == "normal":
        empty = np.zeros((1, *run.shape), np.float32)
        return generation.fit_prior(name, run.ae, run.params, empty, key=jax.random.key(0))
    settings = {} if name != "mixture" else {"components": components or list(COMPONENTS)}
    held = None if refit else run_priors.load(run, name)
    if held is not None and (components is None or held[1] == settings):
        return held[0]
    if name == "autoregressive" and run.ae.codebook is None:
        generation.fit_prior(name, run.ae, run.params, np.zeros((1, *run.shape)), key=jax.random.key(0))   # refuses
    train = parts(dataset(), Training(**run.config["training"]))[0]
    logger.info("fitting %s to the codes of %d examples", TITLES[name].format(""), len(train))
    key = jax.random.fold_in(jax.random.key(run.config["seed"]), 40_000)
    prior = generation.fit_prior(name, run.ae, run.params, train, key=key, **settings)
    run_priors.save(run, name, prior, settings)
    return prior


def _measured(run: Run, prior: Prior, dataset: Callable[[], sources.Dataset], flags: Any,
              ) -> Mapping[str, Any] | None:
    """Measures of fresh samples, as many as there are test pictures, where there is a classifier of the data."""
    if run.shape != classifiers.SHAPE or run.config["data"]["name"] not in classifiers.NAMES:
        return None
    try:
        data = dataset()
    except InputError as error:
        return logger.warning("no measures: %s", error)
    test = data.test[: flags.examples]
    key = jax.random.fold_in(jax.random.key(flags.seed), 1)
    made = generation.sample(run.ae, run.params, prior, key, len(test), temperature=flags.temperature)
    against = sample_quality.reference(classifiers.load(data.name), data.train, test)
    return {"examples": len(test), **sample_quality.measure(np.asarray(metrics.to_unit(made, run.ae.range)), against)}


def _title(name: str, prior: Prior) -> str:
    return TITLES[name].format(f"{len(prior.means)} " if isinstance(prior, Mixture) else "")


def _draw(path: Path, images: np.ndarray, title: str) -> None:
    """A grid about as wide as high, on the frozen grey scale."""
    columns = int(np.ceil(np.sqrt(len(images))))
    rows = [("", images[begin: begin + columns]) for begin in range(0, len(images), columns)]
    figures.image_rows(path, rows, title=title)


def _add_to_report(run: Run, name: str, images: np.ndarray, title: str, found: Mapping[str, Any] | None) -> None:
    """Shows samples on the run's page, where there is one."""
    page, figure = run.path / "report.html", run.path / "figures" / f"samples_{name}.png"
    if not page.is_file():
        return
    _draw(figure, images[:64], title)
    caption = f"{title}; black 0, white 1, nothing chosen by hand."
    text = [] if found is None else [report.Text(json.dumps(dict(found), indent=1), code=True)]
    report.add_section(page, f"Samples: {name}", [report.Picture(figure, caption), *text])
