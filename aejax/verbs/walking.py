"""`aejax interpolate`, `aejax steer` and `aejax mix`."""

import contextlib
import json
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import traverse_util
from safetensors.numpy import save as serialise

from aejax import data as sources
from aejax import figures, metrics
from aejax.applications import classifier as classifiers
from aejax.applications import edits, interpolation, steering, style_mixing
from aejax.applications.reconstruction import encode
from aejax.autoencoder import to_range
from aejax.files import atomic
from aejax.recipes import build_loss, build_network
from aejax.runs import Run, load
from aejax.types import InputError
from aejax.verbs.common import data_of, given, in_units, print_aligned, refuse_to_replace, write_arrays

logger = logging.getLogger("aejax")
HELD_OUT = 1000   # test images on which a walk's errors are measured
FOR_MEAN = 2000   # training images whose mean style is the mean
MOST = 8          # images a side of a table of mixtures


def interpolate(flags: Any, *, command: str) -> None:
    """`aejax interpolate RUN A B`: strip.png, interpolation.npz, and a line of numbers for each path."""
    names = tuple(interpolation.PATHS) if flags.path == "all" else tuple(flags.path.split(","))
    for name in names:
        if name not in interpolation.PATHS:
            raise InputError(f"--path {name}: all, or some of {', '.join(interpolation.PATHS)}")
    if flags.steps < 2:
        raise InputError(f"--steps must be at least 2, the two ends, got {flags.steps}")
    run = load(flags.run)
    figure, arrays = _free(flags, "strip.png", "interpolation.npz")
    data = _Data(run, flags)
    a, b = (np.asarray(to_range(jnp.asarray(data.example(text)), run.ae.range)) for text in (flags.a, flags.b))
    data.say()
    paths = {name: interpolation.PATHS[name](run.ae, run.params, a, b, flags.steps) for name in names}
    found = {"a": in_units(run, a)[0], "b": in_units(run, b)[0]}
    for name, path in paths.items():
        found[f"{name}_images"] = in_units(run, np.asarray(path.images[0]))
        if path.codes is not None:
            found[f"{name}_codes"] = np.asarray(path.codes[0])
        if path.energies is not None:
            found[f"{name}_energies"] = np.asarray(path.energies[0])
    write_arrays(arrays, found)
    unit = {name: np.asarray(metrics.to_unit(path.images[0], run.ae.range)) for name, path in paths.items()}
    print_aligned(_numbers(unit, data))
    if len(run.shape) != 3:   # no pictures
        print(arrays.resolve())
        return
    ends = [np.asarray(metrics.to_unit(x, run.ae.range)) for x in (a, b)]
    blank = np.ones((flags.steps - 2, *run.shape), np.float32)   # the ends stand above the ends of the paths
    figures.image_rows(figure, [("A and B", np.concatenate([ends[0], blank, ends[1]])), *unit.items()])
    print(figure.resolve())


