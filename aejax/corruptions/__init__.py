"""Corruptions p(x̃|x): what a denoising autoencoder's encoder sees instead of x.

All work on the [0, 1] scale, whatever the model's range: `std` is in its units, 0 is black and 1 is white. A corruption
may leave the range (`gaussian_noise` does, unless it clips). Rates and stds may be traced, so that `vmap` sweeps them;
a pair (lowest, highest) instead of a number makes each example draw its own level, which trains a *blind* denoiser.
"""

from aejax.corruptions.noise import (
    gaussian_noise,
    identity,
    masking_noise,
    poisson_noise,
    salt_and_pepper_noise,
    signal_dependent_noise,
)
from aejax.corruptions.regions import block_mask, downsample, hidden_regions

__all__ = ["block_mask", "downsample", "gaussian_noise", "hidden_regions", "identity", "masking_noise",
           "poisson_noise", "salt_and_pepper_noise", "signal_dependent_noise"]
