import jax
import jax.numpy as jnp
import numpy as np
import pytest

from aejax import corruptions
from aejax.types import InputError

KEY = jax.random.key(0)
GREY = jnp.full((50, 8, 8, 1), 0.25)


def test_one_block_of_the_size():
    noisy = np.asarray(corruptions.block_mask(3, fill=0.75)(KEY, GREY))
    hit = (noisy == 0.75)[..., 0]
    assert (hit.sum(axis=(1, 2)) == 9).all()
    assert (hit.any(axis=1).sum(axis=1) == 3).all() and (hit.any(axis=2).sum(axis=1) == 3).all()
    assert len({tuple(np.argwhere(h)[0]) for h in hit}) > 10   # at different places


@pytest.mark.parametrize("size", [(6, 6), (5, 7)])
def test_downsample_averages_boxes(size):
    x = jnp.asarray(np.random.default_rng(0).uniform(size=(2, *size, 3)), jnp.float32)
    low = corruptions.downsample(2)(KEY, x)
    assert low.shape == x.shape
    np.testing.assert_allclose(low[:, 1, 1], np.asarray(x)[:, :2, :2].mean(axis=(1, 2)), rtol=1e-5)
    np.testing.assert_allclose(low[:, -1, -1], np.asarray(x)[:, (size[0] - 1) // 2 * 2:, (size[1] - 1) // 2 * 2:]
                               .mean(axis=(1, 2)), rtol=1e-5)


def test_regions_are_pixels_rectangles_and_halves():
    x = jnp.full((3000, 16, 12, 2), 0.25)
    hit = np.asarray(corruptions.hidden_regions(-1.0)(KEY, x) == -1)
    assert (hit[..., 0] == hit[..., 1]).all()   # all channels of a pixel
    hit = hit[..., 0]
    rows, columns = hit.any(axis=2), hit.any(axis=1)
    areas = hit.sum(axis=(1, 2))
    full = areas == rows.sum(axis=1) * columns.sum(axis=1)   # what is hidden fills its bounding rows and columns
    halves = full & (areas == 96)
    assert abs(full.mean() - 2 / 3) < 0.03 and 0.3 < halves.mean() < 0.4
    for side in (hit[:, 0].all(axis=1), hit[:, -1].all(axis=1), hit[..., 0].all(axis=1), hit[..., -1].all(axis=1)):
        assert abs((halves & side).sum() / halves.sum() - 0.25) < 0.05
    blocks = full & ~halves
    assert rows[blocks].sum(axis=1).min() == 4 and rows[blocks].sum(axis=1).max() == 12
    assert columns[blocks].sum(axis=1).min() == 3 and columns[blocks].sum(axis=1).max() == 9
    scattered = areas[~full] / (16 * 12)
    assert 0.1 < scattered.min() < 0.3 and 0.8 < scattered.max() < 1 and abs(scattered.mean() - 0.55) < 0.03


@pytest.mark.parametrize("call", [lambda: corruptions.block_mask(0), lambda: corruptions.block_mask(9)(KEY, GREY),
                                  lambda: corruptions.downsample(0),
                                  lambda: corruptions.hidden_regions(rate=(0.5, 0.2)),
                                  lambda: corruptions.hidden_regions(rate=(0.5, 1.2))])
def test_bad_options(call):
    with pytest.raises(InputError):
        call()