def steer(flags: Any, *, command: str) -> None:
    """`aejax steer RUN --edit NAME`: strip.png, steering.npz, steering.safetensors, and errors for each alpha."""
    edit = edits.find(flags.edit)
    limit = edit.limit if flags.limit is None else flags.limit
    steering.check_walk(flags.walk, limit)
    alphas = np.linspace(-limit, limit, 7).astype(np.float32) if flags.alpha is None else _alphas(flags.alpha)
    for name, least in (("examples", 1), ("epochs", 1), ("seed", 0)):
        if getattr(flags, name) < least:
            raise InputError(f"--{name} must be at least {least}, got {getattr(flags, name)}")
    run = load(flags.run)
    if len(run.shape) != 3:
        raise InputError(f"{run.path}: edits are of images, but the run takes examples of shape {run.shape}")
    figure, arrays, weights = _free(flags, "strip.png", "steering.npz", "steering.safetensors")
    data = _Data(run, flags)
    shown = (sources.read_inputs(flags.pictures, run.shape).x if flags.pictures else
             np.concatenate([data.test_example(text, "--index ") for text in flags.index.split(",")]))
    shown = np.asarray(to_range(jnp.asarray(shown), run.ae.range))
    train, test = data.dataset.train[: flags.examples], data.dataset.test[:HELD_OUT]
    data.say()
    learnt = steering.learn(run.ae, run.params, train, edit=flags.edit, walk=flags.walk, joint=flags.joint,
                            limit=limit, key=jax.random.key(flags.seed), epochs=flags.epochs,
                            batch_size=min(256, len(train)))
    walked = steering.steer(run.ae, learnt, shown, alphas)
    edited = steering.edited(run.ae, flags.edit, shown, alphas)
    write_arrays(arrays, {"alpha": alphas, "images": shown, "walked": walked, "edited": edited}
                  | given(direction=learnt.direction))
    facts = {"edit": flags.edit, "walk": flags.walk, "joint": flags.joint, "limit": limit, "command": command}
    flat = traverse_util.flatten_dict(dict(learnt.parameters), sep="/")
    with atomic(weights) as temporary:
        temporary.write_bytes(serialise({name: np.ascontiguousarray(leaf) for name, leaf in flat.items()},
                                        metadata={name: json.dumps(value) for name, value in facts.items()}))
    errors = steering.errors(run.ae, run.params, learnt, test, alphas)
    print_aligned([["alpha", *errors]] + [[f"{alpha:g}", *(f"{values[i]:.4f}" for values in errors.values())]
                                          for i, alpha in enumerate(alphas)])
    print(f"mean squared errors to the image edited by alpha ({edit.unit}), on the [0, 1] scale; {len(test)} test "
          "images")
    rows = [(label, np.asarray(metrics.to_unit(x[i], run.ae.range))) for i in range(min(6, len(shown)))
            for label, x in (("edited image", edited), (f"{flags.walk} walk", walked))]
    listed = ", ".join(f"{alpha:g}" for alpha in alphas)
    figures.image_rows(figure, rows, title=f"{flags.edit}: alpha {listed} {edit.unit}")
    print(figure.resolve())


def mix(flags: Any, *, command: str) -> None:
    """`aejax mix RUN A B`: one picture of three tables of mixtures."""
    if flags.output.suffix.lower() != ".png":
        raise InputError(f"--output {flags.output}: the result is one picture; name a file that ends in .png")
    if not 0 <= flags.psi <= 1:
        raise InputError(f"--psi must be from 0 to 1, got {flags.psi:g}")
    run = load(flags.run)
    if run.recipe.network["name"] != "style" or run.recipe.variant == "quantised":
        raise InputError(f"{run.path}: no styles in a {run.recipe.variant} {run.recipe.network['name']} network: "
                         "train with --network style, and another variant than quantised")
    refuse_to_replace([output := flags.output.expanduser()], flags.overwrite)
    data = _Data(run, flags)
    a, b = data.examples(flags.a), data.examples(flags.b)
    network = build_network(run.recipe.network)
    space = style_mixing.in_style_space(network, reconstruction=build_loss(run.recipe.reconstruction))

    def of(x: np.ndarray) -> np.ndarray:
        return style_mixing.styles(network, run.params, encode(run.ae, run.params, x))
    styles = [of(a), of(b)]
    if flags.psi < 1:
        mean = of(data.dataset.train[:FOR_MEAN]).mean(axis=0)
        styles = [style_mixing.truncate(each, mean, flags.psi) for each in styles]
    data.say()
    found = style_mixing.table(space, run.params, *styles, network.groups, layer_count=network.layer_count)
    layers = {name: "layer " + ", ".join(map(str, group)) for name, group in network.groups.items()}
    figures.mixtures(output, *(np.asarray(metrics.to_unit(x, run.ae.range)) for x in (a, b)), {
        f"{name} styles of B ({layers[name]}),\nthe others of A": np.asarray(metrics.to_unit(images, run.ae.range))
        for name, images in found.items()})
    print(output.resolve())


