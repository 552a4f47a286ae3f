import jax
import pytest

from aejax.train.devices import check_batch, choose
from aejax.types import InputError


def test_none_all_and_one():
    assert choose(None) is None
    assert choose("all") == choose(1) == choose(jax.devices()) == tuple(jax.devices())


@pytest.mark.parametrize("devices", [0, -1, 2, "cpu", 1.0, True, [], [0], jax.devices() * 2])
def test_what_is_not_there(devices):
    with pytest.raises(InputError, match="devices"):
        choose(devices)


@pytest.mark.parametrize(("size", "parts", "said"), [(100, 8, "96 or 104"), (7, 8, ": 8$"), (9, 2, "8 or 10")])
def test_the_nearest_batches(size, parts, said):
    check_batch(parts * 3, parts)
    with pytest.raises(InputError, match=said):
        check_batch(size, parts)
