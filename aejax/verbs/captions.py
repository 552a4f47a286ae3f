"""`aejax captions`, `aejax imagine` and `aejax describe`."""

import logging
from typing import Any

import jax
import numpy as np

from aejax import captioning
from aejax import data as sources
from aejax.applications import captions as between
from aejax.data.captions import SIDE, held_out
from aejax.data.grammar import NOUNS, Vocabulary, scenes
from aejax.errors import InputsSkippedError
from aejax.files import PICTURE_SUFFIXES, write_picture
from aejax.recipes import nearest
from aejax.runs import check_folder
from aejax.trackers import Progress
from aejax.types import InputError
from aejax.verbs.common import refuse_to_replace, say_device
from aejax.workflows import Training, check_training

logger = logging.getLogger("aejax")


def captions(flags: Any, *, command: str) -> None:
    """`aejax captions`: trains into a run folder; the last line is its figure's path."""
    nearest(flags.data, tuple(NOUNS), "data set of captions")
    training = Training(epochs=flags.epochs, batch_size=flags.batch_size, learning_rate=flags.learning_rate,
                        seed=flags.seed, validation=0.0)
    check_training(training)
    if flags.compositions < flags.batch_size:
        raise InputError(f"--compositions {flags.compositions}: at least one batch of {flags.batch_size}")
    output = check_folder(flags.output, overwrite=flags.overwrite)
    source = {"source": flags.data, "data_dir": flags.data_dir and str(flags.data_dir)}
    data = sources.load(**source)
    say_device()
    captioning.train_captions(data, training, output, compositions=flags.compositions, command=command, source=source,
                              callbacks=[Progress("captions")])
    print((output / "figures" / "captions.png").resolve())


def imagine(flags: Any, *, command: str) -> None:
    """`aejax imagine RUN CAPTION`: one picture."""
    if flags.output.suffix.lower() not in PICTURE_SUFFIXES:
        raise InputError(f"--output {flags.output}: name a picture, one of {', '.join(PICTURE_SUFFIXES)}")
    if flags.seed is not None and flags.seed < 0:
        raise InputError(f"--seed must be at least 0, got {flags.seed}")
    run = captioning.load_captions(flags.run)
    words = run.vocabulary.split(flags.caption)
    output = flags.output.expanduser()
    refuse_to_replace([output], flags.overwrite)
    key = None if flags.seed is None else jax.random.key(flags.seed)
    picture = between.imagine(run.ae, run.params, run.vocabulary, [flags.caption], key=key, spread=flags.spread)[0]
    _remark(run.vocabulary, flags.caption)
    write_picture(output, np.rint(255 * picture).astype(np.uint8))
    logger.info("%d words, %s", len(words), "the most typical picture" if key is None else f"seed {flags.seed}")
    print(output.resolve())


def describe(flags: Any, *, command: str) -> None:
    """`aejax describe RUN PICTURES`: a line a picture."""
    run = captioning.load_captions(flags.run)
    inputs = sources.read_inputs(flags.pictures, (SIDE, SIDE, 1), skip_damaged=True)
    for note in (*inputs.notes, *(f"skipped: {reason}" for reason in inputs.skipped)):
        logger.warning("%s", note)
    candidates = [run.vocabulary.write(scene) for scene in scenes(len(run.vocabulary.nouns))]
    found = between.describe(run.ae, run.params, run.vocabulary, inputs.x, candidates)
    for name, caption in zip(inputs.names or map(str, range(len(found))), found, strict=True):
        print(f"{name}: {caption}" if len(found) > 1 else caption)
    if inputs.skipped:
        raise InputsSkippedError(f"{len(inputs.skipped)} skipped: {'; '.join(inputs.skipped)}")


def _remark(vocabulary: Vocabulary, caption: str) -> None:
    """Tells people how the caption relates to what the run was trained on."""
    try:
        scene = vocabulary.parse(caption)
    except InputError as error:
        logger.warning("%s; drawn all the same", error)
        return
    if held_out(scene):
        logger.info("a combination that no training caption had: %s", vocabulary.write(scene))
