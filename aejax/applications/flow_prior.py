"""A coupling flow as a prior: an invertible network that turns codes into N(0, I), trained by maximum likelihood."""

import functools
from collections.abc import Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from flax import linen as nn
from jaxtyping import Array, Float

from aejax.applications.inpainting import code_prior
from aejax.applications.priors import RIDGE, check_number, check_temperature, split
from aejax.train import fit
from aejax.train.optimizers import falling_adam
from aejax.types import ArrayLike, Autoencoder, Batch, Callback, InputError, Key, Metrics, Params

LAYERS, WIDTH = 8, 128
STEEPEST = 2.0   # the largest |log scale| of one coupling


class CouplingFlow(nn.Module):
    """u = f(z), affine couplings in turn: half of the units decide how the other half is scaled and moved.

    y = m⊙z + (1−m)⊙(z e^s + t), (s, t) a network of m⊙z; m is a random half, in the next coupling the other one.
    The last layer of each network starts at 0, so that the flow starts as the identity.

    Source: Dinh, Sohl-Dickstein and Bengio, "Density estimation using Real NVP", ICLR 2017.
    """

    code_dim: int
    layers: int = LAYERS
    width: int = WIDTH

    def setup(self):
        self.networks = [nn.Sequential([nn.Dense(self.width), jax.nn.relu, nn.Dense(self.width), jax.nn.relu,
                                        nn.Dense(2 * self.code_dim, kernel_init=nn.initializers.zeros_init())])
                         for _ in range(self.layers)]

    def mask(self, layer: int) -> np.ndarray:
        """(1, d), 1 where a unit stays."""
        half = np.random.default_rng(layer // 2).permutation(self.code_dim) < self.code_dim // 2
        return (half if layer % 2 else ~half).astype(np.float32)[None]

    def coupling(self, layer: int, z: Array) -> tuple[Array, Array]:
        """Logarithm of the scale, and the shift; 0 where a unit stays."""
        mask = self.mask(layer)
        scale, shift = jnp.split(self.networks[layer](mask * z), 2, axis=1)
        return (1 - mask) * STEEPEST * jnp.tanh(scale / STEEPEST), (1 - mask) * shift

    def __call__(self, z: Float[Array, "batch code"]) -> tuple[Float[Array, "batch code"], Float[Array, " batch"]]:
        """u, and log |det ∂u/∂z|."""
        volume = jnp.zeros(z.shape[0])
        for layer in range(self.layers):
            scale, shift = self.coupling(layer, z)
            z, volume = z * jnp.exp(scale) + shift, volume + jnp.sum(scale, axis=1)
        return z, volume

    def inverse(self, u: Float[Array, "batch code"]) -> Float[Array, "batch code"]:
        """z with f(z) = u."""
        for layer in reversed(range(self.layers)):
            scale, shift = self.coupling(layer, u)   # of units that the coupling left as they were
            u = (u - shift) * jnp.exp(-scale)
        return u


class FlowPrior(NamedTuple):
    """A flow of whitened codes.

    Attributes:
      mean, cholesky: z = mean + cholesky w turns whitened codes w into codes: (d,) and (d, d).
      network: parameters of `CouplingFlow`, which turns w into u ~ N(0, I).
    """

    mean: ArrayLike
    cholesky: ArrayLike
    network: Params

    def sample(self, key: Key, n: int, *, temperature: float = 1.0) -> Float[Array, "n code"]:
        """z = mean + cholesky f⁻¹(T u), u ~ N(0, I)."""
        return _sample(self, key, jnp.float32(check_temperature(temperature)), n=check_number(n))

    def log_density(self, codes: Float[ArrayLike, "n code"]) -> Float[Array, " n"]:
        """log N(f(w); 0, I) + log |det ∂f/∂w| − log det cholesky, w the whitened code."""
        return _log_density(self, jnp.asarray(codes))


def _flow(network: Params) -> CouplingFlow:
    """The module that parameters belong to."""
    kernels = network["networks_0"]["layers_0"]["kernel"]
    return CouplingFlow(kernels.shape[0], len(network), kernels.shape[1])


@functools.partial(jax.jit, static_argnames="n")
def _sample(prior: FlowPrior, key: Key, temperature: Array, *, n: int) -> Array:
    u = temperature * jax.random.normal(key, (n, len(prior.mean)))
    whitened = _flow(prior.network).apply({"params": prior.network}, u, method="inverse")
    return jnp.asarray(prior.mean)[None] + whitened @ jnp.asarray(prior.cholesky).T


@jax.jit
def _log_density(prior: FlowPrior, codes: Array) -> Array:
    cholesky = jnp.asarray(prior.cholesky)
    whitened = jax.scipy.linalg.solve_triangular(cholesky, (codes - jnp.asarray(prior.mean)[None]).T, lower=True).T
    return _density(prior.network, whitened) - jnp.sum(jnp.log(jnp.diag(cholesky)))


def _density(network: Params, whitened: Array) -> Array:
    u, volume = _flow(network).apply({"params": network}, whitened)
    return volume - 0.5 * jnp.sum(u**2, axis=1) - 0.5 * u.shape[1] * jnp.log(2 * jnp.pi)


@functools.cache   # so that equal ones are compiled once
def flow_trainer(code_dim: int, layers: int = LAYERS, width: int = WIDTH) -> Autoencoder:
    """What `train.fit` trains on whitened codes (N, d): −log p in nats; `init` and `loss` alone work."""
    flow = CouplingFlow(code_dim, layers, width)

    def init(key: Key, x: Batch) -> Params:
        return flow.init(key, jnp.asarray(x))["params"]

    def loss(params: Params, key: Key, x: Batch) -> tuple[Array, Metrics]:
        nats = -jnp.mean(_density(params, x))
        return nats, {"loss": nats, "reconstruction": nats, "penalty": jnp.zeros(())}

    def no_code(*_) -> Array:
        raise InputError("a flow of codes has no code of its own: it gives densities, see FlowPrior")
    return Autoencoder(init, no_code, no_code, loss, None)


def coupling_flow(codes: Float[ArrayLike, "n code"], *, key: Key, epochs: int = 15, batch_size: int = 64,
                  learning_rate: float = 3e-3, layers: int = LAYERS, width: int = WIDTH,
                  callbacks: Sequence[Callback] = ()) -> FlowPrior:
    """Fits a flow to codes, and keeps the epoch that is best on a held-out tenth of them.

    Args:
      codes: (N, d), those of training data, d at least 2.
      key: of parameters and order.
      epochs, batch_size, callbacks: as for `fit`; a batch has at most as many codes as there are.
      learning_rate: of Adam; falls to 0 by a cosine.
      layers, width: of `CouplingFlow`.

    Raises:
      InputError: codes of one unit, which leave nothing to couple; unusable codes; numbers below 1.

    >>> codes = np.random.default_rng(0).normal(3.0, 2.0, (40, 2))
    >>> prior = coupling_flow(codes, key=jax.random.key(0), epochs=1, layers=2, width=8)
    >>> prior.sample(jax.random.key(1), 5).shape, prior.log_density(codes).shape
    ((5, 2), (40,))
    """
    whole = code_prior(codes, ridge=RIDGE)
    codes = np.asarray(codes, np.float64)
    if codes.shape[1] < 2:
        raise InputError("a flow couples units of the code, of which there is one: take another prior")
    if layers < 1 or width < 1:
        raise InputError(f"layers and width of a flow must be at least 1, got {layers} and {width}")
    whitened = np.linalg.solve(whole.cholesky.astype(np.float64), (codes - whole.mean).T).T.astype(np.float32)
    train, held = split(whitened)
    batch_size = min(batch_size, len(train))
    state, _ = fit(flow_trainer(codes.shape[1], layers, width), train, epochs=epochs, batch_size=batch_size, key=key,
                   optimizer=falling_adam(learning_rate, epochs * (len(train) // max(batch_size, 1))),
                   validation=held, patience=max(epochs, 1), callbacks=callbacks)
    return FlowPrior(whole.mean, whole.cholesky, jax.device_get(state.params))
