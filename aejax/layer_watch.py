"""What the layers of a network give, whatever they are made of: their activations are watched."""

from collections.abc import Callable
from typing import Any

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool

from aejax.networks.common import activation_function
from aejax.types import ArrayLike, Autoencoder, Params

NEAR = 0.01   # of the way between an activation's bounds: there a sigmoid's slope is below 0.01, tanh's below 0.04


def limits(activation: Callable[[Array], Array]) -> tuple[float | None, float | None]:
    """What an activation goes to far below and far above 0; None where it has no limit.

    >>> import jax
    >>> limits(jnp.tanh), limits(jax.nn.relu)
    ((-1.0, 1.0), (0.0, None))
    """
    values = np.asarray(activation(np.float32([-30, -60, 30, 60])), np.float64).reshape(2, 2).tolist()
    return tuple(far if abs(far - near) < 1e-6 else None for near, far in values)


class Watch:
    """Keeps what activations give: a network is built with watched ones in place of its own.

    >>> watch = Watch()
    >>> _ = watch.over("relu", "layer")(jnp.ones((2, 3)))
    >>> [(name, ends) for name, ends, _ in watch.taken("encoder")]
    [('encoder layer 1', (0.0, None))]
    """

    def __init__(self):
        self.seen: list[tuple[str, tuple[float | None, float | None], Array]] = []

    def over(self, activation: Any, kind: str) -> Any:
        """The same activation, or one for each of several, watched."""
        if isinstance(activation, (tuple, list)):
            return tuple(self.over(each, kind) for each in activation)
        function = activation_function(activation)
        ends = limits(function)

        def watched(x: Array) -> Array:
            y = function(x)
            self.seen.append((kind, ends, y))
            return y
        return watched

    def taken(self, side: str) -> list[tuple[str, tuple[float | None, float | None], Array]]:
        """What was seen since the last time, with the layers of `side` numbered from 1."""
        seen, self.seen = self.seen, []
        return [(f"{side} layer {i}" if kind == "layer" else kind, *rest) for i, (kind, *rest) in enumerate(seen, 1)]


def at_limits(ae: Autoencoder, params: Params, x: Array, watch: Watch) -> tuple[dict[str, Array], dict[str, Array]]:
    """By layer: which units give their lower limit everywhere, (B, units); and the share of values at bounds, (B,)."""
    watch.seen = []
    if ae.reconstruct is not None:
        ae.reconstruct(params, x)
        layers = watch.taken("network")
    else:
        code = ae.encode(params, x)
        layers = watch.taken("encoder")
        ae.decode(params, code)
        layers += watch.taken("decoder")
    silent, bound = {}, {}
    for name, (low, high), y in layers:
        if low is not None and high is None:
            silent[name] = (jnp.abs(y - low) < 1e-6).reshape(y.shape[0], -1, y.shape[-1]).all(axis=1)
        elif low is not None:
            bound[name] = at_bounds(y, low, high).reshape(y.shape[0], -1).mean(axis=1)
    return silent, bound


def at_bounds(y: ArrayLike, low: float, high: float) -> Bool[ArrayLike, "..."]:
    """Where values lie within a hundredth of the way from either bound to the other."""
    near = NEAR * (high - low)
    return (y < low + near) | (y > high - near)
