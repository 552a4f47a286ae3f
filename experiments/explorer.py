"""How quickly does the page of `aejax explore` answer, and how near is its JavaScript to JAX?

A headless Chromium opens the page of each model, from the server and from the file that --export writes, and moves a
slider. A frame lasts from the slider's event until the decoded digit is on the canvas; filling in is the lower half of
a digit, by the energy on the server and by projection in the file. The difference to JAX is the largest of any pixel,
on the [0, 1] scale, over random codes from the Gaussian of the training codes. The models are the demo's 784-30-784 and
784-500-784, and a convolutional network with 16 and 32 channels; how well they are trained matters to no number.

Command: python -m experiments.explorer   (about 2 minutes on 2 cores; without a browser only the files are measured)
Result: experiments/results/explorer.json, and explorer.png, a picture of the page
"""

import dataclasses
import json
import sys
import tempfile
from pathlib import Path

import numpy as np
import tyro
from PIL import Image

from aejax import data
from aejax.compare import recipes
from aejax.explorer import scene as scenes
from aejax.explorer import server as servers
from aejax.explorer.export import export_page
from aejax.explorer.operations import Operations
from aejax.recipes import Recipe
from aejax.runs import Run, load
from aejax.workflows import Training, train_run
from experiments import _browser
from experiments._record import BaseConfig, Record

FRAMES = """(async () => {
  const input = document.getElementById("direction-1"), frame = document.getElementById("frame"), times = [];
  for (let i = 0; i < COUNT; i++) {
    const begin = performance.now(), drawn = new Promise((done) => {
      const observer = new MutationObserver(() => { observer.disconnect(); done(); });
      observer.observe(frame, { childList: true });
    });
    input.value = -3 + 6 * i / COUNT;
    input.dispatchEvent(new Event("input"));
    await drawn;
    times.push(performance.now() - begin);
  }
  return times;
})()"""
FILL = """(async () => {
  const state = document.getElementById("fill-state");
  document.getElementById("half").click();
  document.getElementById("fill").click();
  while (!state.textContent.includes("ms")) await new Promise((next) => setTimeout(next, 1));
  return parseFloat(state.textContent.replace(/^in /, ""));
})()"""
DECODED = """(() => {
  const read = (id) => JSON.parse(document.getElementById(id).textContent);
  const backend = new FileBackend(read("scene"), read("program"));
  return CODES.map((code) => Array.from(backend.decodeOne(code)));
})()"""
Values = dict[str, tuple[str, list[float]]]   # {metric: (unit, one value)}
IDLE = "document.body.dataset.working === '0'"


@dataclasses.dataclass(frozen=True)
class Config(BaseConfig):
    """`--smoke` trains the first model for one epoch on a few digits and looks at a few frames."""

    epochs: int = 15
    """Of each model, on the digits that come with aejax."""
    frames: int = 200
    """Positions of the slider."""


def main(config: Config) -> Record:
    """Trains, exports and measures one model after the other; draws the first."""
    record = Record("explorer", config)
    if config.smoke:
        config = dataclasses.replace(config, epochs=1, frames=5)
    digits = data.load("mnist_mini")
    if config.smoke:
        digits = dataclasses.replace(digits, train=digits.train[:512], test=digits.test[:40],
                                     train_labels=digits.train_labels[:512], test_labels=digits.test_labels[:40])
    for name, recipe in list(models(digits).items())[: 1 if config.smoke else None]:
        settings = {"epochs": config.epochs, "frames": config.frames, "browser": _browser.find() is not None}
        if not record.done(name, settings):
            with tempfile.TemporaryDirectory() as folder:
                run = trained(recipe, digits, Path(folder) / "standard-30", config.epochs)
                values = measured(run, digits, config, record.path.with_suffix(".png") if "30" in name else None)
            record.add(name, settings, values, seeds=[0], n=config.frames)
    return record


def models(digits: data.Dataset) -> dict[str, Recipe]:
    """By the name of a row."""
    demo = recipes(digits)
    network = {"name": "convolutional", "shape": list(digits.shape), "code_dim": 30, "channels": [16, 32]}
    return {"784-30-784": demo["standard-30"], "784-500-784": demo["standard-500"],
            "convolutional, 16 and 32 channels": Recipe("standard", network)}


def trained(recipe: Recipe, digits: data.Dataset, path: Path, epochs: int) -> Run:
    """A run of the recipe, in a folder."""
    train_run(recipe, digits, Training(epochs=epochs, batch_size=64), path, command="")
    return load(path)


def measured(run: Run, digits: data.Dataset, config: Config, picture: Path | None) -> Values:
    """The numbers of a run; of the first one a picture, too."""
    shown, prior = scenes.compose(run, digits)
    page = export_page(run.path / "page.html", run, digits, shown)
    found = {"size of the file": ("MB", page.stat().st_size / 1e6)}
    if _browser.find() is None:
        print("no browser here: the file alone is measured", file=sys.stderr)
        return {metric: (unit, [value]) for metric, (unit, value) in found.items()}
    operations = Operations(run, scenes.scale_of(run, digits), prior)
    operations.warm_up()
    drawn = np.random.default_rng(0).normal(size=(64, len(prior.mean))).astype(np.float32)
    codes = prior.mean + drawn @ prior.cholesky.T
    with _browser.serving(servers.application(operations, shown)) as port, _browser.started() as browser:
        for where, address in (("server", f"http://127.0.0.1:{port}/"), ("file", page.as_uri())):
            browser.open(address)
            browser.wait(IDLE)
            frames = browser.evaluate(FRAMES.replace("COUNT", str(config.frames)))
            found[f"frame, {where}"] = ("ms", float(np.median(frames)))
            found[f"frame, {where}, 95 %"] = ("ms", float(np.quantile(frames, 0.95)))
            found[f"filled in, {where}"] = ("ms", browser.evaluate(FILL))
            if picture is not None and where == "server":
                photograph(browser, picture)
        images = browser.evaluate(DECODED.replace("CODES", json.dumps(codes.tolist())))
    difference = np.abs(np.reshape(images, (64, *run.shape)) - operations.decode(codes)).max()
    found["difference to JAX"] = ("of [0, 1]", float(difference))
    return {metric: (unit, [value]) for metric, (unit, value) in found.items()}


def photograph(browser: _browser.Browser, path: Path) -> None:
    """The page after a drag on the map, with a digit half of which was filled in."""
    browser.mouse("#map", (0.25, 0.3), (0.6, 0.4), (0.85, 0.5))
    browser.wait(IDLE)
    browser.evaluate("scrollTo(0, 0)")
    browser.screenshot(path)
    with Image.open(path) as image:
        small = image.convert("RGB").point(lambda value: (value + 2) // 5 * 5)   # fewer values, greys stay grey
    small.save(path, optimize=True)


if __name__ == "__main__":
    main(tyro.cli(Config))
