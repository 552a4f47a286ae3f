"""Where data comes from: `load` gives a `Dataset` from a name or a path. Imports no JAX."""

from aejax.data.checking import check
from aejax.data.dataset import Dataset, Standardiser, split_validation
from aejax.data.inputs import Inputs, read_inputs
from aejax.data.loading import NAMES, load
from aejax.data.places import cache_dir
from aejax.data.synthetic import helix, spiral, spiral_curve

__all__ = ["NAMES", "Dataset", "Inputs", "Standardiser", "cache_dir", "check", "helix", "load", "read_inputs",
           "spiral", "spiral_curve", "split_validation"]
