import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from aejax.applications import captions
from aejax.data.grammar import Vocabulary
from aejax.networks import FromCaption
from aejax.train import fit
from aejax.types import Captioned, InputError

WORDS = Vocabulary("mnist")
TEXTS = [f"a {size} {noun}" for size in ("small", "large") for noun in ("zero", "one", "two", "three")]
NETWORK = FromCaption(words=len(WORDS), side=16, slots=1, slot_dim=12, instance_dim=2, patch=8, margin=2, width=16,
                      hidden=32)
AE = captions.captioned(NETWORK)


@pytest.fixture(scope="module")
def pairs():
    """A square for each caption, in a corner that the noun names, its side the size's; its brightness is left open."""
    images, texts = [], []
    for shade in np.linspace(90, 250, 16):
        for i, text in enumerate(TEXTS):
            image = np.zeros((16, 16, 1), np.uint8)
            row, column, side = 8 * (i % 4 // 2) + 1, 8 * (i % 2) + 1, 3 if i < 4 else 6
            image[row: row + side, column: column + side] = shade
            images.append(image)
            texts.append(text)
    return Captioned(captions.tokens_of(WORDS, texts), np.stack(images))


@pytest.fixture(scope="module")
def params(pairs):
    state, _ = fit(AE, pairs, optimizer=optax.adam(5e-3), key=jax.random.key(0), epochs=150, batch_size=32)
    return state.params


def test_pictures_of_captions(params, pairs):
    """The most typical picture is the mean of all that have the caption, and so nearer to it than to other means."""
    found = captions.imagine(AE, params, WORDS, TEXTS)
    assert found.shape == (8, 16, 16, 1) and 0 <= found.min() and found.max() <= 1
    means = pairs.images.reshape(16, 8, 16, 16, 1).mean(axis=0) / 255
    distances = np.square(found[:, None] - means[None]).sum(axis=(2, 3, 4))
    assert np.argmin(distances, axis=1).tolist() == list(range(8))
    assert (distances.diagonal() < 0.15 * np.square(means).sum(axis=(1, 2, 3))).all()


def test_draws_differ_by_what_is_left_open(params):
    key = jax.random.key(1)
    mean, drawn = captions.imagine(AE, params, WORDS, TEXTS), captions.imagine(AE, params, WORDS, TEXTS, key=key)
    np.testing.assert_array_equal(captions.imagine(AE, params, WORDS, TEXTS, key=key), drawn)
    np.testing.assert_allclose(captions.imagine(AE, params, WORDS, TEXTS, key=key, spread=0.0), mean, atol=1e-6)
    many = captions.imagine(AE, params, WORDS, TEXTS[5:6] * 40, key=key).sum(axis=(1, 2, 3))
    assert many.std() / many.mean() > 0.1   # a uniform shade of 90 to 250 has 0.27


def test_pictures_are_described_and_reconstructed(params, pairs):
    found = captions.describe(AE, params, WORDS, pairs.images[32:40], TEXTS)
    assert found == TEXTS
    assert captions.describe(AE, params, WORDS, pairs.images[32:33] / np.float32(255), TEXTS[::-1]) == TEXTS[:1]
    codes = AE.encode(params, pairs)
    assert codes.shape == (128, NETWORK.code_dim)
    bright = np.asarray(AE.decode(params, codes)).reshape(16, 8, -1).sum(axis=(1, 2))
    assert bright[-1] > 1.5 * bright[0]   # the instance holds the shade


def test_what_a_caption_decides_has_no_variance(params, pairs):
    mean, log_var = AE.posterior(params, Captioned(pairs.tokens[:3], None))
    assert np.isneginf(log_var[:, : NETWORK.fixed_dim]).all()
    np.testing.assert_array_equal(log_var[:, NETWORK.fixed_dim:], 0)
    np.testing.assert_array_equal(mean, AE.encode(params, Captioned(pairs.tokens[:3], None)))
    both, _ = AE.posterior(params, Captioned(pairs.tokens[:3], pairs.images[:3]))
    np.testing.assert_allclose(both, AE.encode(params, Captioned(pairs.tokens[:3], pairs.images[:3])), rtol=1e-5)


def test_cost_is_the_divergence_of_the_known_half(params, pairs):
    """β KL(N(m, s²) ‖ N(0, 1)) by its formula where an instance is known; 0 where it is not."""
    h = NETWORK.apply({"params": params}, Captioned(pairs.tokens[:4], jnp.asarray(pairs.images[:4] / np.float32(255))),
                      method="encode")
    sample = jax.jit(captions.instances(NETWORK, 0.5, captions.KNOWN).sample)
    drawn = [sample(jax.random.key(i), h) for i in range(200)]
    costs = np.array([cost for _, (cost, _) in drawn])
    nats = np.array([told["kl"] for _, (_, told) in drawn])
    mean, log_var = np.asarray(h[:, 12:14], np.float64), np.asarray(h[:, 14:], np.float64)
    expected = 0.5 * (0.5 * (np.exp(log_var) + mean**2 - 1) - 0.5 * log_var).sum(axis=1)
    np.testing.assert_allclose(nats, 2 * expected.mean(), rtol=1e-4)
    assert set(np.round(costs / expected, 3).ravel()) == {0.0, 1.0}
    assert (costs > 0).mean() == pytest.approx(captions.KNOWN, abs=0.1)
    codes = np.array([code for code, _ in drawn])
    np.testing.assert_array_equal(codes[:, :, 12:][costs == 0], 0)
    np.testing.assert_array_equal(codes[:, :, :12], np.broadcast_to(h[:, :12], codes[:, :, :12].shape))


def test_no_instance_is_known_at_first():
    """Of a hundred steps the last may know the instance of an example, as an autoencoder without steps does."""
    pair = Captioned(jnp.ones((64, 2), jnp.int32), jnp.zeros((64, 16, 16, 1)))
    scheduled = captions.captioned(NETWORK, weight=0.0, steps=100).scheduled
    params = AE.init(jax.random.key(0), pair)
    found = [jax.jit(scheduled(step).loss)(params, jax.random.key(1), pair)[1]
             for step in (round(100 * captions.PATIENCE) - 1, round(100 * captions.PATIENCE))]
    late = captions.captioned(NETWORK, weight=0.0).loss(params, jax.random.key(1), pair)[1]
    assert found[0]["loss"] == pytest.approx(float(found[0]["reconstruction"]))   # nothing is paid for
    assert found[1]["loss"] == pytest.approx(float(late["loss"])) and found[1]["loss"] > found[1]["reconstruction"]


def test_the_slots_that_are_looked_at_meet_those_of_the_captions(params, pairs):
    x = Captioned(pairs.tokens, jnp.asarray(pairs.images) / 255)
    found = captions.disagreement(NETWORK, params, jax.random.key(0), x, AE.encode(params, pairs))
    assert found.shape == (128,) and found.mean() < 1.0   # 12 where the two have nothing in common


REFUSED = {"no caption": ([], {}, "no captions"), "a word": (["a shirt"], {}, "unknown word 'shirt'"),
           "spread": (["a one"], {"spread": -1.0}, "spread")}


@pytest.mark.parametrize("case", REFUSED)
def test_bad_input_is_refused(params, case):
    texts, options, words = REFUSED[case]
    with pytest.raises(InputError, match=words):
        captions.imagine(AE, params, WORDS, texts, **options)
