import jax
import numpy as np
import pytest

from aejax import networks, variants
from aejax.applications.reconstruction import reconstruct
from aejax.applications.tiling import in_tiles
from aejax.types import InputError

RNG = np.random.default_rng(5)


@pytest.mark.parametrize("size", [(1, 1), (3, 40), (8, 8), (9, 8), (37, 50), (64, 64)])
@pytest.mark.parametrize("overlap", [None, 0, 3, (1, 4)])
def test_the_identity_gives_the_picture_back(size, overlap):
    picture = RNG.random((*size, 3))
    found = in_tiles(lambda tiles: tiles, picture, tile=(8, 10), overlap=overlap, batch_size=5)
    assert found.dtype == picture.dtype
    np.testing.assert_allclose(found, picture, rtol=0, atol=1e-12)


def test_every_call_has_the_same_shape():
    shapes = []

    def function(tiles):
        shapes.append(tiles.shape)
        return tiles[..., :1].astype(np.float32)
    found = in_tiles(function, RNG.random((33, 20, 3)), tile=(8, 8), batch_size=4)
    assert found.shape == (33, 20, 1) and found.dtype == np.float32
    assert set(shapes) == {(4, 8, 8, 3)} and len(shapes) == 8   # 8 × 4 tiles, one every 4 pixels


def test_what_happens_at_the_border_of_a_tile_is_not_seen():
    """Tiles whose outer ring is spoiled, the picture's own border apart."""
    def spoiled(tiles):
        out = tiles.copy()
        out[:, [0, -1]] = out[:, :, [0, -1]] = 100
        return out
    picture = RNG.random((40, 40, 1))
    found = in_tiles(spoiled, picture, tile=(16, 16))
    np.testing.assert_allclose(found[1:-1, 1:-1], picture[1:-1, 1:-1], atol=1e-12)
    assert (in_tiles(spoiled, picture, tile=(16, 16), overlap=1)[1:-1, 1:-1] > 1).any()


def test_weights_are_smooth():
    """Tiles that are black and white in turn: no step between neighbours above that of the sin² ramp."""
    def in_turn(tiles):
        return np.broadcast_to((np.arange(len(tiles)) % 2)[:, None, None, None], tiles.shape).astype(float)
    found = in_tiles(in_turn, np.zeros((32, 96, 1)), tile=(32, 32))
    assert found.min() == 0 and found.max() == 1 and np.ptp(found[:, 40]) == 0
    assert np.abs(np.diff(found, axis=1)).max() < np.pi / 2 / 8   # over half of 16 pixels that overlap


@pytest.fixture(scope="module")
def restorer():
    """A U-Net with parameters drawn anew, so that nothing of it is the identity or zero."""
    network = networks.UNet(shape=(56, 56, 1), channels=(4, 6), blocks=0, residual=False)
    params = variants.denoising(network).init(jax.random.key(0), np.zeros((1, 56, 56, 1), np.float32))
    leaves, tree = jax.tree.flatten(params)
    keys = jax.random.split(jax.random.key(1), len(leaves))
    drawn = [leaf + 0.1 * jax.random.normal(key, leaf.shape) for key, leaf in zip(keys, leaves, strict=True)]
    return network, jax.tree.unflatten(tree, drawn)


def restore(network, params, pictures):
    return reconstruct(variants.denoising(network.clone(shape=pictures.shape[1:])), params, pictures)


@pytest.mark.parametrize("size", [(112, 84), (101, 70)])
def test_a_convolutional_network_leaves_no_seams(restorer, size):
    """Tiles equal the whole picture; where it had to be continued, but for what the network sees of that."""
    network, params = restorer
    picture = RNG.random((*size, 1)).astype(np.float32)
    whole = restore(network, params, picture[None])[0]
    inner = (slice(None), slice(None)) if size == (112, 84) else (slice(-7), slice(-7))

    def difference(**options):
        tiled = in_tiles(lambda tiles: restore(network, params, tiles), picture, tile=(56, 56), **options)
        return np.abs(whole - tiled)[inner].max()
    assert whole.std() > 0.02
    assert difference() < 1e-5
    assert difference(overlap=0) > whole.std()   # seams that would be seen


@pytest.mark.parametrize(("picture", "options", "message"), [
    (np.zeros((8, 8)), {}, r"shape \(H, W, C\) is needed, got \(8, 8\)"),
    (np.zeros((0, 8, 1)), {}, "is needed"),
    (np.zeros((8, 8, 1)), {"overlap": 3}, "0 to half of their sides, got 3"),
    (np.zeros((8, 8, 1)), {"overlap": -1}, "0 to half"),
    (np.zeros((8, 8, 1)), {"batch_size": 0}, "batch_size"),
])
def test_bad_input(picture, options, message):
    with pytest.raises(InputError, match=message):
        in_tiles(lambda tiles: tiles, picture, tile=(4, 4), **options)


def test_a_function_that_changes_the_size():
    with pytest.raises(InputError, match="only channels may change"):
        in_tiles(lambda tiles: tiles[:, :2], np.zeros((8, 8, 1)), tile=(4, 4))
