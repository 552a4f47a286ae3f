"""`aejax anomaly fit` and `aejax anomaly score`."""

import dataclasses
import difflib
import logging
import shlex
from pathlib import Path
from typing import Any

import jax
import numpy as np

from aejax import data as sources
from aejax import detection, figures, metrics
from aejax.applications.anomaly_detection import contributions
from aejax.applications.detectors import SCORES, Detector, fit_detector, fit_score_map
from aejax.applications.reconstruction import reconstruct
from aejax.applications.thresholds import THRESHOLDS, threshold_by
from aejax.data.dataset import Standardiser
from aejax.data.inputs import Inputs
from aejax.data.tables import read_table
from aejax.errors import CheckFailedError, InputsSkippedError
from aejax.files import atomic
from aejax.recipes import Recipe, build, build_corruption, nearest
from aejax.runs import Run, check_folder
from aejax.trackers import Progress
from aejax.types import InputError, Range
from aejax.verbs.common import given, load, numbers, refuse_to_replace, say_device, source_of
from aejax.workflows import Training, check_training, suited, train_run

logger = logging.getLogger("aejax")
SHOWN = 12        # pictures on the sheet
TABLES = (".csv", ".parquet")


def anomaly(flags: Any, *, command: str) -> None:
    """`aejax anomaly fit` or `aejax anomaly score`."""
    (score if hasattr(flags.action, "run") else fit)(flags.action, command=command)


def fit(flags: Any, *, command: str) -> None:
    """Trains on normal data, sets the threshold on held-out ones, says what to expect of it; prints the run's path."""
    method, alpha = _checked(flags)
    training = Training(epochs=flags.epochs, batch_size=64 if flags.batch_size is None else flags.batch_size,
                        learning_rate=flags.learning_rate, seed=flags.seed, validation=flags.validation,
                        patience=flags.patience)
    check_training(training)
    output = check_folder(flags.output, overwrite=flags.overwrite)
    _recipe(flags, (28, 28, 1), (0.0, 1.0))   # names and options are checked before data are read
    dataset, calibration, normal = _parts(load(flags), flags)
    training = suited(training, dataset, flags.batch_size)
    if method == "conformal":
        threshold_by(method, np.arange(len(calibration), dtype=float), alpha=alpha)   # enough of them?
    recipe = _recipe(flags, dataset.shape, dataset.range)
    name = flags.score or ("mahalanobis" if dataset.range is None else "combined")
    corruption = recipe.corruption and build_corruption(recipe.corruption)
    few = dataset.train[:100]
    ae = build(recipe)
    fit_detector(name, ae, ae.init(jax.random.key(0), few), few, corruption=corruption)   # does it suit them?
    say_device()
    trained = train_run(recipe, dataset, training, output, command=command, callbacks=[Progress("anomaly fit")])
    detector = fit_detector(name, trained.ae, trained.params, dataset.train, corruption=corruption)
    held = detector.score(trained.ae, trained.params, calibration)
    decision = detection.Decision(
        detector, method, alpha, threshold_by(method, held, alpha=alpha), np.sort(held),
        fit_score_map(_of_pixels(detector, trained, calibration)) if len(dataset.shape) == 3 else None, _columns(flags))
    detection.save(output, decision, {"source": source_of(flags), "normal_label": flags.normal_label,
                                      "calibration_fraction": flags.calibration})
    at = "" if alpha is None else f", alpha {alpha:g}"
    print(f"threshold {decision.threshold:.6g} ({method}{at}, {len(held)} held-out data): {decision.false_alarms()}")
    found = detector.score(trained.ae, trained.params, dataset.test)
    _report(found, normal, decision)
    figures.score_histogram(output / "figures" / "scores.png", {
        "training": detector.score(trained.ae, trained.params, dataset.train), "held out": held,
        "test": found[normal], "test, odd": found[~normal]},
        threshold=decision.threshold, score=name)
    print(output.resolve())
    what = "PICTURES" if len(dataset.shape) == 3 else "DATA"
    logger.info("next: %s %s --output scores.csv", shlex.join(["aejax", "anomaly", "score", str(output)]), what)


