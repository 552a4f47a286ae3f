"""An autoregressive prior for codes out of a codebook: each index given those before it, in rows from the top.

The network sees a window above and to the left, as that of `applications.pixel_model` does (its `Geometry`), and the
place itself; it answers with the probabilities of the K vectors.
"""

import functools
import math
from collections.abc import Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from aejax import codebooks
from aejax.applications.batches import in_batches
from aejax.applications.pixel_model import Geometry
from aejax.applications.priors import check_number, check_temperature, split
from aejax.train import fit
from aejax.train.optimizers import falling_adam
from aejax.types import ArrayLike, Autoencoder, Batch, Callback, InputError, Key, Metrics, Params

RADIUS, EMBEDDING, WIDTH = 4, 16, 128


class IndexPrior(NamedTuple):
    """p(i_1) p(i_2 | i_1) … over the positions of a grid, row by row; codes are the vectors of the indices.

    Attributes:
      codebook: (K, D), the autoencoder's.
      radius: (1,), rows above and columns to either side that are seen.
      network: parameters of `index_trainer`.
    """

    codebook: ArrayLike
    radius: ArrayLike
    network: Params

    @property
    def grid(self) -> tuple[int, int]:
        """Height and width of the grid of positions."""
        return tuple(self.network["places"].shape[:2])

    def sample_indices(self, key: Key, n: int, *, temperature: float = 1.0) -> Int[Array, "n positions"]:
        """Indices in 0 … K − 1, one position after the other; log-probabilities are divided by the temperature."""
        temperature = jnp.float32(max(check_temperature(temperature), 1e-6))
        return _sample(self.network, key, temperature, n=check_number(n), radius=int(self.radius[0]))

    def sample(self, key: Key, n: int, *, temperature: float = 1.0) -> Float[Array, "n code"]:
        """The codes of `sample_indices`."""
        return codebooks.vectors(self.sample_indices(key, n, temperature=temperature), jnp.asarray(self.codebook))

    def log_density(self, codes: Float[ArrayLike, "n code"], *, batch_size: int = 1024) -> Float[Array, " n"]:
        """log p(indices of the codes), in nats: a probability, not a density."""
        found = np.asarray(codebooks.indices(jnp.asarray(codes), jnp.asarray(self.codebook)))
        radius, size = int(self.radius[0]), len(self.codebook)
        trainer = index_trainer(self.grid, size, radius=radius, embedding=self.network["embedding"].shape[1],
                                width=self.network["places"].shape[2])
        return jnp.asarray(in_batches(_log_probability, trainer, self.network, found, batch_size, radius))


def bits_per_dimension(prior: IndexPrior, codes: Float[ArrayLike, "n code"], values: int) -> Float[np.ndarray, " n"]:
    """−log₂ p(indices) / values, of each code: what the indices cost, and nothing for what the decoder gets wrong.

    Args:
      prior: of the codes' indices.
      codes: (N, P·D).
      values: of a datum, H·W·C of a picture.
    """
    return np.asarray(prior.log_density(codes), np.float64) / (-math.log(2) * values)


def _log_probability(ae: Autoencoder | None, network: Params, indices: Batch, radius: int) -> Array:
    height, width = network["places"].shape[:2]
    grid = indices.reshape(-1, height, width)
    found = jax.nn.log_softmax(_logits(network, _windows(network["embedding"][grid], radius), network["places"][None]))
    return jnp.sum(jnp.take_along_axis(found, grid[..., None], axis=-1), axis=(1, 2, 3))


def _windows(embedded: Float[Array, "n h w e"], radius: int) -> Float[Array, "n h w values"]:
    """What stands at the places before each one, one shifted grid beside the other."""
    height, width = embedded.shape[1:3]
    padded = Geometry(radius).pad(embedded)
    places = [divmod(int(place), 2 * radius + 1) for place in Geometry(radius).causal(1)]
    return jnp.concatenate([padded[:, i: i + height, j: j + width] for i, j in places], axis=-1)


def _logits(network: Params, seen: Float[Array, "*some values"], place: Float[Array, "*other width"]) -> Array:
    x = jax.nn.relu(seen @ network["kernel_0"] + place)
    x = x + jax.nn.relu(x @ network["kernel_1"] + _row(network["bias_1"], x))
    return x @ network["kernel_2"] + _row(network["bias_2"], x)


def _row(bias: Array, like: Array) -> Array:
    return bias.reshape((1,) * (like.ndim - 1) + (-1,))


@functools.partial(jax.jit, static_argnames=("n", "radius"))
def _sample(network: Params, key: Key, temperature: Array, *, n: int, radius: int) -> Array:
    height, width = network["places"].shape[:2]
    causal = Geometry(radius).causal(network["embedding"].shape[1])

    def step(padded: Array, position: Array) -> tuple[Array, Array]:
        row, column = position // width, position % width
        size = (n, radius + 1, 2 * radius + 1, padded.shape[3])
        window = jax.lax.dynamic_slice(padded, (0, row, column, 0), size)
        logits = _logits(network, window.reshape(n, -1)[:, causal], network["places"][row, column][None])
        index = jax.random.categorical(jax.random.fold_in(key, position), logits / temperature)
        new = network["embedding"][index][:, None, None]
        return jax.lax.dynamic_update_slice(padded, new, (0, row + radius, column + radius, 0)), index
    empty = Geometry(radius).pad(jnp.zeros((n, height, width, network["embedding"].shape[1])))
    return jax.lax.scan(step, empty, jnp.arange(height * width))[1].T


