"""Flags of the verbs that train."""

import dataclasses
from pathlib import Path
from typing import Annotated

from tyro.conf import Positional, UseAppendAction, arg

from aejax.flags.common import (
    OPTIONAL,
    DataFlags,
    DeviceFlags,
    Float,
    HostFlags,
    Int,
    Name,
    Place,
    Size,
    Text,
    TrainingFlags,
)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Compare(TrainingFlags, DeviceFlags, DataFlags):
    """Train the lecture's six autoencoders and put them side by side on one HTML page."""

    epochs: int = 25
    """Passes over the training data."""
    batch_size: Int = None
    """Examples a step; if not given 64, or fewer where an epoch would have less than ten steps."""
    output: Path = Path("runs/compare")
    """Folder for the runs and the page."""
    code_dim: int = 30
    """Width of the small code."""
    over_complete: int = 500
    """Width of the large code."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Train(TrainingFlags, DeviceFlags, HostFlags, DataFlags):
    """Train one autoencoder into a run folder. VARIANT: adversarial, contractive, denoising, higher_order_contractive,
    importance_weighted, quantised, reconstruction_contractive, regularised, sparse, standard, tied, variational,
    vector_quantised or wasserstein."""

    variant: Positional[Annotated[str, arg(metavar="VARIANT")]]
    """Which autoencoder."""
    output: Place = None
    """Run folder; runs/VARIANT if not given."""
    checkpoint_every: Int = None
    """Save every so many steps into OUTPUT/checkpoints; SIGTERM and Ctrl-C then save and stop."""
    resume: bool = False
    """Go on from the checkpoints in OUTPUT, or start where there are none; saves every 1000 steps if not told else."""
    track: Annotated[str | None, arg(metavar="tensorboard,wandb", help_behavior_hint=OPTIONAL, help=(
        "Also write the metrics, reconstructions and histograms of parameters for TensorBoard, into "
        "OUTPUT/tensorboard, or for Weights & Biases, offline, into OUTPUT/wandb; or both."))] = None
    patches: Size = None
    """Train on patches of this size, cut from a folder of pictures of any sizes, for example 64x64."""
    network: Annotated[str, arg(help=(
        "dense, convolutional, spatial: whose code is a small picture, style: convolutional with a decoder "
        "after StyleGAN2, or unet: with skip connections, for restoration."))] = "dense"
    code_dim: Int = None
    """Width of the code; 30 if not given. A unet and a spatial network have none to choose."""
    widths: Text = None
    """Hidden layers of a dense network, for example 512,256."""
    channels: Text = None
    """Stages of a convolutional, spatial or style network or a unet, for example 16,32."""
    mapping_widths: Text = None
    """Hidden layers from code to style, of a style network, for example 64,64."""
    style_dim: Int = None
    """Length of a style, of a style network."""
    vector_dim: Int = None
    """Values at each place of a spatial network's code; of each vector of vector_quantised."""
    activation: Name = None
    """Of hidden layers: tanh, sigmoid, relu, elu (of a unet, if not given), gelu, silu, softplus or identity."""
    code_activation: Name = None
    """Of the code: the same names."""
    tied: bool = False
    """The decoder of a dense network is the encoder's transpose."""
    loss: str = "squared_error"
    """squared_error, mean_squared_error or cross_entropy."""
    output_activation: Name = None
    """sigmoid (0 to 1), tanh (-1 to 1) or identity; what the data need if not given, identity for a unet."""
    corruption: Annotated[Name, arg(help=(
        "masking_noise, gaussian_noise, salt_and_pepper_noise, poisson_noise, signal_dependent_noise, "
        "block_mask, hidden_regions (to inpaint) or downsample (to upscale)."))] = None
    blind: bool = False
    """Each example draws its own level of the corruption, between 0 and the given one."""
    noise_from: Annotated[Path | None, arg(metavar="PICTURES", help_behavior_hint=OPTIONAL)] = None
    """Measure the noise to train against, on pairs in the folders noisy/ and clean/, or on noisy pictures."""
    rate: Float = None
    """Probability, of masking_noise, salt_and_pepper_noise and the single pixels of hidden_regions."""
    peak: Float = None
    """Photons of a white pixel, of poisson_noise."""
    slope: Float = None
    """Growth of the variance from black to white, of signal_dependent_noise."""
    floor: Float = None
    """Variance at black, of signal_dependent_noise."""
    std: Float = None
    """Of gaussian_noise, in units of the [0, 1] scale; of higher_order_contractive's own noise, in the loss's units."""
    fill: Float = None
    """Value of hidden pixels on the [0, 1] scale, of masks; a unet knows what is hidden if it lies outside."""
    block_size: Int = None
    """Side in pixels, of block_mask."""
    factor: Int = None
    """Of downsample."""
    weight: Float = None
    """Weight of the variant's penalty; of a bit, for quantised."""
    hessian_weight: Float = None
    """Weight of the second penalty of higher_order_contractive."""
    sparsity: Name = None
    """l1 or kl."""
    target: Float = None
    """Wanted mean activation, with --sparsity kl."""
    method: Name = None
    """How the Jacobian norm is computed: auto, jacfwd, jacrev, gram, closed_form or hutchinson (an estimate)."""
    samples: Int = None
    """Random vectors an example, with --method hutchinson; codes an example, of importance_weighted."""
    beta: Float = None
    """Weight of the divergence of variational; 1 if not given."""
    warm_up: Int = None
    """Steps in which that weight grows from 0, of variational."""
    free_bits: Float = None
    """Nats a unit of the code that cost nothing, of variational."""
    chunk_size: Int = None
    """Examples whose Jacobians are held at once."""
    kernel: Name = None
    """Of wasserstein's discrepancy: imq or rbf."""
    regulariser: Name = None
    """Of the decoder, for regularised: l2, gradient or spectral."""
    regulariser_weight: Float = None
    """Of that regulariser; --weight is that of the code's square."""
    discriminator_widths: Text = None
    """Hidden layers of adversarial's discriminator, for example 64,64."""
    codebook_size: Int = None
    """Vectors that vector_quantised has to choose from."""
    commitment: Float = None
    """Weight of the pull of codes to their vectors, of vector_quantised."""
    step: Float = None
    """Of the quantiser of quantised at the beginning, in units of the code; it is learnt."""
    pixel_epochs: Int = None
    """Of quantised: also train the model of pixels that compress --lossless needs, for so many epochs."""
    levels: Int = None
    """Grey levels that the model of pixels keeps, for smaller files by compress --pixels; all 256 if not given."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Sweep(Train):
    """Train every combination of some flags' values, from several seeds, as one program on shared batches."""

    output: Place = None
    """Folder for results.csv, results.json and figures; runs/sweep-VARIANT if not given."""
    grid: Annotated[tuple[str, ...], UseAppendAction, arg(metavar="FLAG=V,V,…", help_behavior_hint="(repeatable)")] = ()
    """Values of one flag, for example rate=0.1,0.3,0.5; give it again for each further flag."""
    seeds: int = 3
    """Seeds of every combination: --seed, and the whole numbers after it."""


VERBS = {"compare": Compare, "train": Train, "sweep": Sweep}