def _checked(flags: Any) -> tuple[str, float | None]:
    """The method of the threshold and its alpha, from flags that are checked before any work."""
    nearest(flags.score or "combined", SCORES, "score")
    if flags.score == "denoising" and flags.variant != "denoising":
        raise InputError("--score denoising goes with --variant denoising, which has the noise that it needs")
    if not 0 < flags.calibration < 1:
        raise InputError(f"--calibration is a fraction between 0 and 1, got {flags.calibration:g}")
    for name in ("alpha", "contamination"):
        value = getattr(flags, name)
        if value is not None and not 0 < value < 1:
            advice = "; leave it out where all data are normal, and give --alpha" if name == "contamination" else ""
            raise InputError(f"--{name} lies between 0 and 1, got {value:g}{advice}")
    if flags.contamination is not None:
        if flags.alpha is not None or flags.threshold not in (None, "quantile"):
            raise InputError("--contamination says how many data are flagged: leave out --alpha, and --threshold "
                             "unless it is quantile")
        return "quantile", flags.contamination
    method = nearest(flags.threshold or "conformal", THRESHOLDS, "threshold")
    if method == "mad":
        if flags.alpha is not None:
            raise InputError("--alpha does not apply to --threshold mad, which promises no rate")
        return method, None
    return method, 0.05 if flags.alpha is None else flags.alpha


