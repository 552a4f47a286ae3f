"""Parts of a run as functions of data as their owner has them: bytes of pictures, rows in a table's own units.

What a run does to data before the network, and to its output after it, is inside, so that whoever holds the exported
file needs to know neither.
"""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from aejax import detection, metrics
from aejax.applications.detectors import EXPLAINED
from aejax.applications.reconstruction import decode, encode, reconstruct, reconstruct_batch
from aejax.data.dataset import Standardiser
from aejax.runs import Run
from aejax.types import ArrayLike, InputError

PARTS = ("encoder", "decoder", "reconstruct", "score")


class Graph(NamedTuple):
    """What is exported.

    Attributes:
      function: (B, …) -> one array for each of `outputs`.
      input: its name: "image", "row" or "code".
      shape: of one example.
      dtype: of the input.
      outputs: names: "code", "reconstruction", or "score" and "anomaly".
    """

    function: Callable[[ArrayLike], tuple[Array, ...]]
    input: str
    shape: tuple[int, ...]
    dtype: np.dtype
    outputs: tuple[str, ...]

    def spec(self, examples: Any) -> jax.ShapeDtypeStruct:
        """Shape and dtype of a batch; `examples` is their number, or a symbol for it."""
        return jax.ShapeDtypeStruct((examples, *self.shape), self.dtype)


def graph(run: Run, part: str, decision: detection.Decision | None = None) -> Graph:
    """One of `PARTS` of a run.

    "encoder": the code, the mean of a posterior. "decoder" and "reconstruct": pictures on the [0, 1] scale, rows in the
    table's units. "score": the detector's score, and whether it lies above the run's threshold.

    Args:
      run: a trained one.
      part: pictures come as uint8, (B, H, W, C); rows of a table as float32 in its own units; other vectors as float32
        in the run's range; codes as float32.
      decision: of "score".

    Raises:
      InputError: a score that is no function of one datum and the parameters alone.
    """
    ae, params, scale = run.ae, run.params, _standardiser(run)

    def enter(x: ArrayLike) -> ArrayLike:
        return x if scale is None else (x - jnp.asarray(scale.mean)[None]) / jnp.asarray(scale.std)[None]

    def leave(x: Array) -> Array:
        if scale is not None:
            return x * jnp.asarray(scale.std)[None] + jnp.asarray(scale.mean)[None]
        return metrics.to_unit(x, ae.range) if pictures(run) else x
    name, dtype = ("image", np.uint8) if pictures(run) else ("row", np.float32)
    if part == "encoder":
        return Graph(lambda x: (ae.encode(params, enter(x)),), name, run.shape, np.dtype(dtype), ("code",))
    if part == "reconstruct":
        return Graph(lambda x: (leave(reconstruct_batch(ae, params, enter(x))),), name, run.shape, np.dtype(dtype),
                     ("reconstruction",))
    if part == "decoder":
        code = jax.eval_shape(ae.encode, params, jax.ShapeDtypeStruct((1, *run.shape), np.float32))
        return Graph(lambda code: (leave(ae.decode(params, code)),), "code", code.shape[1:], np.dtype(code.dtype),
                     ("reconstruction",))
    score, least = _score_function(run, decision), below(decision.threshold)

    def judge(x: ArrayLike) -> tuple[Array, Array]:
        found = score(enter(x))
        return found, found > least
    return Graph(judge, name, run.shape, np.dtype(dtype), ("score", "anomaly"))


def reference(run: Run, part: str, x: np.ndarray, decision: detection.Decision | None = None,
              ) -> Mapping[str, np.ndarray]:
    """What aejax itself computes of the input of `graph`, by the functions that all verbs use: {output: (N, …)}."""
    ae, params, scale = run.ae, run.params, _standardiser(run)
    own = x if scale is None or part == "decoder" else scale.apply(x)
    if part == "encoder":
        return {"code": encode(ae, params, own)}
    if part == "score":
        found = decision.detector.score(ae, params, own)
        return {"score": found, "anomaly": found > decision.threshold}
    again = (decode if part == "decoder" else reconstruct)(ae, params, own)
    if scale is not None:
        return {"reconstruction": scale.invert(again)}
    return {"reconstruction": metrics.to_unit(again, ae.range) if pictures(run) else again}


def examples(run: Run, part: str, test: np.ndarray | None, count: int = 256) -> np.ndarray:
    """Inputs for `graph`, at most `count`.

    Args:
      test: (N, *shape): bytes, or floats in the run's range, or a table's rows in its own units; None: drawn at random,
        within range or as normal as the table.
    """
    scale, given = _standardiser(run), run.ae.range
    low, high = (0.0, 1.0) if given is None else given
    if test is None:
        random, shape = np.random.default_rng(0), (count, *run.shape)
        test = random.normal(size=shape) if given is None else random.uniform(low, high, shape)
        test = test if scale is None else scale.invert(test)
    x = np.asarray(test[:count])
    if pictures(run) and x.dtype != np.uint8:
        x = np.rint(255 * metrics.to_unit(x, given)).astype(np.uint8)
    if not pictures(run):
        x = (x / 255 * (high - low) + low if x.dtype == np.uint8 else x).astype(np.float32)
    return encode(run.ae, run.params, x if scale is None else scale.apply(x)) if part == "decoder" else x


def pictures(run: Run) -> bool:
    """Whether its data are images, which come as bytes."""
    return len(run.shape) == 3 and run.ae.range is not None


def below(threshold: float) -> np.float32:
    """The largest float32 that is not above a float64, so that `score > threshold` says the same of float32 scores.

    >>> float(below(0.1)) <= 0.1 < float(np.nextafter(below(0.1), np.float32(1)))
    True
    """
    nearest = np.float32(threshold)
    return np.nextafter(nearest, np.float32(-np.inf)) if float(nearest) > threshold else nearest


def _score_function(run: Run, decision: detection.Decision) -> Callable[[ArrayLike], Array]:
    detector = decision.detector
    if detector.name not in EXPLAINED:
        raise InputError(f"{run.path}: its score {detector.name} needs more than one pass through the network; of "
                         f"scores, {', '.join(EXPLAINED)} can be exported: fit with one of these by --score")
    return lambda x: detector.score_batch(run.ae, run.params, x)


def _standardiser(run: Run) -> Standardiser | None:
    scale = run.config["data"]["standardiser"]
    return scale and Standardiser(*(np.asarray(scale[part], np.float32) for part in ("mean", "std")))
