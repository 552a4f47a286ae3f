"""Flags of `aejax anomaly fit` and `aejax anomaly score`."""

import dataclasses
from pathlib import Path
from typing import Annotated

from tyro.conf import Positional, arg, subcommand

from aejax.flags.common import DataFlags, Float, Int, Name, Text, TrainingFlags


@dataclasses.dataclass(frozen=True, kw_only=True)
class AnomalyFit(TrainingFlags, DataFlags):
    """Train an autoencoder on normal data, and set the threshold above which a datum counts as odd.

    A part of the data is held out of training: the threshold is made of its scores, because those of training data are
    too low. Prints how many false alarms to expect.
    """

    output: Annotated[Path, arg(metavar="FOLDER")] = Path("runs/anomaly")
    """Run folder."""
    normal_label: Name = None
    """Train and calibrate on the data of this label alone; the others then measure how well odd data are found."""
    score: Annotated[Name, arg(help=(
        "reconstruction, whitened, mahalanobis, code, joint, neighbours, combined, energy, denoising or "
        "likelihood; if not given, combined for pictures and mahalanobis for tables."))] = None
    threshold: Annotated[Name, arg(help=(
        "conformal: at most a share alpha of normal data is flagged, whatever their distribution (if not "
        "given); quantile: a share alpha of the held-out data lies above it; mad: three robust standard "
        "deviations above the median."))] = None
    alpha: Float = None
    """Accepted rate of false alarms; 0.05 if not given. The conformal threshold needs 1/alpha - 1 held-out data."""
    contamination: Float = None
    """Instead of alpha, the share of odd data that the data are known to hold: as many are flagged."""
    calibration: float = 0.2
    """Fraction of the training data held out for the threshold."""
    variant: str = "denoising"
    """Which autoencoder: denoising (against Gaussian noise), standard, contractive, sparse or tied."""
    std: Annotated[Float, arg(help=(
        "Standard deviation of the noise of denoising: on the [0, 1] scale, 0.6 if not given; of tables in "
        "standard deviations, 0.3 if not given."))] = None
    network: str = "dense"
    """dense or convolutional."""
    code_dim: Annotated[Int, arg(help=(
        "Width of the code; if not given as many as a picture has values, at most 512, or half as many as a "
        "table has columns, at most 32."))] = None
    widths: Text = None
    """Hidden layers of a dense network, for example 512,256; none for pictures, 256 for tables if not given."""
    epochs: int = 30
    """Passes over the training data."""
    batch_size: Int = None
    """Examples a step; if not given 64, or fewer where an epoch would have less than ten steps."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class AnomalyScore:
    """Score data by a run of `anomaly fit`: one line a datum with score, p-value and whether it is flagged.

    Tables get what each column adds to the score, pictures a sheet of the oddest, with maps. Exit code 0: done; 1: with
    --fail-on-anomaly, something is flagged; 2: bad input; 3: done, but for pictures that could not be read.
    """

    run: Positional[Annotated[Path, arg(metavar="RUN")]]
    """Run folder of anomaly fit."""
    path: Positional[Annotated[Path, arg(metavar="PATH")]]
    """A picture, a folder of pictures, or an .npy, .npz, .csv or .parquet file."""
    output: Annotated[Path, arg(metavar="FILE")] = Path("scores.csv")
    """Where the scores go, .csv or .parquet; a sheet of pictures goes beside it as .png."""
    label_column: Name = None
    """Column of a table that holds labels, which is left out."""
    fail_on_anomaly: bool = False
    """End with exit code 1 if anything is flagged."""
    overwrite: bool = False
    """Replace --output."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Anomaly:
    """Find what is odd: anomaly fit learns what is normal, anomaly score finds what is not."""

    action: (Annotated[AnomalyFit, subcommand("fit", prefix_name=False)]
             | Annotated[AnomalyScore, subcommand("score", prefix_name=False)])


VERBS = {"anomaly": Anomaly}
