"""Arrays in, numbers out. Images are compared on the [0, 1] scale unless a metric says otherwise."""

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from aejax.types import ArrayLike, InputError, Range


def to_unit(x: ArrayLike, range: Range | None) -> ArrayLike:
    """From `range` (or uint8) to the [0, 1] scale on which metrics and figures work; range None passes.

    Arrays of NumPy stay such: nothing is compiled for them.

    >>> print(to_unit(jnp.array([-1.0, 1.0]), (-1.0, 1.0)))
    [0. 1.]
    """
    if x.dtype == jnp.uint8:
        return x.astype(jnp.float32) / 255
    return x if range is None else (x - range[0]) / (range[1] - range[0])


def mse(x: Float[ArrayLike, "batch *datum"], y: Float[ArrayLike, "batch *datum"]) -> Float[Array, " batch"]:
    """Mean squared error of each example, (data unit)²: ‖x − y‖² / n. In [-1, 1] it is 4 times that in [0, 1].

    >>> print(mse(jnp.zeros((1, 4)), jnp.full((1, 4), 0.5)))
    [0.25]
    """
    return jnp.mean(jnp.square(jnp.asarray(x) - y).reshape(x.shape[0], -1), axis=1)


def psnr(x: Float[ArrayLike, "batch *datum"], y: Float[ArrayLike, "batch *datum"], *, data_range: float = 1.0,
         ) -> Float[Array, " batch"]:
    """Peak signal-to-noise ratio of each example in dB: 10 log₁₀(data_range² / MSE); infinite where x = y.

    The mean of these over a set is what tables here call PSNR; it is not the PSNR of the mean MSE.

    >>> print(psnr(jnp.zeros((1, 4)), jnp.full((1, 4), 0.1)).round(3))
    [20.]
    """
    return 10 * jnp.log10(data_range**2 / mse(x, y))


def principal_angles(a: Float[np.ndarray, "n d"], b: Float[np.ndarray, "n d"]) -> Float[np.ndarray, " d"]:
    """Angles between the subspaces that the columns of `a` and of `b` span, in degrees, rising.

    cos θ_i are the singular values of QₐᵀQ_b, Q orthonormal bases; θ = 0 everywhere where the subspaces are one.

    >>> principal_angles(np.eye(3)[:, :2], 5 * np.eye(3)[:, 1:]).round().tolist()
    [0.0, 90.0]
    """
    bases = [np.linalg.qr(np.asarray(matrix, np.float64))[0] for matrix in (a, b)]
    cosines = np.linalg.svd(bases[0].T @ bases[1], compute_uv=False)
    return np.degrees(np.arccos(np.clip(cosines, -1.0, 1.0)))


def auroc(normal: Float[ArrayLike, " n"], odd: Float[ArrayLike, " m"]) -> float:
    """Area under the ROC curve: how often an odd datum scores higher than a normal one, ties counting half.

    0.5 by chance, 1 where every odd score lies above every normal one.

    >>> auroc(np.array([0.0, 1.0]), np.array([1.0, 2.0]))
    0.875
    """
    normal, odd = np.sort(np.asarray(normal, np.float64)), np.asarray(odd, np.float64)
    if not len(normal) or not len(odd) or not (np.isfinite(normal).all() and np.isfinite(odd).all()):
        raise InputError(f"AUROC of {len(normal)} normal and {len(odd)} odd scores: one or more of each are needed, "
                         "all of them finite")
    below = np.searchsorted(normal, odd, side="left") + np.searchsorted(normal, odd, side="right")
    return float(below.mean() / (2 * len(normal)))