class _Data:
    """The data of a run, or those that the flags name, read when they are first needed."""

    def __init__(self, run: Run, flags: Any):
        self.run, self.flags = run, flags
        self.loaded: sources.Dataset | None = None

    @property
    def dataset(self) -> sources.Dataset:
        """Of the shape that the run takes."""
        if self.loaded is None:
            with _silence():
                self.loaded = data_of(self.run, data=self.flags.data, data_dir=self.flags.data_dir)
        return self.loaded

    def say(self) -> None:
        """Tells people which data were read, once all that could be wrong with the input is known to be right."""
        if self.loaded is not None:
            for line in (self.loaded.source, *self.loaded.notes):
                logger.info("data: %s", line)

    def test_example(self, text: str, flag: str = "") -> np.ndarray:
        """(1, *shape): the test example of the number that was typed."""
        if not text.strip().lstrip("+-").isdigit():
            raise InputError(f"{flag}{text}: give numbers of test examples, with commas between")
        index, test = int(text), self.dataset.test
        if not 0 <= index < len(test):
            raise InputError(f"no test example {index}: {self.dataset.name} has {len(test)}, from 0 to {len(test) - 1}")
        return test[index: index + 1]

    def example(self, text: str) -> np.ndarray:
        """(1, *shape): the test example of that number, or the one example of a file."""
        if text.lstrip("+-").isdigit():
            return self.test_example(text)
        inputs = sources.read_inputs(text, self.run.shape, self.run.config["data"]["standardiser"])
        if len(inputs.x) != 1:
            raise InputError(f"{text}: {len(inputs.x)} examples; name a file with one, or the number of a test example")
        for note in inputs.notes:
            logger.info("%s", note)
        return inputs.x

    def examples(self, text: str) -> np.ndarray:
        """(N, *shape): the test examples of these numbers, or all pictures of a file or folder; at most `MOST`."""
        if text.replace(",", "").replace(" ", "").lstrip("+-").isdigit():
            found = np.concatenate([self.test_example(each) for each in text.split(",")])
        else:
            inputs = sources.read_inputs(text, self.run.shape)
            found = inputs.x
            for note in inputs.notes:
                logger.info("%s", note)
        if len(found) > MOST:
            raise InputError(f"{text}: {len(found)} images; a table has room for {MOST} a side")
        return found


@contextlib.contextmanager
def _silence() -> Iterator[None]:
    """Keeps what is no warning to itself."""
    level = logger.level
    logger.setLevel(logging.WARNING)
    try:
        yield
    finally:
        logger.setLevel(level)


def _numbers(unit: dict[str, np.ndarray], data: _Data) -> list[list[str]]:
    """For each path its energy, and where there is a classifier of the data, what it says of the middle."""
    cells = [["path", "energy", "largest step"]]
    for name, images in unit.items():
        steps = np.square(np.diff(images, axis=0)).reshape(len(images) - 1, -1).sum(axis=1)
        cells.append([name, f"{steps.sum():.4g}", f"{np.sqrt(steps.max()):.4g}"])
    if data.loaded is None or data.loaded.name not in classifiers.NAMES or data.run.shape != classifiers.SHAPE:
        return cells
    judge = classifiers.load(data.loaded.name)
    real = judge.features(data.loaded.train)
    cells[0] += ["middle to nearest real image", "entropy"]
    for line, images in zip(cells[1:], unit.values(), strict=True):
        found = interpolation.measure(judge, np.clip(images[None], 0, 1), real)
        middle = len(images) // 2
        line += [f"{float(found.distance[0, middle]):.4g}", f"{float(found.entropy[0, middle]):.4g}"]
    return cells


def _free(flags: Any, *names: str) -> list[Path]:
    """The paths of results in --output, none of which is there unless --overwrite."""
    paths = [flags.output.expanduser() / name for name in names]
    refuse_to_replace(paths, flags.overwrite)
    return paths


def _alphas(text: str) -> np.ndarray:
    """The numbers of "-30,0,30" or "-30:30:7"."""
    ends = text.split(":")
    try:
        if len(ends) == 1:
            found = [float(part) for part in text.split(",")]
        else:
            low, high, count = ends
            if not np.isfinite((float(low), float(high))).all():
                found = [float(low), float(high)]   # refused below
            else:
                found = list(np.linspace(float(low), float(high), max(int(count), 0)))
    except ValueError:
        found = []
    if not found:
        raise InputError(f"--alpha {text}: give numbers with commas between, or LOW:HIGH:COUNT, for example "
                         "--alpha=-30:30:7")
    return edits.check_alpha(found)
