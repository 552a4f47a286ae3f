"""What a trained model is worth: its numbers on held-out data, and beside them those of baselines."""

import dataclasses
import functools
import itertools
import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from aejax import metrics
from aejax.applications.denoising import denoise, linear_denoiser
from aejax.applications.reconstruction import pca, reconstruct
from aejax.autoencoder import corrupt, to_range
from aejax.data import Dataset
from aejax.jacobian import encoder_of, squared_norm
from aejax.networks import full_precision
from aejax.recipes import Recipe, build, build_corruption, build_network
from aejax.runs import Run
from aejax.types import Autoencoder, Corruption, Key, Params, Range
from aejax.workflows import Trained

LINEAR_VALUES = 4096   # of a datum; a matrix of its square is inverted
JACOBIAN_PASSES = 128   # an example; more, for all test data, take longer than training
Row = dict[str, Any]
logger = logging.getLogger("aejax")


@dataclasses.dataclass(frozen=True)
class Results:
    """A results table and the arrays behind it.

    Attributes:
      rows: one per model, then one per baseline (these have "baseline": True).
      clean, noisy: test data on the models' float scale, and the same corrupted: every row saw the same arrays.
      baselines: (reconstruction, restoration) by name.
      range: of the arrays.
    """

    rows: list[Row]
    clean: np.ndarray
    noisy: np.ndarray
    baselines: dict[str, tuple[np.ndarray, np.ndarray]]
    range: Range | None


def results(models: Mapping[str, Trained | Run], data: Dataset, corruption: Mapping[str, Any],
            seed: int = 0) -> Results:
    """Measures models of one range on `data.test`, beside baselines of the same code widths fitted on `data.train`."""
    (range,) = {model.ae.range for model in models.values()}
    clean, noisy = test_arrays(data, corruption, range, seed)
    rows = [{"name": name, **measure(model.recipe, model.ae, model.params, clean, noisy),
             "seconds": getattr(model, "seconds", None)} for name, model in models.items()]
    code_dims = [row["code_dim"] for row in rows if row["code_dim"] is not None]
    linear, arrays = baselines(data, corruption, range, clean, noisy, code_dims, seed)
    return Results(rows + linear, clean, noisy, arrays, range)


def test_arrays(data: Dataset, corruption: Mapping[str, Any], range: Range | None, seed: int = 0,
                ) -> tuple[np.ndarray, np.ndarray]:
    """Test data on the float scale `range`, and the same corrupted."""
    return _corrupted(data.test, build_corruption(corruption), range, jax.random.fold_in(jax.random.key(seed), 10_000))


def _corrupted(x: np.ndarray, corruption: Corruption, range: Range | None, key: Key) -> tuple[np.ndarray, np.ndarray]:
    """`x` on the float scale, and corrupted; one program, where one operation at a time would compile thirty."""
    @jax.jit
    def both(key: Key, x: jax.Array) -> tuple[jax.Array, jax.Array]:
        clean = to_range(x, range)
        return clean, corrupt(corruption, key, clean, range)
    return jax.device_get(both(key, jnp.asarray(x)))


def measure(recipe: Recipe, ae: Autoencoder, params: Params, clean: np.ndarray, noisy: np.ndarray) -> Row:
    """The numbers of one model on test data: errors, and the mean of ‖∂h/∂x‖_F over them (on the scale of `clean`).

    No norm is given where the code is made of a codebook, and so has no slope, and where it would take too long.
    """
    network = full_precision(build_network(recipe.network))
    facts = {"parameters": sum(a.size for a in jax.tree.leaves(params)),
             **errors(reconstruct(ae, params, clean), denoise(ae, params, noisy), clean, ae.range)}
    if ae.reconstruct is not None:
        return {"code_dim": None, "jacobian_norm": None, **facts}   # what leads around the code says more than the code
    passes = 1 if hasattr(network, "split_encoder") else min(network.code_dim, clean[0].size)
    if ae.codebook is not None or passes > JACOBIAN_PASSES:
        return {"code_dim": network.code_dim, "jacobian_norm": None, **facts}

    def encoder(params: Params) -> Callable[[jax.Array], jax.Array]:
        if ae.posterior is None:
            return encoder_of(network, params)
        exact = build(dataclasses.replace(recipe, network=dict(recipe.network) | {"precision": "float32"}))
        return functools.partial(exact.encode, params)   # the means alone
    inputs = clean.reshape(len(clean), -1) if getattr(network, "flat", False) and ae.posterior is None else clean
    norm = jax.jit(lambda params, x: jnp.sqrt(squared_norm(encoder(params), x, chunk_size=50)))
    norms = [norm(params, inputs[i: i + 500]) for i in range(0, len(inputs), 500)]
    return {"code_dim": network.code_dim, "jacobian_norm": float(np.mean(np.concatenate(norms))), **facts}