def _recipe(flags: Any, shape: tuple[int, ...], range: Range | None) -> Recipe:
    """The recipe that the flags describe; what they leave open is what `experiments.anomaly` found to do well."""
    table, count = range is None, int(np.prod(shape))
    widths, code_dim, std = ([256], min(32, max(1, count // 2)), 0.3) if table else ([], min(512, count), 0.6)
    network = {"name": flags.network, "shape": list(shape), "code_dim": flags.code_dim or code_dim,
               "code_activation": "identity" if table else "relu"} | given(
        widths=numbers(flags.widths, "widths"), precision=None if flags.precision == "float32" else flags.precision)
    if flags.network == "dense":
        network = {"widths": widths, "activation": "relu"} | network
    loss: dict[str, Any] = {"name": "squared_error", "activation": "sigmoid"}
    if table:
        loss |= {"activation": "identity", "range": None}
    elif range[0] < 0:
        loss["activation"] = "tanh"
    corruption = None
    if flags.variant == "denoising":
        corruption = {"name": "gaussian_noise", "std": std if flags.std is None else flags.std}
    elif flags.std is not None:
        raise InputError(f"--std is the noise of denoising, it does not apply to {flags.variant}")
    recipe = Recipe(flags.variant, network, loss, corruption)
    build(recipe)
    return recipe


def _parts(dataset: sources.Dataset, flags: Any) -> tuple[sources.Dataset, np.ndarray, np.ndarray]:
    """Data to learn from, with the whole test part; data to calibrate on; which test data are normal.

    A table is standardised anew by what is learnt from, so that held-out and fresh data are treated alike.
    """
    train, normal = dataset.train, np.ones(len(dataset.test), bool)
    if flags.normal_label is not None:
        label = _label(dataset, flags.normal_label)
        train, normal = train[dataset.train_labels == label], dataset.test_labels == label
        logger.info("data: label %s is normal: %d of %d training data", flags.normal_label, len(train),
                    len(dataset.train))
    learn, calibration = sources.split_validation(train, flags.calibration, flags.seed)
    old = dataset.standardiser
    test = dataset.test
    if old is not None:
        new = Standardiser.fit(old.invert(learn))
        learn, calibration, test = (new.apply(old.invert(part)) for part in (learn, calibration, test))
        dataset = dataclasses.replace(dataset, standardiser=new)
    note = f"{flags.calibration:.0%} of the training data held out for the threshold"
    return dataclasses.replace(dataset, train=learn, train_labels=None, train_groups=None, test=test,
                               notes=(*dataset.notes, note)), calibration, normal


def _label(dataset: sources.Dataset, wanted: str) -> int:
    if dataset.train_labels is None or dataset.test_labels is None:
        raise InputError(f"{dataset.name} has no labels, which --normal-label needs: name the column that holds them "
                         "with --label-column, or put pictures into a folder for each label")
    present = np.unique(dataset.train_labels)
    names = {str(label if dataset.label_names is None else dataset.label_names[label]): int(label) for label in present}
    if wanted in names:
        return names[wanted]
    close = difflib.get_close_matches(wanted, names, 1)
    raise InputError(f"no label {wanted!r} in {dataset.name}{f'; did you mean {close[0]!r}?' if close else ';'} it has "
                     f"{', '.join([*names][:20])}")


def _columns(flags: Any) -> tuple[str, ...]:
    path = Path(flags.data).expanduser()
    if flags.data in sources.NAMES or path.suffix.lower() not in TABLES:
        return ()
    return read_table(path, flags.label_column).columns


def _of_pixels(detector: Detector, model: Any, x: np.ndarray) -> np.ndarray:
    """What each value of pictures adds to the score, or to the reconstruction error where the score is no such sum."""
    found = detector.contributions(model.ae, model.params, x)
    found = contributions(model.ae, model.params, x) if found is None else found
    return found[:, :x[0].size].reshape(x.shape)


def _report(found: np.ndarray, normal: np.ndarray, decision: detection.Decision) -> None:
    """How the test part fares, which neither model nor threshold has seen."""
    flagged = found > decision.threshold
    text = f"test part: {flagged[normal].sum()} of {normal.sum()} normal data flagged"
    if not normal.all():
        text += f", {flagged[~normal].sum()} of {(~normal).sum()} others"
        if normal.any():
            text += f", AUROC {metrics.auroc(found[normal], found[~normal]):.4f}"
    print(text)


def score(flags: Any, *, command: str) -> None:
    """Writes score, p-value and flag of every datum, and the sheet of the oddest pictures; prints the file's path."""
    target = flags.output.expanduser()
    if target.suffix.lower() not in TABLES:
        raise InputError(f"--output {target}: give a file name that ends in .csv or .parquet")
    run, decision = detection.load(flags.run)
    inputs = sources.read_inputs(flags.path, run.shape, run.config["data"]["standardiser"],
                                 label_column=flags.label_column, columns=decision.columns, skip_damaged=True)
    sheet = target.with_suffix(".png")
    refuse_to_replace((target, sheet) if inputs.pictures else (target,), flags.overwrite)
    for note in inputs.notes:
        logger.info("%s", note)
    for reason in inputs.skipped:
        logger.warning("skipped: %s", reason)
    scores = decision.detector.score(run.ae, run.params, inputs.x)
    flagged = scores > decision.threshold
    _write(target, _table(run, decision, inputs, scores, flagged, flags.path))
    print(f"{flagged.sum()} of {len(scores)} flagged; of as many normal data: {decision.false_alarms(len(scores))}")
    if inputs.pictures:
        _sheet(sheet, run, decision, inputs.x, scores)
        print(sheet.resolve())
    print(target.resolve())
    count = len(inputs.skipped)
    skipped = f"{count} picture{'s' if count > 1 else ''} skipped, all others are scored" if count else ""
    if flags.fail_on_anomaly and flagged.any():
        raise CheckFailedError(f"{flagged.sum()} of {len(scores)} are odd: see {target}"
                               f"{f'; {skipped}' if skipped else ''}")
    if skipped:
        raise InputsSkippedError(f"{skipped}: {'; '.join(inputs.skipped)}")


def _table(run: Run, decision: detection.Decision, inputs: Inputs, scores: np.ndarray, flagged: np.ndarray, path: Path,
           ) -> dict[str, Any]:
    """The columns of the output."""
    if inputs.pictures:
        table = {"file": [str(file.relative_to(path) if path.is_dir() else file.name) for file in inputs.files]}
    else:
        table = {"row": np.arange(1, len(scores) + 1)}
    table |= {"score": scores.astype(np.float64), "p_value": decision.p_values(scores), "anomaly": flagged.astype(int)}
    if len(run.shape) == 1 and (parts := decision.detector.contributions(run.ae, run.params, inputs.x)) is not None:
        count = run.shape[0]
        names = decision.columns or tuple(f"f{i}" for i in range(count))
        table |= {f"contribution_{name}": parts[:, i] for i, name in enumerate(names)}
        if parts.shape[1] > count:
            table["code_contribution"] = parts[:, count:].sum(axis=1)
    return table


def _write(target: Path, table: dict[str, Any]) -> None:
    import pyarrow as pa
    from pyarrow import csv, parquet
    with atomic(target) as temporary:
        (csv.write_csv if target.suffix.lower() == ".csv" else parquet.write_table)(pa.table(table), temporary)


def _sheet(sheet: Path, run: Run, decision: detection.Decision, x: np.ndarray, scores: np.ndarray) -> None:
    """The oddest pictures, the oddest first: input, reconstruction, map on the frozen scale."""
    x = x[np.argsort(-scores, kind="stable")[:SHOWN]]
    maps = decision.score_map(_of_pixels(decision.detector, run, x))
    figures.image_rows(sheet, [
        ("input, oddest first", np.asarray(metrics.to_unit(x, run.ae.range))),
        ("reconstruction", np.asarray(metrics.to_unit(reconstruct(run.ae, run.params, x), run.ae.range))),
        ("what is odd", maps[..., None])], title="white: odder than 99.9 % of the pixels of held-out normal pictures")
