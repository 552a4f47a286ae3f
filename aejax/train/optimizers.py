"""The optimiser of the library's own small models."""

import functools

import optax


@functools.cache   # so that equal ones are compiled once
def falling_adam(learning_rate: float, steps: int) -> optax.GradientTransformation:
    """Adam whose rate falls from `learning_rate` to 0 as a cosine, over `steps` of them (at least one).

    >>> falling_adam(1e-3, 10) is falling_adam(1e-3, 10)
    True
    """
    return optax.adam(optax.cosine_decay_schedule(learning_rate, max(steps, 1)))
