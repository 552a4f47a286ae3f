"""A run as one HTML file: the page, the scene, and the network's weights for the browser."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jax.numpy as jnp
import numpy as np

from aejax.autoencoder import to_range
from aejax.data import Dataset
from aejax.explorer.page import whole
from aejax.explorer.program import compile_run
from aejax.explorer.scene import scale_of
from aejax.files import atomic
from aejax.runs import Run

CHECKED = 2   # test examples on which the file compares itself with what JAX computed


def export_page(path: Path, run: Run, data: Dataset, scene: Mapping[str, Any]) -> Path:
    """Writes the page of `scene.compose` to one file that needs no server and asks none; its absolute path.

    The file decodes and encodes in JavaScript, in float32 sums of float64 products, and compares itself with JAX on
    two test examples when it is opened.

    Raises:
      InputError: a network that it could not compute (`program.compile_run`), or a file that cannot be written.
    """
    examples = np.asarray(to_range(jnp.asarray(data.test[:CHECKED]), run.ae.range))
    text = whole(scene, compile_run(run, scale_of(run, data), examples))
    with atomic(path) as temporary:
        temporary.write_text(text, encoding="utf-8")
    return path.resolve()
