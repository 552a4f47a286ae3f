"""`aejax VERB`: the flags; what a verb does stands in `aejax.verbs`. This file imports no JAX, so `--help` is quick."""

import dataclasses
import difflib
import logging
import shlex
import sys
from pathlib import Path
from typing import Annotated, Literal

import tyro
from tyro.conf import Positional, arg, subcommand

_OPTIONAL = "(optional)"
Int = Annotated[int | None, arg(metavar="INT", help_behavior_hint=_OPTIONAL)]
Float = Annotated[float | None, arg(metavar="FLOAT", help_behavior_hint=_OPTIONAL)]
Name = Annotated[str | None, arg(metavar="NAME", help_behavior_hint=_OPTIONAL)]
Text = Annotated[str | None, arg(metavar="TEXT", help_behavior_hint=_OPTIONAL)]
Place = Annotated[Path | None, arg(metavar="PATH", help_behavior_hint=_OPTIONAL)]
Size = Annotated[str | None, arg(metavar="HxW", help_behavior_hint=_OPTIONAL)]


@dataclasses.dataclass(frozen=True, kw_only=True)
class DataFlags:
    """Where the examples come from."""

    data: Annotated[str, arg(metavar="NAME|PATH")] = "mnist_mini"
    """mnist_mini (comes with aejax), mnist, fashion_mnist, a set prepared by tensorflow-datasets, or a path: a folder
    of pictures, a .npy, .npz, .csv or .parquet file."""
    data_dir: Place = None
    """Folder with IDX files or prepared sets; AEJAX_DATA_DIR if not given."""
    size: Size = None
    """Resize pictures, for example 32x32."""
    label_column: Name = None
    """Column of a table that holds the label."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class TrainingFlags:
    """How to train."""

    epochs: int = 20
    """Passes over the training data."""
    batch_size: int = 256
    """Examples a step."""
    learning_rate: float = 1e-3
    """Of Adam."""
    seed: int = 0
    """Of parameters, noise, order and splits."""
    validation: float = 0.1
    """Fraction of the training data held out for validation."""
    patience: Int = None
    """Stop after so many epochs without a better val_loss, and return to the best."""
    overwrite: bool = False
    """Replace the run that --output already holds."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Compare(TrainingFlags, DataFlags):
    """Train the lecture's six autoencoders and put them side by side on one HTML page."""

    epochs: int = 25
    """Passes over the training data."""
    batch_size: int = 64
    """Examples a step."""
    output: Path = Path("runs/compare")
    """Folder for the runs and the page."""
    code_dim: int = 30
    """Width of the small code."""
    over_complete: int = 500
    """Width of the large code."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Train(TrainingFlags, DataFlags):
    """Train one autoencoder into a run folder. VARIANT: contractive, denoising, sparse, standard or tied."""

    variant: Positional[Annotated[str, arg(metavar="VARIANT")]]
    """Which autoencoder."""
    output: Place = None
    """Run folder; runs/VARIANT if not given."""
    network: str = "dense"
    """dense or convolutional."""
    code_dim: int = 30
    """Width of the code."""
    widths: Text = None
    """Hidden layers of a dense network, for example 512,256."""
    channels: Text = None
    """Stages of a convolutional network, for example 16,32."""
    activation: Name = None
    """Of hidden layers: tanh, sigmoid, relu, elu, gelu, silu, softplus or identity."""
    code_activation: Name = None
    """Of the code: the same names."""
    tied: bool = False
    """The decoder of a dense network is the encoder's transpose."""
    loss: str = "squared_error"
    """squared_error, mean_squared_error or cross_entropy."""
    output_activation: Name = None
    """sigmoid (0 to 1), tanh (-1 to 1) or identity; what the data need if not given."""
    corruption: Name = None
    """masking_noise, gaussian_noise, salt_and_pepper_noise, block_mask or downsample."""
    rate: Float = None
    """Probability, of masking_noise and salt_and_pepper_noise."""
    std: Float = None
    """Of gaussian_noise, in units of the [0, 1] scale."""
    fill: Float = None
    """Value of masked pixels on the [0, 1] scale, of masking_noise and block_mask."""
    block_size: Int = None
    """Side in pixels, of block_mask."""
    factor: Int = None
    """Of downsample."""
    weight: Float = None
    """Weight of the variant's penalty."""
    sparsity: Name = None
    """l1 or kl."""
    target: Float = None
    """Wanted mean activation, with --sparsity kl."""
    method: Name = None
    """How the Jacobian norm is computed: auto, jacfwd, jacrev, gram, closed_form or hutchinson (an estimate)."""
    chunk_size: Int = None
    """Examples whose Jacobians are held at once."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Evaluate:
    """Measure a run on held-out data, beside its baselines."""

    run: Positional[Annotated[Path, arg(metavar="RUN")]]
    """Run folder."""
    data: Annotated[str | None, arg(metavar="NAME|PATH", help_behavior_hint=_OPTIONAL)] = None
    """Other data than the run was trained on."""
    data_dir: Place = None
    """Folder with IDX files or prepared sets; AEJAX_DATA_DIR if not given."""
    json: bool = False
    """Print JSON instead of a table."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Reconstruct:
    """Reconstruct pictures by a run: one PNG for each, and figure.png, which shows input above reconstruction."""

    run: Positional[Annotated[Path, arg(metavar="RUN")]]
    """Run folder."""
    pictures: Positional[Annotated[Path, arg(metavar="PICTURES")]]
    """A picture, a folder of pictures, or an .npy, .npz, .csv or .parquet file."""
    output: Path = Path("reconstructions")
    """Folder for the results."""
    overwrite: bool = False
    """Replace results that --output already holds."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Data:
    """Report shape, range, missing values, duplicates and class balance of data, and draw a grid of samples."""

    action: Positional[Literal["check"]]
    """What to do."""
    path: Positional[Annotated[str, arg(metavar="NAME|PATH")]]
    """A name or a path, as for --data of train."""
    data_dir: Place = None
    """Folder with IDX files or prepared sets; AEJAX_DATA_DIR if not given."""
    size: Size = None
    """Resize pictures, for example 32x32."""
    label_column: Name = None
    """Column of a table that holds the label."""
    json: bool = False
    """Print JSON instead of text."""
    output: Place = None
    """PNG file for the grid of samples; data-check.png if not given, none with --json."""


VERBS = {"compare": Compare, "train": Train, "evaluate": Evaluate, "reconstruct": Reconstruct, "data": Data}
_Verb = (Annotated[Compare, subcommand("compare")] | Annotated[Train, subcommand("train")]
         | Annotated[Evaluate, subcommand("evaluate")] | Annotated[Reconstruct, subcommand("reconstruct")]
         | Annotated[Data, subcommand("data")])


def main(argv: list[str] | None = None) -> int:
    """Parses, runs, and returns the exit code: 0 done, 1 a check failed or training diverged, 2 bad input or flags."""
    argv = sys.argv[1:] if argv is None else argv
    if argv and not argv[0].startswith("-") and argv[0] not in VERBS:
        close = difflib.get_close_matches(argv[0], VERBS, 1, cutoff=0.5)
        hint = f"; did you mean {close[0]!r}?" if close else ";"
        return _fail(f"unknown verb {argv[0]!r}{hint} known: {', '.join(VERBS)}", 2)
    flags = tyro.cli(_Verb, prog="aejax", args=argv, config=(tyro.conf.OmitArgPrefixes, tyro.conf.FlagCreatePairsOff))
    _log_to_stderr()
    from aejax import verbs
    from aejax.types import InputError
    verbs.keep_compiled_programs()
    try:
        verb = getattr(verbs, type(flags).__name__.lower())
        verb(flags, command=shlex.join(["aejax", *argv]))
    except InputError as error:
        return _fail(str(error), 2)
    except FloatingPointError as error:
        return _fail(str(error), 1)
    except KeyboardInterrupt:
        return _fail("interrupted", 130)
    return 0


def _fail(message: str, code: int) -> int:
    print(f"aejax: {' '.join(message.split())}", file=sys.stderr)
    return code


def _log_to_stderr() -> None:
    """Shows what the library says about its work, each message once."""
    said = set()
    handler = logging.StreamHandler(sys.stderr)
    handler.addFilter(lambda record: (message := record.getMessage()) not in said and not said.add(message))
    logger = logging.getLogger("aejax")
    logger.handlers, logger.propagate = [handler], False
    logger.setLevel(logging.INFO)


if __name__ == "__main__":
    sys.exit(main())