@functools.cache   # so that equal ones are compiled once
def index_trainer(grid: tuple[int, int], size: int, *, radius: int = RADIUS, embedding: int = EMBEDDING,
                  width: int = WIDTH) -> Autoencoder:
    """What `train.fit` trains on indices, int32 (N, P): −log p in nats; `init` and `loss` alone work.

    Args:
      grid: height and width, P = height · width.
      size: K, how many vectors the codebook has.
      radius, embedding, width: as for `autoregressive`.
    """
    def init(key: Key, x: Batch) -> Params:
        initialise = jax.nn.initializers.lecun_normal()
        sizes = (len(Geometry(radius).causal(embedding)), width, width, size)
        params = {f"kernel_{i}": initialise(jax.random.fold_in(key, i), pair, jnp.float32)
                  for i, pair in enumerate(zip(sizes[:-1], sizes[1:], strict=True))}
        return params | {"embedding": jax.random.normal(jax.random.fold_in(key, 3), (size, embedding)),
                         "places": jnp.zeros((*grid, width)), "bias_1": jnp.zeros(width), "bias_2": jnp.zeros(size)}

    def loss(params: Params, key: Key, x: Batch) -> tuple[Array, Metrics]:
        nats = -jnp.mean(_log_probability(None, params, x, radius))
        return nats, {"loss": nats, "reconstruction": nats, "penalty": jnp.zeros(()),
                      "bits_per_index": nats / (jnp.log(2.0) * grid[0] * grid[1])}

    def no_code(*_) -> Array:
        raise InputError("a model of indices has no code of its own: it gives probabilities, see IndexPrior")
    return Autoencoder(init, no_code, no_code, loss, None)


def grid_of(positions: int, grid: tuple[int, int] | None = None) -> tuple[int, int]:
    """Height and width of the grid that P positions lie on: a square where P is one, else a line.

    >>> grid_of(49), grid_of(50)
    ((7, 7), (1, 50))
    """
    side = math.isqrt(positions)
    grid = ((side, side) if side**2 == positions else (1, positions)) if grid is None else tuple(grid)
    if grid[0] * grid[1] != positions:
        raise InputError(f"a grid of {grid[0]}x{grid[1]} for codes of {positions} positions: the product must be that")
    return grid


def autoregressive(codes: Float[ArrayLike, "n code"], codebook: Float[ArrayLike, "size vector"], *, key: Key,
                   grid: tuple[int, int] | None = None, epochs: int = 8, batch_size: int = 32,
                   learning_rate: float = 4e-3, radius: int = RADIUS, embedding: int = EMBEDDING, width: int = WIDTH,
                   callbacks: Sequence[Callback] = ()) -> IndexPrior:
    """Learns the distribution of the indices of codes, and keeps the epoch that is best on a held-out tenth of them.

    Args:
      codes: (N, P·D), those of training data.
      codebook: (K, D), the autoencoder's.
      key: of parameters and order.
      grid: height and width; `grid_of(P)` if not given.
      epochs, batch_size, callbacks: as for `fit`; a batch has at most as many codes as there are.
      learning_rate: of Adam; falls to 0 by a cosine.
      radius: rows above, and columns to either side, that are seen; at least 1.
      embedding: numbers that stand for an index.
      width: of the two hidden layers.

    Raises:
      InputError: fewer than two codes, a grid of another size, numbers below 1.

    Source: van den Oord et al., "Neural discrete representation learning", NeurIPS 2017, with a smaller network.

    >>> book, rng = np.eye(2, dtype=np.float32), np.random.default_rng(0)
    >>> prior = autoregressive(book[rng.integers(0, 2, (40, 4))].reshape(40, 8), book, key=jax.random.key(0), epochs=1)
    >>> prior.sample_indices(jax.random.key(1), 3).shape
    (3, 4)
    """
    found = np.asarray(codebooks.indices(jnp.asarray(codes), jnp.asarray(codebook)))
    if len(found) < 2:
        raise InputError(f"a prior needs at least two codes, got {len(found)}")
    if min(radius, embedding, width) < 1:
        raise InputError(f"radius, embedding and width must be at least 1, got {radius}, {embedding} and {width}")
    train, held = split(found)
    batch_size = min(batch_size, len(train))
    trainer = index_trainer(grid_of(found.shape[1], grid), len(codebook), radius=radius, embedding=embedding,
                            width=width)
    state, _ = fit(trainer, train, epochs=epochs, batch_size=batch_size, key=key, validation=held,
                   optimizer=falling_adam(learning_rate, epochs * (len(train) // max(batch_size, 1))),
                   patience=max(epochs, 1), callbacks=callbacks)
    return IndexPrior(np.asarray(codebook), np.array([radius], np.int32), jax.device_get(state.params))
