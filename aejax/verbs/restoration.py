"""`aejax reconstruct`, `denoise`, `inpaint` and `upscale`."""

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from aejax import data as sources
from aejax import figures, metrics
from aejax.applications.inpainting import CodePrior, code_prior
from aejax.applications.reconstruction import encode
from aejax.applications.reconstruction import reconstruct as reconstruct_images
from aejax.applications.super_resolution import bicubic, consistency_error
from aejax.applications.whole_pictures import by, denoise_picture, inpaint_picture, upscale_picture
from aejax.contact_sheet import MOST, contact_sheet
from aejax.data.pictures import list_pictures
from aejax.errors import InputsSkippedError
from aejax.files import PICTURE_SUFFIXES, read_picture, write_array, write_picture
from aejax.photographs import read_photograph, write_photograph
from aejax.recipes import MASKS, fill_of
from aejax.runs import Run, load
from aejax.types import InputError
from aejax.verbs.common import data_of, given, readable, refuse_to_replace

logger = logging.getLogger("aejax")
_OF_METHOD = {"steps": ("projection", "energy"), "restarts": ("energy",), "prior_weight": ("energy",)}
PRIOR_EXAMPLES = 10_000   # whose codes the prior of `inpaint --method energy` is fitted on


def reconstruct(flags: Any, *, command: str) -> None:
    """`aejax reconstruct RUN PICTURES`: PNG files (or reconstructions.npy for arrays and tables) and a figure."""
    run = load(flags.run)
    inputs = sources.read_inputs(flags.pictures, run.shape, run.config["data"]["standardiser"])
    targets = [flags.output / f"{name}.png" for name in inputs.names] if inputs.pictures else [
        flags.output / "reconstructions.npy"]
    figure = flags.output / "figure.png"
    while figure in targets:   # a picture of that name
        figure = figure.with_name(f"_{figure.name}")
    refuse_to_replace((*targets, figure) if inputs.pictures else targets, flags.overwrite)
    for note in inputs.notes:
        logger.info("%s", note)
    outputs = reconstruct_images(run.ae, run.params, inputs.x)
    if not inputs.pictures:
        write_array(targets[0], inputs.restore(outputs))
        print(targets[0].resolve())
        return
    unit = np.clip(metrics.to_unit(outputs, run.ae.range), 0, 1)
    for target, image in zip(targets, unit, strict=True):
        write_picture(target, np.rint(image * 255).astype(np.uint8))
    given = np.asarray(metrics.to_unit(inputs.x, run.ae.range))
    figures.image_rows(figure, [("input", given[:10]), ("reconstruction", unit[:10])])
    error = metrics.mse(given, unit)
    print(f"{len(unit)} pictures, mean squared error {float(error.mean()):.5f} on the [0, 1] scale")
    print(figure.resolve())


def denoise(flags: Any, *, command: str) -> None:
    """`aejax denoise RUN PICTURES`: pictures of the same name and mode, and contact_sheet.png."""
    run = _run_of_pictures(flags.run)
    _warn_unless(run, lambda name: name.endswith("noise"), "noise")

    def restored(pixels: np.ndarray) -> dict[str, np.ndarray]:
        return {"input": pixels, "denoised": denoise_picture(run.ae, run.params, pixels, shape=run.shape)}
    _restore(flags, flags.pictures, restored)


