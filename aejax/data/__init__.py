"""Where data comes from: `load` gives a `Dataset` from a name or a path. Imports no JAX.

What does not fit into memory is converted once (`convert`), opened (`open_shards`) and streamed (`streaming`).
"""

from aejax.data.checking import check
from aejax.data.conversion import convert
from aejax.data.dataset import Dataset, Standardiser, split_validation
from aejax.data.inputs import Inputs, read_inputs
from aejax.data.loading import NAMES, load
from aejax.data.places import cache_dir
from aejax.data.shards import Shards, is_shards, open_shards
from aejax.data.synthetic import helix, spiral, spiral_curve

__all__ = ["NAMES", "Dataset", "Inputs", "Shards", "Standardiser", "cache_dir", "check", "convert", "helix",
           "is_shards", "load", "open_shards", "read_inputs", "spiral", "spiral_curve", "split_validation"]
