"""`Captioned`: reads a caption, or a picture, into slots, and draws each slot's object where it belongs."""

import jax
import jax.numpy as jnp
import numpy as np
from flax import linen as nn
from jaxtyping import Array, Float, Int

from aejax.networks.convolution import Convolution


class Captioned(nn.Module):
    words: int
    longest: int = 24
    side: int = 56
    slots: int = 3
    slot_dim: int = 32
    instance_dim: int = 8
    width: int = 64
    layers: int = 2
    heads: int = 4
    patch: int = 28
    margin: int = 8
    hidden: int = 256
    kind: str = 'attention'

    def setup(self):
        self.text = Text(self.words, self.longest, self.slots, self.slot_dim, self.width, self.layers, self.heads, self.kind)
        self.convolutions = [Convolution(32), Convolution(48, stride=2)]
        self.seen = nn.Dense(self.hidden)
        self.read_slots = nn.Dense(self.slots * self.slot_dim)
        self.instance = [nn.Dense(64), nn.Dense(2 * self.instance_dim)]
        self.object = [nn.Dense(self.hidden), nn.Dense(self.patch**2)]
        self.where = [nn.Dense(128), nn.Dense(2 * self.offsets)]
        self.present = nn.Dense(1)

    @property
    def offsets(self):
        return self.side - self.patch + 1 + 2 * self.margin

    def features(self, images):
        x = images.reshape(-1, self.side // 4, 4, self.side // 4, 4).transpose(0, 1, 3, 2, 4)
        x = x.reshape(-1, self.side // 4, self.side // 4, 16)
        for convolution in self.convolutions:
            x = jax.nn.relu(convolution(x))
        return jax.nn.relu(self.seen(x.reshape(x.shape[0], -1)))

    def read(self, images):
        return _norm(self.read_slots(self.features(images)).reshape(-1, self.slots, self.slot_dim))

    def encode(self, x):
        tokens, images = x
        slots = self.text(tokens) if tokens is not None else self.read(images)
        if images is None:
            instance = jnp.zeros((slots.shape[0], self.slots, 2 * self.instance_dim))
        else:
            features = jnp.broadcast_to(self.features(images)[:, None], (slots.shape[0], self.slots, self.hidden))
            instance = self.instance[1](jax.nn.relu(self.instance[0](jnp.concatenate([features, slots], -1))))
        if self.is_initializing() and images is not None:
            self.read(images)
        mean, log_var = jnp.split(instance, 2, axis=-1)
        return jnp.concatenate([part.reshape(slots.shape[0], -1) for part in (slots, mean, log_var)], axis=1)

    def decode(self, code):
        fixed, free = self.slots * self.slot_dim, self.slots * self.instance_dim
        slots, instance = code[:, :fixed], code[:, fixed: fixed + free]   # `init` comes with variances behind them
        x = jnp.concatenate([slots.reshape(-1, self.slots, self.slot_dim),
                             instance.reshape(-1, self.slots, self.instance_dim)], axis=-1)
        x = x.reshape(-1, x.shape[-1])
        patch = self.object[1](jax.nn.relu(self.object[0](x))) - 2.0
        patch = jax.nn.sigmoid(patch).reshape(-1, self.patch, self.patch)
        where = self.where[1](jax.nn.relu(self.where[0](x)))
        where = jax.nn.softmax(where.reshape(-1, 2, self.offsets), axis=-1)
        down, across = where[:, 0], where[:, 1]
        shift = jnp.asarray(shifts(self.side, self.patch, self.margin))
        rows = (down @ shift).reshape(-1, self.side, self.patch)
        columns = (across @ shift).reshape(-1, self.side, self.patch)
        drawn = rows @ patch @ columns.transpose(0, 2, 1)
        drawn = drawn * jax.nn.sigmoid(self.present(x) + 1.0)[:, :, None]
        drawn = drawn.reshape(-1, self.slots, self.side, self.side)
        return (1 - jnp.prod(1 - drawn, axis=1))[..., None]

    def __call__(self, x):
        return self.decode(self.encode(x)[:, : self.slots * (self.slot_dim + self.instance_dim)])


def shifts(side, patch, margin):
    offsets = np.arange(side - patch + 1 + 2 * margin) - margin
    return (np.arange(side)[None, :, None] == offsets[:, None, None] + np.arange(patch)[None, None, :]).reshape(
        len(offsets), -1).astype(np.float32)


def _norm(x):
    return x * jax.lax.rsqrt(jnp.mean(jnp.square(x), axis=-1, keepdims=True) + 1e-6)


def _window(x, reach):
    padded = jnp.pad(x, ((0, 0), (reach, reach), (0, 0)))
    return jnp.concatenate([padded[:, i: i + x.shape[1]] for i in range(2 * reach + 1)], axis=-1)


class Text(nn.Module):
    words: int
    longest: int
    slots: int
    slot_dim: int
    width: int
    layers: int
    heads: int
    kind: str

    @nn.compact
    def __call__(self, tokens):
        known = tokens > 0
        x = nn.Embed(self.words, self.width, embedding_init=nn.initializers.normal(1.0))(tokens)
        x = x + self.param("position", nn.initializers.normal(1.0), (self.longest, self.width))[None]
        mask = known[:, None, None, :]
        if self.kind == "gru":
            y = nn.Bidirectional(nn.RNN(nn.GRUCell(2 * self.width)), nn.RNN(nn.GRUCell(2 * self.width)))(
                x, seq_lengths=known.sum(1))
            y = jnp.concatenate([jnp.max(jnp.where(known[..., None], y, -1.0), 1)], -1)
            y = jax.nn.relu(nn.Dense(4 * self.width)(y))
            return _norm(nn.Dense(self.slots * self.slot_dim)(y).reshape(-1, self.slots, self.slot_dim))
        if self.kind == "conv":
            for _ in range(2):
                y = jax.nn.relu(nn.Dense(self.width)(_window(nn.LayerNorm()(x), 3)))
                x = (x + y) * known[..., None]
        for _ in range(self.layers):
            y = nn.LayerNorm()(x)
            x = x + nn.MultiHeadDotProductAttention(self.heads)(y, y, mask=mask)
            y = nn.LayerNorm()(x)
            x = x + nn.Dense(self.width)(jax.nn.relu(nn.Dense(2 * self.width)(y)))
        x = nn.LayerNorm()(x)
        query = self.param("slots", nn.initializers.normal(1.0), (self.slots, self.width))
        query = jnp.broadcast_to(query[None], (x.shape[0], self.slots, self.width))
        y = query + nn.MultiHeadDotProductAttention(self.heads)(query, x, mask=mask)
        y = nn.LayerNorm()(y).reshape(x.shape[0], -1)
        y = jax.nn.relu(nn.Dense(4 * self.width)(y))
        return _norm(nn.Dense(self.slots * self.slot_dim)(y).reshape(-1, self.slots, self.slot_dim))