def inpaint(flags: Any, *, command: str) -> None:
    """`aejax inpaint RUN PICTURE`: the picture with the hidden part filled in, and contact_sheet.png."""
    if (flags.mask is None) == (flags.box is None):
        raise InputError("say what is to be filled in, by either --mask FILE or --box X,Y,W,H")
    if flags.invert_mask and flags.mask is None:
        raise InputError("--invert-mask goes with --mask")
    for name, methods in _OF_METHOD.items():
        if getattr(flags, name) is not None and flags.method not in methods:
            raise InputError(f"--{name.replace('_', '-')} goes with --method {' or '.join(methods)}")
    if flags.picture.is_dir():
        raise InputError(f"{flags.picture} is a folder: give one picture, the one that the mask belongs to")
    run = _run_of_pictures(flags.run)
    options = {"method": flags.method} | given(steps=flags.steps, restarts=flags.restarts, weight=flags.prior_weight,
                                               fill=fill_of(run.recipe.corruption, run.ae.range))
    if flags.method == "energy":
        if run.ae.reconstruct is None:
            options["prior"] = _prior(run)
    else:
        _warn_unless(run, lambda name: name in MASKS, "hidden pixels")
    pixels = read_photograph(flags.picture).pixels
    known = _known_mask(flags, pixels.shape)
    hidden = np.argwhere(~known)
    logger.info("%d of %d pixels are filled in (%.1f %%)", len(hidden), known.size, 100 * len(hidden) / known.size)

    def restored(pixels: np.ndarray) -> dict[str, np.ndarray]:
        filled = inpaint_picture(run.ae, run.params, pixels, known, shape=run.shape, **options)
        return {"input": pixels, "known": np.where(known[..., None], pixels, 0.5), "inpainted": filled}
    place = (hidden.mean(axis=0) / known.shape).tolist() if len(hidden) else (0.5, 0.5)
    _restore(flags, flags.picture, restored, known=known, place=tuple(place))


def upscale(flags: Any, *, command: str) -> None:
    """`aejax upscale RUN PICTURES`: larger pictures of the same name and mode, and contact_sheet.png."""
    run = _run_of_pictures(flags.run)
    corruption = run.recipe.corruption or {}
    trained = corruption.get("factor", 2) if corruption.get("name") == "downsample" else None
    factor = flags.factor or trained
    if flags.factor is not None and flags.factor < 2:
        raise InputError(f"--factor must be at least 2, got {flags.factor}")
    if factor is None:
        raise InputError(f"{run.path} was not trained on coarse pictures: say how many times larger with --factor, or "
                         "train one with --corruption downsample --factor 4")
    if trained is None:
        _warn_unless(run, lambda name: name == "downsample", "coarse pictures")
    elif trained != factor:
        logger.warning("%s was trained to enlarge %d times, not %d: expect less of it", run.path, trained, factor)
    errors = []

    def restored(pixels: np.ndarray) -> dict[str, np.ndarray]:
        large = upscale_picture(run.ae, run.params, pixels, factor, shape=run.shape, consistent=flags.consistent)
        plain = np.clip(bicubic(pixels[None], factor)[0], 0, 1)
        errors.append([consistency_error(image[None], pixels[None])[0] for image in (plain, large)])
        return {"input": pixels, "bicubic": plain, "upscaled": large}
    _restore(flags, flags.pictures, restored, lambda: print(
        "averaged back to its size a result differs from its input by {1:.4f} on the [0, 1] scale, bicubic by {0:.4f} "
        "(root mean square)".format(*np.mean(errors, axis=0))))


def _run_of_pictures(path: Path) -> Run:
    run = load(path)
    if run.ae.range is None or len(run.shape) != 3 or run.shape[2] not in (1, 3):
        raise InputError(f"{run.path} takes data of shape {run.shape}, not pictures: train a run on pictures")
    return run


def _warn_unless(run: Run, fits: Callable[[str], bool], what: str) -> None:
    """Says that a run was trained for something else."""
    usual = "masking_noise" if run.recipe.variant == "denoising" else "no corruption"
    name = (run.recipe.corruption or {"name": usual})["name"]
    if not fits(name):
        logger.warning("%s was trained against %s, not against %s: expect little of it", run.path, name, what)


def _prior(run: Run) -> CodePrior:
    """The Gaussian of the codes of the run's own training data."""
    data = data_of(run, otherwise="energy needs the codes of these data, take another --method")
    rows = np.linspace(0, len(data.train) - 1, min(PRIOR_EXAMPLES, len(data.train))).astype(int)
    return code_prior(encode(run.ae, run.params, data.train[rows]))


