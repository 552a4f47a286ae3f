import jax
import jax.numpy as jnp
import pytest

from aejax.train.memory import available_bytes, fewest_parts, program_bytes


def test_program_bytes_counts_a_shared_buffer_once():
    x = jnp.zeros(1000, jnp.float32)
    fresh = jax.jit(lambda x: x * 2).lower(x).compile()
    donated = jax.jit(lambda x: x * 2, donate_argnums=0).lower(x).compile()
    assert 8000 <= program_bytes(fresh) < 9000 and 4000 <= program_bytes(donated) < 5000


def test_available_bytes_is_less_than_a_machine_has():
    assert 10_000_000 < available_bytes() < 2**45


@pytest.mark.parametrize(("limit", "parts"), [(10_000, 1), (3300, 1), (3299, 2), (1700, 2), (1699, 3), (500, 8),
                                              (499, 16), (300, 16), (10, 16)])
def test_fewest_parts(limit, parts):
    assert fewest_parts(16, limit, lambda models: 100 + 200 * models) == parts


def test_fewest_parts_checks_its_straight_line():
    """Bytes that jump between one and all: what the line allows is predicted again before it is believed."""
    assert fewest_parts(8, 500, lambda models: 100 if models == 1 else 450 if models <= 2 else 800) == 4


def test_one_model():
    assert fewest_parts(1, 10, lambda models: 100) == 1
