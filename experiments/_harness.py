"""Times several callables in one run, in turn, so that a machine that slows down slows all of them."""

import time
from collections.abc import Callable, Mapping

import numpy as np

Call = Callable[[], object]


def interleaved(calls: Mapping[str, Call], rounds: int) -> dict[str, np.ndarray]:
    """Seconds of each call, {name: (rounds,)}: every round times each call once, after one call to warm up.

    The order within a round is drawn anew, so that no call always follows the same other one (and inherits its caches
    and its still spinning threads).

    A call must not return before its work is done (`jax.block_until_ready`). One that returns a float has timed itself
    and is taken at its word: so a training reports its epochs without what comes before the first of them. One that has
    a `close` is closed at the end.
    """
    for call in calls.values():
        call()
    seconds = {name: [] for name in calls}
    names, rng = list(calls), np.random.default_rng(0)
    for _ in range(rounds):
        for name in rng.permutation(names):
            begin = time.perf_counter()
            own = calls[name]()
            seconds[name].append(own if isinstance(own, float) else time.perf_counter() - begin)
    for call in calls.values():
        getattr(call, "close", lambda: None)()
    return {name: np.array(values) for name, values in seconds.items()}


def ratios(seconds: Mapping[str, np.ndarray], reference: str) -> dict[str, tuple[float, float, float]]:
    """Each call's seconds over the reference's, round by round: {name: (median, lower and upper quartile)}."""
    return {name: tuple(np.percentile(values / seconds[reference], (50, 25, 75))) for name, values in seconds.items()}


def spread(metric: str, unit: str, values: np.ndarray) -> dict[str, tuple[str, list[float]]]:
    """Median and quartiles of a metric, as `Record.add` takes them."""
    found = np.percentile(values, (50, 25, 75))
    names = (metric, f"{metric} lower quartile", f"{metric} upper quartile")
    return {name: (unit, [value]) for name, value in zip(names, found, strict=True)}
