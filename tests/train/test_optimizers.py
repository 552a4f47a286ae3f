import jax.numpy as jnp
import numpy as np
import pytest

from aejax.train.optimizers import falling_adam


def test_the_rate_falls_to_zero_as_a_cosine():
    optimizer, slope = falling_adam(0.5, 4), jnp.ones(())
    state, sizes = optimizer.init(slope), []
    for _ in range(5):   # Adam's step for a constant slope is the rate
        update, state = optimizer.update(slope, state)
        sizes.append(-float(update))
    np.testing.assert_allclose(sizes, 0.25 * (1 + np.cos(np.pi * np.arange(5) / 4)), atol=1e-4)


@pytest.mark.parametrize("steps", [0, 1])
def test_no_steps_are_no_error(steps):
    update, _ = falling_adam(0.5, steps).update(jnp.ones(()), falling_adam(0.5, steps).init(jnp.ones(())))
    assert float(update) == pytest.approx(-0.5, rel=1e-4)   # bias correction rounds
