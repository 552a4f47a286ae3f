import jax
import jax.numpy as jnp
import numpy as np
import pytest

from aejax.networks import FromCaption
from aejax.types import Captioned, InputError

NETWORK = FromCaption(words=6, side=16, slots=2, slot_dim=5, instance_dim=3, patch=4, margin=2, width=4, hidden=8)
TOKENS = jnp.array([[1, 2, 3, 0], [4, 5, 0, 0]])
IMAGES = jnp.asarray(np.random.default_rng(0).random((2, 16, 16, 1)), jnp.float32)


@pytest.fixture(scope="module")
def params():
    return NETWORK.init(jax.random.key(0), Captioned(TOKENS, IMAGES))["params"]


@pytest.fixture(scope="module")
def apply(params):
    def applied(x, method="encode", params=params):
        return NETWORK.apply({"params": params}, x, method=method)
    return applied


def test_codes_of_captions_of_pictures_and_of_both(apply):
    caption, picture, both = (apply(Captioned(*pair)) for pair in (
        (TOKENS, None), (None, IMAGES), (TOKENS, IMAGES)))
    assert caption.shape == picture.shape == both.shape == (2, 2 * (5 + 2 * 3))
    assert NETWORK.fixed_dim == 10 and NETWORK.code_dim == 16
    np.testing.assert_array_equal(caption[:, 10:], 0)   # the prior's mean and log-variance
    np.testing.assert_array_equal(both[:, :10], caption[:, :10])
    np.testing.assert_array_equal(apply(TOKENS), caption)
    np.testing.assert_array_equal(picture[:, :10], apply(IMAGES, "look"))
    assert np.abs(both[:, 10:]).max(axis=1).min() > 0 and not np.allclose(both[:, 10:], picture[:, 10:])
    np.testing.assert_allclose(np.square(both[:, :10]).reshape(2, 2, 5).mean(axis=2), 1, rtol=1e-4)


def test_what_fills_up_is_not_read(apply):
    longer = jnp.pad(TOKENS, ((0, 0), (0, 3)))
    np.testing.assert_allclose(apply(longer), apply(TOKENS), rtol=1e-5, atol=1e-6)
    changed = TOKENS.at[0, 2].set(1)
    assert np.abs(apply(changed) - apply(TOKENS))[0].max() > 1e-3
    reordered = TOKENS.at[0, :2].set(TOKENS[0, 1::-1])
    assert np.abs(apply(reordered) - apply(TOKENS))[0].max() > 1e-3


def placed(params):
    """The parameters with all weight of places on row 3 and column −1, whatever the slot."""
    offsets = NETWORK.offsets.tolist()
    assert offsets == list(range(-2, 15))
    bias = np.full(2 * 17 + 1, -50.0, np.float32)
    bias[offsets.index(3)], bias[17 + offsets.index(-1)], bias[-1] = 50, 50, 50
    return params | {"where_0": jax.tree.map(jnp.zeros_like, params["where_0"]),
                     "where_1": {"kernel": jnp.zeros_like(params["where_1"]["kernel"]), "bias": jnp.asarray(bias)}}


def test_a_patch_is_drawn_where_the_distribution_says(params, apply):
    """With all its weight on one offset, a patch of one brightness covers a square there, and nothing else."""
    changed = placed(jax.tree.map(jnp.zeros_like, params))
    changed["what_1"]["bias"] = jnp.full(16, 2.0)
    x = jax.nn.sigmoid(apply(jnp.zeros((1, 16)), "decode", changed))[0, ..., 0]
    expected = np.zeros((16, 16))
    expected[3:7, 0:3] = 0.75   # 1 − (1 − ½)²: both slots draw ½ there; a column lies outside
    np.testing.assert_allclose(x, expected, atol=6e-3)


def test_an_instance_is_read_where_its_slot_draws(params, apply):
    """Rows 3 to 6 and columns 0 to 2 decide it, all other pixels do not."""
    def instances(images):
        return np.asarray(apply(Captioned(TOKENS, images), params=placed(params)))[:, NETWORK.fixed_dim:]
    inside = np.zeros((16, 16, 1), bool)
    inside[3:7, :3] = True
    np.testing.assert_allclose(instances(jnp.where(inside, IMAGES, 1.0)), instances(IMAGES), rtol=1e-5, atol=1e-6)
    assert np.abs(instances(jnp.where(inside, 1.0, IMAGES)) - instances(IMAGES)).max(axis=1).min() > 1e-3


def test_slots_do_not_see_each_other(params, apply):
    """1 − x̂ of two slots is the product of what each leaves dark."""
    code = np.random.default_rng(1).normal(size=(1, 16)).astype(np.float32)
    swapped = np.concatenate([code[:, 5:10], code[:, :5], code[:, 13:], code[:, 10:13]], axis=1)
    code, swapped = jnp.asarray(code), jnp.asarray(swapped)
    np.testing.assert_allclose(apply(code, "decode"), apply(swapped, "decode"), rtol=1e-4, atol=1e-5)
    behind = jnp.concatenate([code, jnp.ones((1, 6))], axis=1)   # variances, as `init` passes them
    np.testing.assert_array_equal(apply(behind, "decode"), apply(code, "decode"))
    assert np.isfinite(jax.grad(lambda c: apply(c, "decode").sum())(code)).all()


def test_unusable_sides_are_refused():
    with pytest.raises(InputError, match="multiple of 8 pixels, got 20"):
        FromCaption(words=3, side=20)