def errors(reconstruction: np.ndarray, restored: np.ndarray, clean: np.ndarray, range: Range | None) -> Row:
    """Test errors of a reconstruction from clean and of a restoration from corrupted input."""
    found = [[float(value) for value in _means(outputs, clean, range=range)] for outputs in (reconstruction, restored)]
    (mse, psnr), (restored_mse, restored_psnr) = found
    row = {"mse": mse, "restored_mse": restored_mse}
    if range is not None:
        row |= {"signed_mse": 4 * mse, "restored_signed_mse": 4 * restored_mse,   # on [-1, 1]
                "psnr": psnr, "restored_psnr": restored_psnr}
    return row


@functools.partial(jax.jit, static_argnames="range")
def _means(outputs: jax.Array, clean: jax.Array, *, range: Range | None) -> tuple[jax.Array, jax.Array]:
    """Mean MSE and mean PSNR on the [0, 1] scale."""
    pair = metrics.to_unit(outputs, range), metrics.to_unit(clean, range)
    return metrics.mse(*pair).mean(), metrics.psnr(*pair).mean()


def baselines(data: Dataset, corruption: Mapping[str, Any], range: Range | None, clean: np.ndarray, noisy: np.ndarray,
              code_dims: Sequence[int], seed: int = 0) -> tuple[list[Row], dict[str, tuple[np.ndarray, np.ndarray]]]:
    """What an honest critic compares with, fitted on the training data: PCA of the same code, the best linear denoiser.

    Data of more than `LINEAR_VALUES` values get neither: the products take hours.

    Returns:
      Table rows, and the arrays behind them by name: (reconstruction, restoration).
    """
    cut = (lambda a: a) if range is None else (lambda a: np.clip(a, *range))
    outputs = {"corrupted input": (clean, cut(noisy))}
    if small := clean[0].size <= LINEAR_VALUES:
        train, train_noisy = _corrupted(data.train, build_corruption(corruption), range,
                                        jax.random.fold_in(jax.random.key(seed), 20_000))
        linear = linear_denoiser(train, train_noisy)
        outputs["linear denoiser"] = linear(clean), linear(noisy)
    else:
        logger.info("no linear baselines: %d values a datum are more than %d", clean[0].size, LINEAR_VALUES)
    details: dict[str, Row] = {}
    for d in sorted({min(d, train[0].size) for d in code_dims} if small else ()):
        model = pca(train, d)
        plain = model.reconstruct(clean), model.reconstruct(noisy)
        named = {f"PCA-{d}": plain} | ({} if range is None else {f"PCA-{d}, cut to range": tuple(map(cut, plain))})
        outputs |= named
        facts = {"code_dim": d, "parameters": (d + 1) * train[0].size, "jacobian_norm": d**0.5}   # d orthonormal rows
        details |= dict.fromkeys(named, facts)
    rows = [{"name": name, "baseline": True, **details.get(name, {}), **errors(*pair, clean, range)}
            for name, pair in outputs.items()]
    for row, key in itertools.product(rows[:2 if small else 1], ("mse", "signed_mse", "psnr")):
        row[key] = None   # the input itself, and a map fitted to restore: nothing to compare with
    return rows, outputs