def _known_mask(flags: Any, shape: tuple[int, ...]) -> np.ndarray:
    """True where a pixel is observed."""
    if flags.mask is not None:
        mask = read_picture(flags.mask).mean(axis=-1) >= 128
        if mask.shape != shape[:2]:
            raise InputError(f"{flags.mask}: a mask of {by(mask.shape)}, but {flags.picture} is {by(shape)} (height x "
                             "width): give a mask of the picture's size")
        known, where = mask ^ flags.invert_mask, flags.mask
    else:
        try:
            x, y, width, height = map(int, flags.box.split(","))
        except ValueError:
            raise InputError(f"--box {flags.box}: give four whole numbers, left,top,width,height, for example 8,8,14,14"
                             ) from None
        if min(x, y) < 0 or min(width, height) < 1 or x + width > shape[1] or y + height > shape[0]:
            raise InputError(f"--box {flags.box} (left, top, width, height) does not lie inside {flags.picture}, which "
                             f"is {shape[1]} wide and {shape[0]} high")
        known, where = np.ones(shape[:2], bool), f"--box {flags.box}"
        known[y: y + height, x: x + width] = False
    if not known.any():
        white = "; a mask is white where the picture is known, or add --invert-mask" if flags.mask else ""
        raise InputError(f"{where} hides the whole picture: there is nothing to go by{white}")
    return known


def _restore(flags: Any, place_of_pictures: Path, restored: Callable[[np.ndarray], dict[str, np.ndarray]],
             report: Callable[[], None] = lambda: None, *, known: np.ndarray | None = None,
             place: tuple[float, float] = (0.5, 0.5)) -> None:
    """Reads each picture, writes the last of `restored(pixels)` in its place below --output, then the contact sheet.

    Raises:
      InputError: nothing to read, or something there that would be replaced.
      InputsSkippedError: all is done but for pictures that could not be read.
    """
    targets, sheet = _targets(place_of_pictures, flags.output, flags.overwrite)
    shown, skipped = [], []
    for source, picture in readable(targets, read_photograph, skipped):
        results = restored(picture.pixels)
        label, pixels = list(results.items())[-1]
        for note in (*picture.notes, *write_photograph(targets[source], pixels, picture, known=known)):
            logger.info("%s: %s", source, note)
        if len(shown) < MOST:
            shown.append(results)
    if not shown:
        raise InputError(f"{place_of_pictures}: none of its {len(targets)} pictures can be read; give others")
    contact_sheet(sheet, {label: [results[label] for results in shown] for label in shown[0]}, [place] * len(shown))
    done = len(targets) - len(skipped)
    print(f"{done} picture{'s' if done > 1 else ''} {label}: {flags.output}")
    report()
    print(sheet.resolve())
    if skipped:
        raise InputsSkippedError(f"{len(skipped)} of {len(targets)} pictures skipped, all others are written: "
                                 f"{', '.join(map(str, skipped))}")


def _targets(place: Path, output: Path, overwrite: bool) -> tuple[dict[Path, Path], Path]:
    """{picture: where its restoration goes}, and the place of the contact sheet; nothing is touched."""
    place, output = place.expanduser(), output.expanduser()
    if not place.exists():
        raise InputError(f"{place}: no such file or folder; check the path")
    if place.is_dir():
        listing = list_pictures(place)
        inside = output.resolve() if output.resolve() != place.resolve() else None   # earlier results are no input
        paths = [path for path in listing.paths if inside not in path.resolve().parents]
        if not paths:
            raise InputError(f"{place}: holds no picture ({', '.join(PICTURE_SUFFIXES)}); give a folder with some")
        if listing.skipped:
            logger.info("%s: %d other files are left alone: not pictures, or in deeper folders", place, listing.skipped)
        targets = {path: output / path.relative_to(place) for path in paths}
    elif output.suffix.lower() in PICTURE_SUFFIXES and not output.is_dir():
        targets, output = {place: output}, output.parent
    else:
        targets = {place: output / place.name}
    sheet = output / "contact_sheet.png"
    while sheet in targets.values():   # a picture of that name
        sheet = sheet.with_name(f"_{sheet.name}")
    for source, target in targets.items():
        if target.resolve() == source.resolve():
            raise InputError(f"--output {output}: {source} itself would be replaced; choose another folder")
    refuse_to_replace((*targets.values(), sheet), overwrite)
    return targets, sheet
