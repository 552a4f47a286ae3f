"""How far two sets of samples are apart: the maximum mean discrepancy, unbiased, and its kernels."""

from collections.abc import Sequence

import jax.numpy as jnp
from jaxtyping import Array, Float

from aejax.types import InputError

SCALES = {"imq": (0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0), "rbf": (1.0,)}


def kernel_matrix(x: Float[Array, "n d"], y: Float[Array, "m d"], *, kernel: str = "imq",
                  scales: Sequence[float] | None = None) -> Float[Array, "n m"]:
    """Σ_s k_s(x_i, y_j): "imq" C/(C + ‖x − y‖²), or "rbf" exp(−‖x − y‖²/C), with C = 2 d s.

    2 d is the mean squared distance of two draws from N(0, I), so that a scale of 1 suits codes of that size.

    Args:
      scales: the s > 0; by default 0.1, 0.2, 0.5, 1, 2, 5 and 10 for "imq", and 1 for "rbf".

    Raises:
      InputError: an unknown kernel, no scale or one that is not above 0.

    >>> print(kernel_matrix(jnp.zeros((1, 2)), jnp.array([[0.0, 0.0], [2.0, 0.0]]), scales=(1.0,)))
    [[1.  0.5]]
    """
    scales = check_kernel(kernel, scales)
    centre = jnp.mean(y, axis=0)[None]   # far from zero, differences would be lost in the squares
    x, y = x - centre, y - centre
    squares = jnp.sum(jnp.square(x), axis=1)[:, None] + jnp.sum(jnp.square(y), axis=1)[None]
    distances = jnp.maximum(squares - 2 * x @ y.T, 0.0)
    sizes = [2.0 * x.shape[1] * scale for scale in scales]
    return sum(size / (size + distances) if kernel == "imq" else jnp.exp(-distances / size) for size in sizes)


def maximum_mean_discrepancy(x: Float[Array, "n d"], y: Float[Array, "m d"], *, kernel: str = "imq",
                             scales: Sequence[float] | None = None) -> Float[Array, ""]:
    """MMD² = E k(x, x') + E k(y, y') − 2 E k(x, y), without bias: pairs of a sample with itself are left out.

    Its mean is 0 where both sets come from one distribution, and above 0 else, so that a single value may be negative.

    Args:
      x, y: (n, d) and (m, d), at least two of each.
      kernel, scales: see `kernel_matrix`; kernels of several scales are added.

    Raises:
      InputError: fewer than two samples, and as `kernel_matrix`.

    Source: Gretton et al., "A kernel two-sample test", JMLR 13, 2012, lemma 6; "imq" after Tolstikhin et al. 2018.

    >>> x = jnp.array([[0.0], [2.0]])
    >>> f"{maximum_mean_discrepancy(x, x + 100.0, scales=(1.0,)):.2f}"
    '0.67'
    """
    if min(x.shape[0], y.shape[0]) < 2:
        raise InputError(f"a discrepancy needs two samples of either kind, got {x.shape[0]} and {y.shape[0]}")

    def within(samples: Array) -> Array:
        matrix, n = kernel_matrix(samples, samples, kernel=kernel, scales=scales), samples.shape[0]
        return jnp.sum(jnp.where(jnp.eye(n, dtype=bool), 0.0, matrix)) / (n * (n - 1))
    return within(x) + within(y) - 2 * jnp.mean(kernel_matrix(x, y, kernel=kernel, scales=scales))


def check_kernel(kernel: str, scales: Sequence[float] | None) -> tuple[float, ...]:
    """The scales, or the kernel's own."""
    if kernel not in SCALES:
        raise InputError(f"unknown kernel {kernel!r}: {' or '.join(SCALES)}")
    scales = SCALES[kernel] if scales is None else tuple(scales)
    if not scales or any(not 0 < scale < float("inf") for scale in scales):
        raise InputError(f"scales of a kernel are numbers above 0, got {scales}")
    return scales
