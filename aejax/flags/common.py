"""What the flags of several verbs share: kinds of value, and groups of flags to inherit from."""

import dataclasses
from pathlib import Path
from typing import Annotated

from tyro.conf import arg

OPTIONAL = "(optional)"
Int = Annotated[int | None, arg(metavar="INT", help_behavior_hint=OPTIONAL)]
Float = Annotated[float | None, arg(metavar="FLOAT", help_behavior_hint=OPTIONAL)]
Name = Annotated[str | None, arg(metavar="NAME", help_behavior_hint=OPTIONAL)]
Text = Annotated[str | None, arg(metavar="TEXT", help_behavior_hint=OPTIONAL)]
Place = Annotated[Path | None, arg(metavar="PATH", help_behavior_hint=OPTIONAL)]
Size = Annotated[str | None, arg(metavar="HxW", help_behavior_hint=OPTIONAL)]


@dataclasses.dataclass(frozen=True, kw_only=True)
class DataFlags:
    """Where the examples come from."""

    data: Annotated[str, arg(metavar="NAME|PATH", help=(
        "mnist_mini (comes with aejax), mnist, fashion_mnist, a set prepared by tensorflow-datasets, or a "
        "path: a folder of pictures, a .npy, .npz, .csv or .parquet file."))] = "mnist_mini"
    data_dir: Place = None
    """Folder with IDX files or prepared sets; AEJAX_DATA_DIR if not given."""
    size: Size = None
    """Resize pictures, for example 32x32."""
    label_column: Name = None
    """Column of a table that holds the label."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class DataOfRunFlags:
    """Which examples a verb that reads a run looks at."""

    data: Annotated[str | None, arg(metavar="NAME|PATH", help_behavior_hint=OPTIONAL)] = None
    """Other data than the run was trained on."""
    data_dir: Place = None
    """Folder with IDX files or prepared sets; AEJAX_DATA_DIR if not given."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class DeviceFlags:
    """What to train on."""

    devices: Annotated[str | None, arg(metavar="all|N", help_behavior_hint=OPTIONAL)] = None
    """How many devices; one if not given, and all of them where there are several processes."""
    parallel: Annotated[str, arg(metavar="mesh|pmap")] = "mesh"
    """mesh: noise and parameters as on one device; pmap: each device draws its own noise."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class HostFlags:
    """Which processes train together; each runs the same command, but for --process-id."""

    coordinator: Annotated[str | None, arg(metavar="HOST:PORT|auto", help_behavior_hint=OPTIONAL)] = None
    """Address of process 0; auto takes all three from SLURM, Kubernetes, Open MPI or the TPU pod."""
    process_id: Int = None
    """Number of this process, from 0."""
    process_count: Int = None
    """Number of all processes."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class TrainingFlags:
    """How to train."""

    epochs: int = 20
    """Passes over the training data."""
    batch_size: Int = None
    """Examples a step; if not given 256, or fewer where an epoch would have less than ten steps."""
    learning_rate: float = 1e-3
    """Of Adam."""
    seed: int = 0
    """Of parameters, noise, order and splits."""
    validation: float = 0.1
    """Fraction of the training data held out for validation."""
    precision: str = "float32"
    """float32, or bfloat16: the factors of products are rounded to it; all else stays float32."""
    patience: Int = None
    """Stop after so many epochs without a better val_loss, and return to the best."""
    overwrite: bool = False
    """Replace the run that --output already holds."""
