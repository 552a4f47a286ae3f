"""The main job: train the lecture's autoencoders on the same images and put them side by side on one page."""

import dataclasses
import logging
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import jax
import numpy as np

from aejax import figures, metrics
from aejax.applications import generation
from aejax.applications.reconstruction import reconstruct
from aejax.data import Dataset
from aejax.loss_courses import Finding
from aejax.measuring import Results, results
from aejax.recipes import Recipe, build
from aejax.report import Column, Picture, Table, Text, provenance, write_page
from aejax.run_priors import DECLARED
from aejax.runs import clear, environment, write_json
from aejax.training_doctor import LOOKED_FOR
from aejax.types import Callback, InputError
from aejax.workflows import Trained, Training, check_enough, check_training, examine, train_run

logger = logging.getLogger("aejax")

NOTEBOOK_MASK = {"name": "masking_noise", "rate": 0.5, "fill": 0.5, "rescale": True}
TABLE_MASK = {"name": "masking_noise", "rate": 0.5}   # of standardised columns: a masked value becomes the mean

# The strongest penalties of the grid 1e-6, 1e-5 … 1e-2 whose error on validation digits stayed below half of PCA-30's.
SPARSE_WEIGHT, CONTRACTIVE_WEIGHT = 1e-3, 1e-3

COLUMNS = (
    Column("name", "model"), Column("code_dim", "code"), Column("mse", "test MSE", "{:.5f}", -1),
    Column("signed_mse", "same, [-1, 1]", "{:.4f}", -1), Column("psnr", "PSNR dB", "{:.2f}", 1),
    Column("restored_mse", "corrupted → clean MSE", "{:.5f}", -1),
    Column("restored_signed_mse", "same, [-1, 1]", "{:.4f}", -1), Column("restored_psnr", "PSNR dB", "{:.2f}", 1),
    Column("jacobian_norm", "mean ‖∂h/∂x‖", "{:.2f}"), Column("parameters", "parameters", "{:,}"),
    Column("seconds", "seconds", "{:.1f}"))


TABLE_NOTE = (
    "Bold: best of the trained models. Italic rows are baselines, fitted on the same training data: PCA of the same "
    "code width, and ridge regression from corrupted to clean. MSE is on the [0, 1] scale (of standardised columns for "
    "tables) and 4 times as large on [-1, 1]; PSNR is the mean over images; ‖∂h/∂x‖ is the Frobenius norm on the "
    "model's own scale. One seed: differences of a few per cent mean nothing.")


def corruption_of(data: Dataset) -> dict[str, Any]:
    """The corruption that the denoising network learns and that every model is tested on."""
    return TABLE_MASK if data.range is None else NOTEBOOK_MASK


def recipes(data: Dataset, code_dim: int = 30, over_complete: int = 500, precision: str = "float32",
            ) -> dict[str, Recipe]:
    """The six autoencoders by name, with the notebook's loss, activations and initial weights (lecture.md's sources).

    Images live in [-1, 1] behind a tanh; tables are standardised and have a linear output.
    """
    loss = {"name": "mean_squared_error", "activation": "tanh"}
    if data.range is None:
        loss = {"name": "mean_squared_error", "activation": "identity", "range": None}

    def recipe(variant: str, d: int, code_activation: str = "tanh", **parts: Any) -> Recipe:
        network = {"name": "dense", "shape": list(data.shape), "code_dim": d, "code_activation": code_activation,
                   "kernel_init": "torch_linear"} | ({} if precision == "float32" else {"precision": precision})
        return Recipe(variant, network, loss, **parts)
    return {
        f"standard-{code_dim}": recipe("standard", code_dim),
        f"standard-{over_complete}": recipe("standard", over_complete),
        f"tied-{code_dim}": recipe("tied", code_dim, code_activation="identity"),   # a tied tanh code saturates
        f"sparse-{over_complete}": recipe("sparse", over_complete, options={"weight": SPARSE_WEIGHT}),
        f"denoising-{over_complete}": recipe("denoising", over_complete, corruption=corruption_of(data)),
        f"contractive-{over_complete}": recipe("contractive", over_complete, options={"weight": CONTRACTIVE_WEIGHT}),
    }


def compare(data: Dataset, training: Training, output: Path, *, command: str, code_dim: int = 30,
            over_complete: int = 500, precision: str = "float32", source: Mapping[str, Any] | None = None,
            progress: Callable[[str], Sequence[Callback]] = lambda name: ()) -> Path:
    """Trains the six autoencoders into `output`/<name>/, writes results.json and report.html beside them.

    Args:
      data: images, or a table.
      training: shared by all models.
      output: a folder; an older comparison's files in it are removed.
      command: printed in the report, for the reader who wants to repeat it.
      code_dim, over_complete: width of the small and of the large code.
      precision: of the networks' products.
      source: arguments of `data.load`, kept in the runs.
      progress: callbacks for a model's name.

    Returns:
      Absolute path of the page.
    """
    check_training(training)
    if code_dim < 1 or over_complete < 1 or code_dim == over_complete:
        raise InputError(f"--code-dim and --over-complete are two different numbers of at least 1, got {code_dim} and "
                         f"{over_complete}")
    named = recipes(data, code_dim, over_complete, precision)
    for recipe in named.values():
        build(recipe)
    check_enough(data, training)
    clear(output)
    trained = {name: train_run(recipe, data, training, output / name, command=command, source=source,
                               callbacks=progress(name)) for name, recipe in named.items()}
    return write_report(trained, data, training, output, command=command, corruption=corruption_of(data),
                        title=f"Autoencoders side by side: {data.name}")


