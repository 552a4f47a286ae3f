import functools

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from aejax import corruptions, losses, networks, variants
from aejax.applications.reconstruction import reconstruct
from aejax.autoencoder import autoencoder
from aejax.bottlenecks import point
from aejax.networks.unet import filled_from_coarse
from aejax.train import fit
from aejax.types import Bottleneck, InputError

LOSS = losses.squared_error(activation="identity")


def made(shape=(8, 8, 1), **options):
    network = networks.UNet(shape=shape, channels=(4, 8), **options)
    x = jax.random.uniform(jax.random.key(1), (3, *shape))
    return network, jax.jit(network.init)(jax.random.key(0), x), x


def run(network, variables, x, method=None):
    """One program, where one operation at a time would be fifty."""
    return jax.jit(functools.partial(network.apply, method=method))(variables, x)


@pytest.mark.parametrize("shape", [(1, 1, 1), (5, 27, 2), (8, 8, 1), (7, 10, 3)])
def test_takes_any_size(shape):
    network, variables, x = made(shape)
    code = run(network, variables, x, method="encode")
    assert run(network, variables, x).shape == x.shape and code.shape == (3, network.code_dim)
    assert run(network, variables, code, method="decode").shape == x.shape


def test_the_same_parameters_serve_larger_images_away_from_the_border():
    """Fully convolutional: the middle of an image does not know how far the border is."""
    network, variables, _ = made((32, 32, 1))
    large = jax.random.uniform(jax.random.key(2), (1, 64, 64, 1))
    whole = run(network.clone(shape=(64, 64, 1)), variables, large)
    part = run(network, variables, large[:, 16:48, 16:48])
    np.testing.assert_allclose(whole[:, 28:36, 28:36], part[:, 12:20, 12:20], atol=1e-5)
    assert not np.allclose(whole[:, 16:18, 16:18], part[:, :2, :2], atol=1e-5)


def test_skips_carry_what_the_code_does_not():
    network, variables, x = made()
    through = run(network, variables, run(network, variables, x, method="encode"), method="decode")
    assert not np.allclose(through, run(network, variables, x))
    zero = jax.tree.map(jnp.zeros_like, variables)
    np.testing.assert_array_equal(run(network, zero, x), x)   # residual: the input plus nothing
    assert not run(network.clone(residual=False), zero, x).any()


def test_blocks_start_as_the_identity():
    network, variables, x = made(blocks=2)
    plain = {name: part for name, part in variables["params"].items() if "blocks" not in name}
    np.testing.assert_array_equal(run(network, variables, x), run(network.clone(blocks=0), {"params": plain}, x))


def test_unknown_values_are_marked_and_not_seen():
    network, variables, x = made(unknown=-1.0)
    known = jnp.ones(x.shape, bool).at[:, 2:4, 3:].set(False)
    hidden = jnp.where(known, x, -1.0)
    output = run(network, variables, hidden)
    filled = filled_from_coarse(x, known)
    assert np.isfinite(output).all() and not np.allclose(output, run(network, variables, filled))
    assert variables["params"]["head"]["kernel"].shape[2] == 2
    np.testing.assert_array_equal(np.where(known, output, 0), np.where(known, x, 0))   # as they came
    zero = jax.tree.map(jnp.zeros_like, variables)
    np.testing.assert_array_equal(run(network, zero, hidden), filled)


@pytest.mark.parametrize("shape", [(1, 1), (5, 3), (8, 8)])
def test_filling_from_coarse_takes_the_smallest_box(shape):
    """Against a loop over boxes of doubling size."""
    rng = np.random.default_rng(0)
    x, known = rng.random((2, *shape, 2), dtype=np.float32), rng.random((2, *shape, 2)) < 0.3
    known[1] = False
    found = np.asarray(jax.jit(filled_from_coarse)(x, known))

    def average(n, i, j, c, size):   # of the box of `size` that holds (i, j), by the boxes of half the size
        if size == 1:
            return x[n, i, j, c] if known[n, i, j, c] else None
        half, top, left = size // 2, i // size * size, j // size * size
        parts = [average(n, a, b, c, half) for a in (top, top + half) for b in (left, left + half)
                 if a < shape[0] and b < shape[1]]
        parts = [part for part in parts if part is not None]
        return np.mean(parts) if parts else None
    for place in np.ndindex(x.shape):
        values = (average(*place, size) for size in (1, 2, 4, 8))
        expected = next((value for value in values if value is not None), 0.0)
        np.testing.assert_allclose(found[place], expected, atol=1e-6)


def test_training_restores_better_than_the_code_alone(images):
    noisy = corruptions.hidden_regions()
    network = networks.UNet(shape=images.shape[1:], channels=(4, 8), unknown=-1.0)
    ae = variants.denoising(network, corruption=noisy, reconstruction=LOSS)
    state, history = fit(ae, images, optimizer=optax.adam(1e-2), key=jax.random.key(0), epochs=30, batch_size=32)
    assert history["loss"][-1] < 0.5 * history["loss"][0]
    restored = reconstruct(ae, state.params, images)
    np.testing.assert_allclose(restored, jax.jit(ae.reconstruct)(state.params, images), atol=1e-5)
    error = [float(jnp.mean((other - images / np.float32(255)) ** 2)) for other in (
        restored, jax.jit(lambda p: ae.decode(p, ae.encode(p, images)))(state.params))]
    assert error[0] < error[1]


def test_penalties_see_the_encoder():
    network, _, x = made()
    ae = variants.contractive(network, weight=1.0, reconstruction=LOSS)
    params = ae.init(jax.random.key(0), x)
    _, metrics = jax.jit(ae.loss)(params, jax.random.key(0), x)
    assert float(metrics["penalty"]) > 0


def test_bfloat16_rounds_and_answers_in_float32():
    network, variables, x = made()
    output = run(network.clone(precision="bfloat16"), variables, x)
    exact = run(network, variables, x)
    assert output.dtype == jnp.float32 and not np.array_equal(output, exact)
    np.testing.assert_allclose(output, exact, atol=0.05)


@pytest.mark.parametrize(("make", "message"), [
    (lambda: networks.UNet(shape=(4,)), "(H, W, C)"),
    (lambda: networks.UNet(shape=(4, 4, 1), channels=(4,)), "two stages"),
    (lambda: networks.UNet(shape=(4, 4, 0)), "at least 1"),
    (lambda: networks.UNet(shape=(4, 4, 1), blocks=-1), "blocks"),
    (lambda: autoencoder(networks.UNet(shape=(4, 4, 1)), bottleneck=Bottleneck(point.code, point.sample)),
     "leads past the code")])
def test_bad_options(make, message):
    with pytest.raises(InputError) as error:
        make()
    assert message in str(error.value)
