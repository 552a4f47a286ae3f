import jax
import jax.numpy as jnp
import numpy as np

from aejax.train.diagnosis import NonFiniteLossError, culprit, finite_at
from aejax.train.step import TrainState
from aejax.types import Autoencoder

AE = Autoencoder(init=None, encode=None, decode=None, range=None, loss=lambda p, key, x: (
    jnp.sqrt(jnp.abs(p["w"])) + jnp.mean(x), {"loss": jnp.mean(x), "penalty": jnp.max(x)}))


def test_the_step_that_is_asked_for():
    x = np.zeros((6, 1), np.float32)
    x[4] = np.inf
    for w, step, order, expected in ((1.0, 0, np.arange(6), "an updated parameter"),
                                     (1.0, 1, np.arange(6), "the penalty term"),
                                     (1.0, 0, np.arange(6)[::-1].copy(), "the penalty term"),
                                     (0.0, 0, np.arange(6), "the gradient of ['w']")):
        finite = finite_at({"w": jnp.float32(w)}, x, order, jax.random.key(0), 0, 0, step, ae=AE, batch_size=3)
        assert culprit(finite) == expected
    blocks = x.reshape(2, 3, 1)   # of steps 7 and 8
    finite = finite_at({"w": jnp.ones(())}, blocks, None, jax.random.key(0), 0, 7, 8, ae=AE, batch_size=3)
    assert culprit(finite) == "the penalty term"


def test_the_error_says_what_and_where():
    error = NonFiniteLossError(5, "the penalty term", TrainState({}, (), 0), {"loss": []})
    assert "step 5: the penalty term is NaN" in str(error) and error.step == 5 and error.history == {"loss": []}