def write_report(trained: Mapping[str, Trained], data: Dataset, training: Training, output: Path, *, command: str,
                 corruption: Mapping[str, Any], title: str) -> Path:
    """Measures the models, writes results.json, figures/ and report.html into `output`; returns the page's path.

    What is ill about a model is logged, and stands in results.json and on the page.
    """
    found = results(trained, data, corruption, training.seed)
    ill = {name: examine(t.recipe, t.ae, t.params, t.history, data, training) for name, t in trained.items()}
    for name, finding in ((name, finding) for name, those in ill.items() for finding in those):
        logger.warning("%s: %s", name, finding)
    settings = {"data": {"name": data.name, "source": data.source, "sha256": data.digest,
                         "train": len(data.train), "test": len(data.test), "notes": data.notes},
                "training": dataclasses.asdict(training), "corruption": dict(corruption), **environment()}
    write_json(output / "results.json", {"command": command, **settings, "rows": found.rows, "findings": ill})
    pictures = _pictures(output / "figures", data, trained, found)
    columns = [column for column in COLUMNS if any(row.get(column.key) is not None for row in found.rows)]
    kind = "autoencoder" if len(trained) == 1 else "autoencoders"
    lead = (f"{len(trained)} {kind} trained on {data.name} for {training.epochs} epochs at most, and measured on "
            f"{len(data.test):,} examples that training did not see.")
    sections = [("Results", [Table(columns, found.rows, TABLE_NOTE)])]
    sections += [(heading, [picture]) for heading, picture in pictures.items()]
    sections += [("Findings", _findings(ill)), ("Data", [Text(data.source), *map(Text, data.notes)]),
                 ("Repeat this", provenance(command, settings))]
    return write_page(output / "report.html", title, lead, sections)


def _findings(ill: Mapping[str, Sequence[Finding]]) -> list[Table | Text]:
    rows = [{"model": name, **dataclasses.asdict(finding)} for name, those in ill.items() for finding in those]
    note = f"Looked for: {'; '.join(LOOKED_FOR.values())}. On the validation part, or on training data without one."
    if not rows:
        return [Text(f"Nothing found. {note}")]
    return [Table([Column(key, key) for key in ("model", "name", "what", "fix")], rows, note)]


def chosen(data: Dataset, count: int = 10) -> np.ndarray:
    """Indices of the test examples that figures show: the first of each label, else the first ones."""
    if data.test_labels is None:
        return np.arange(min(count, len(data.test)))
    return np.unique(data.test_labels, return_index=True)[1][:count]


def _pictures(folder: Path, data: Dataset, trained: Mapping[str, Trained], found: Results) -> dict[str, Picture]:
    """Draws what can be drawn of these data, by the heading it belongs under."""
    figures.curves(folder / "curves.png", {name: t.history for name, t in trained.items()}, unit="with penalty")
    pictures = {"Training": Picture(folder / "curves.png", (
        "Loss by epoch, penalties included: curves of different models end at different heights for more than one "
        "reason, and a denoising network's loss is that of the harder task, from corrupted to clean."))}
    if found.clean.ndim != 4 or found.range is None:
        return pictures
    pick = chosen(data)

    def unit(a: np.ndarray) -> np.ndarray:
        return np.asarray(metrics.to_unit(a, found.range))
    linear = [next((name for name in found.baselines if name.startswith(kind)), None) for kind in ("PCA", "linear")]
    for index, (file, inputs) in enumerate((("clean", found.clean), ("corrupted", found.noisy))):
        rows = [("input", unit(found.clean[pick]))] + ([("corrupted input", unit(inputs[pick]))] if index else [])
        rows += [(name, unit(reconstruct(t.ae, t.params, inputs[pick]))) for name, t in trained.items()]
        if linear[index]:
            rows.append((linear[index], unit(found.baselines[linear[index]][index][pick])))
        figures.image_rows(folder / f"{file}.png", rows)
    pictures["Reconstructions"] = Picture(folder / "clean.png", (
        f"Test images, the first {'ones' if data.test_labels is None else 'of each class'}, and what each model makes "
        "of them; black 0, white 1." + (
            f" The row {linear[0]} is the best that a linear autoencoder of that width can do: look for strokes that "
            "it blurs and others keep." if linear[0] else "")))
    pictures["From corrupted to clean"] = Picture(folder / "corrupted.png", (
        "The same images corrupted, and each model's output" + (
            "; the last row is the best linear map from corrupted to clean" if linear[1] else "") +
        ". Only a denoising network was trained for this."))
    drawn = {name: t for name, t in trained.items() if t.recipe.variant in DECLARED}
    if drawn:
        rows = [(name, unit(_samples(t, data, seed))) for name, t in drawn.items() for seed in range(3)]
        figures.image_rows(folder / "samples.png", rows)
        pictures["Samples"] = Picture(folder / "samples.png", (
            "What becomes of codes drawn from N(0, I), which these models are trained towards; none chosen. aejax "
            "sample draws more, and from other distributions."))
    kernels = {name: np.asarray(t.params["encoder_kernel_0"]).T.reshape(-1, *data.shape)
               for name, t in trained.items() if "encoder_kernel_0" in t.params}
    if kernels:
        figures.kernels(folder / "kernels.png", kernels)
        pictures["Encoder kernels"] = Picture(folder / "kernels.png", (
            "The first 32 kernels of each encoder, all on one scale. Where the pixels never change the loss puts no "
            "pressure on the weights: there a standard network's kernels keep their random start."))
    return pictures


def _samples(trained: Trained, data: Dataset, seed: int) -> np.ndarray:
    """Ten, of codes drawn from N(0, I)."""
    prior = generation.fit_prior("normal", trained.ae, trained.params, data.train[:1], key=jax.random.key(0))
    return generation.sample(trained.ae, trained.params, prior, jax.random.key(seed), 10)
