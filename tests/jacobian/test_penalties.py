import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from aejax import jacobian, networks, variants
from aejax.types import InputError

VARIANTS = ("contractive", "higher_order_contractive", "reconstruction_contractive")


class Own(nn.Module):
    """A user's network whose encoder may be broken in several ways."""

    kind: str = "good"

    def setup(self):
        self.down, self.up = nn.Dense(3), nn.Dense(6)
        self.batch_norm = nn.BatchNorm(use_running_average=False)

    def encode(self, x):
        code = jnp.tanh(self.down(x))
        if self.kind == "attention":
            code = jax.nn.softmax(code @ code.T) @ code
        if self.kind == "batch mean":
            code = code - code.mean(axis=0, keepdims=True)
        if self.kind == "batch norm":
            code = self.batch_norm(code)
        return code / 0.0 * 0.0 if self.kind == "nan" else code

    def decode(self, code):
        return self.up(code)


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("kind", ["attention", "batch mean", "batch norm"])
@pytest.mark.parametrize("examples", [1, 4])
def test_coupled_encoders_are_refused_before_training(variant, kind, examples):
    x = jax.random.uniform(jax.random.key(0), (examples, 6))
    with pytest.raises(jacobian.BatchCoupledEncoderError, match="couple"):
        getattr(variants, variant)(Own(kind)).init(jax.random.key(1), x)


@pytest.mark.parametrize("variant", VARIANTS)
def test_good_encoders_pass(variant):
    x = jax.random.uniform(jax.random.key(0), (2, 6))
    getattr(variants, variant)(Own()).init(jax.random.key(1), x)
    getattr(variants, variant)(networks.Convolutional((5, 6, 1), 2, channels=(8,))).init(
        jax.random.key(1), jnp.ones((2, 5, 6, 1)))


def test_group_and_layer_norm_do_not_couple():
    x = jax.random.normal(jax.random.key(0), (3, 8))
    norm = nn.GroupNorm(2)
    params = norm.init(jax.random.key(1), x)
    jacobian.check_uncoupled(lambda x: norm.apply(params, x), x)


def test_nan_is_named():
    with pytest.raises(InputError, match="Own returns NaN"):
        variants.contractive(Own("nan")).init(jax.random.key(0), jnp.ones((2, 6)))


def test_init_may_be_traced():
    x = jnp.ones((2, 6))
    params = jax.vmap(lambda key: variants.contractive(Own()).init(key, x))(jax.random.split(jax.random.key(0), 2))
    assert params["down"]["kernel"].shape == (2, 6, 3)


def test_encoder_of_splits_where_it_can():
    dense = networks.Dense((6,), 3)
    x = jnp.ones((2, 6))
    assert hasattr(jacobian.encoder_of(dense, dense.init(jax.random.key(0), x)["params"]), "kernel")
    own = Own()
    params = own.init(jax.random.key(0), x, method=lambda m, x: m.decode(m.encode(x)))["params"]
    expected = own.apply({"params": params}, x, method="encode")
    np.testing.assert_array_equal(jacobian.encoder_of(own, params)(x), expected)
