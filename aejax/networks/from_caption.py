"""`FromCaption`: reads a caption, or a picture, into slots, and draws what each slot says where it says."""

from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np
from flax import linen as nn
from jaxtyping import Array, Float, Int

from aejax.networks.convolution import Convolution
from aejax.types import ArrayLike, Captioned, InputError

CELL = 4         # pixels of a side that the convolutions begin with as channels
HEADS = 4        # questions that a slot asks of the words
GROUND = 0.005   # of the canvas, which is not quite black: gradients stay bounded


class FromCaption(nn.Module):
    """Words to slots by a recurrent network, slots to a picture by drawing one object each, at a place of its own.

    A slot holds what the caption says about one object, and what only a picture can say, its instance. The decoder
    makes of each slot a patch, and for rows and for columns a distribution over places where it goes; the canvas is
    x̂ = 1 − Π_s (1 − canvas_s), so that what one slot draws does not depend on the others. Nothing tells the network
    which object belongs to which slot, nor where objects stand: both are learnt from pictures. A second encoder reads
    slots from a picture; an instance is read where its slot draws.

    `encode` gives the slots, then mean and log-variance of the instances given caption and picture: zeros, the prior's,
    where there is no picture.

    Attributes:
      words: of the vocabulary, 0 included, which fills up.
      side: of the canvas, in pixels; a multiple of 8.
      slots: objects of a picture, at most.
      slot_dim: numbers of a slot that the caption decides.
      instance_dim: numbers of a slot that it leaves open.
      patch: side of what a slot draws, in pixels.
      margin: pixels by which a patch may lie outside of the canvas.
      width: of the words' vectors; twice as many units read them in either direction.
      hidden: units of the dense layers.

    References:
      Gregor et al. 2015, DRAW; Mansimov et al. 2016, Generating images from captions with attention: patches that are
      written where the network says. Eslami et al. 2016, Attend, infer, repeat: one object at a time.

    >>> network = FromCaption(words=5, side=16, patch=8, margin=2, width=4, hidden=8)
    >>> pair = Captioned(jnp.array([[1, 2, 0]]), jnp.zeros((1, 16, 16, 1)))
    >>> network.init_with_output(jax.random.key(0), pair)[0].shape
    (1, 16, 16, 1)
    """

    words: int
    side: int = 56
    slots: int = 3
    slot_dim: int = 48
    instance_dim: int = 8
    patch: int = 28
    margin: int = 8
    width: int = 64
    hidden: int = 256

    def __post_init__(self):
        if self.side % (2 * CELL):
            raise InputError(f"side must be a multiple of {2 * CELL} pixels, got {self.side}")
        super().__post_init__()

    @property
    def fixed_dim(self) -> int:
        """Numbers of a code that a caption decides; they come first."""
        return self.slots * self.slot_dim

    @property
    def code_dim(self) -> int:
        """Numbers of a code."""
        return self.slots * (self.slot_dim + self.instance_dim)

    def setup(self):
        self.embed = nn.Embed(self.words, self.width, embedding_init=nn.initializers.normal(1.0))
        self.forward, self.backward = (nn.RNN(nn.GRUCell(2 * self.width)) for _ in range(2))
        self.questions = self.param("questions", nn.initializers.normal(0.5), (4 * self.width, HEADS * self.slots))
        self.caption = [nn.Dense(self.hidden), nn.Dense(self.slot_dim)]
        self.slot = self.param("slot", nn.initializers.normal(1.0), (self.slots, self.width))
        self.convolutions = [Convolution(24), Convolution(32, stride=2)]
        self.seen, self.picture = nn.Dense(self.hidden), nn.Dense(self.fixed_dim)
        self.instance = [nn.Dense(self.hidden // 2), nn.Dense(2 * self.instance_dim)]
        self.what = [nn.Dense(self.hidden), nn.Dense(self.patch**2)]
        self.where = [nn.Dense(self.hidden // 2), nn.Dense(2 * len(self.offsets) + 1)]

    @property
    def offsets(self) -> np.ndarray:
        """Where a patch may begin, of rows and of columns alike."""
        return np.arange(-self.margin, self.side - self.patch + self.margin + 1)

    def encode(self, x: Captioned | Int[ArrayLike, "batch words"]) -> Float[Array, "batch numbers"]:
        """Slots of the caption, or of the picture where there is no caption; then instances."""
        tokens, images = x if isinstance(x, Captioned) else (x, None)
        seen = None if images is None else self._see(images)
        looked = None if seen is None else self._slots(self.picture(seen))   # also with a caption: `init` must see it
        slots = looked if tokens is None else self._read(jnp.asarray(tokens))
        instance = jnp.zeros((*slots.shape[:2], 2 * self.instance_dim))
        if images is not None:
            instance = _through(self.instance, jnp.concatenate([self._cut(images, slots), slots], axis=-1))
        mean, log_var = jnp.split(instance, 2, axis=-1)
        return jnp.concatenate([part.reshape(slots.shape[0], -1) for part in (slots, mean, log_var)], axis=1)

    def look(self, images: Float[Array, "batch h w 1"]) -> Float[Array, "batch fixed"]:
        """The slots of pictures alone; training brings them near to those of the captions."""
        return self._slots(self.picture(self._see(images))).reshape(images.shape[0], -1)

    def decode(self, code: Float[Array, "batch numbers"]) -> Float[Array, "batch h w 1"]:
        """The picture's logits; what stands behind the first `code_dim` numbers is left out."""
        parts = code[:, : self.fixed_dim], code[:, self.fixed_dim: self.code_dim]
        slots, instance = (part.reshape(code.shape[0] * self.slots, -1) for part in parts)
        patch = _through(self.what, jnp.concatenate([slots, instance], axis=-1)) - 2   # dark at first
        rows, columns, there = self._placed(slots)
        drawn = rows @ jax.nn.sigmoid(patch).reshape(-1, self.patch, self.patch) @ columns.swapaxes(1, 2)
        drawn = drawn * there[:, None]
        drawn = drawn.reshape(code.shape[0], self.slots, self.side, self.side, 1)
        light = GROUND - jnp.sum(jnp.log1p(-drawn), axis=1)   # −log(1 − x̂)
        return light + jnp.log(-jnp.expm1(-light))

    def _placed(self, slots: Float[Array, "many numbers"]) -> tuple[Array, Array, Array]:
        """Which rows and which columns of the canvas those of the patch fall on, and how much there is of it."""
        places = _through(self.where, slots)
        down, across = jax.nn.softmax(places[:, :-1].reshape(-1, 2, len(self.offsets)), axis=-1).swapaxes(0, 1)
        shift = np.arange(self.side)[:, None] == self.offsets[:, None, None] + np.arange(self.patch)
        rows, columns = (jnp.tensordot(place, jnp.asarray(shift, place.dtype), 1) for place in (down, across))
        return rows, columns, jax.nn.sigmoid(places[:, -1:] + 1)

    def _cut(self, images: Float[Array, "batch h w 1"], slots: Float[Array, "batch slots numbers"],
             ) -> Float[Array, "batch slots pixels"]:
        """What the picture shows where each slot would draw."""
        rows, columns, _ = self._placed(jax.lax.stop_gradient(slots).reshape(-1, self.slot_dim))
        whole = jnp.repeat(images[..., 0], self.slots, axis=0)
        return (rows.swapaxes(1, 2) @ whole @ columns).reshape(*slots.shape[:2], -1)

    def _read(self, tokens: Int[Array, "batch words"]) -> Float[Array, "batch slots numbers"]:
        known, x = tokens > 0, self.embed(tokens)
        lengths = known.sum(axis=1)
        both = jnp.concatenate([self.forward(x, seq_lengths=lengths),
                                self.backward(x, seq_lengths=lengths, reverse=True, keep_order=True)], axis=-1)
        weights = jax.nn.softmax(jnp.where(known[..., None], both @ self.questions, -1e9), axis=1)
        answers = (weights.swapaxes(1, 2) @ both).reshape(tokens.shape[0], self.slots, -1)
        which = jnp.broadcast_to(self.slot[None], (tokens.shape[0], *self.slot.shape))
        return self._slots(_through(self.caption, jnp.concatenate([answers, which], axis=-1)))

    def _see(self, images: Float[Array, "batch h w 1"]) -> Float[Array, "batch hidden"]:
        cells = self.side // CELL
        x = images.reshape(-1, cells, CELL, cells, CELL).swapaxes(2, 3).reshape(-1, cells, cells, CELL**2)
        for convolution in self.convolutions:
            x = jax.nn.relu(convolution(x))
        return jax.nn.relu(self.seen(x.reshape(x.shape[0], -1)))

    def _slots(self, flat: Float[Array, "batch *numbers"]) -> Float[Array, "batch slots numbers"]:
        """Of mean square 1 each, so that codes of captions and of pictures cannot agree by being small."""
        slots = flat.reshape(flat.shape[0], self.slots, self.slot_dim)
        return slots * jax.lax.rsqrt(jnp.mean(jnp.square(slots), axis=-1, keepdims=True) + 1e-6)

    def __call__(self, x: Captioned) -> Float[Array, "batch h w 1"]:
        return self.decode(self.encode(x))


def _through(layers: Sequence[nn.Module], x: Array) -> Array:
    """A hidden layer and a linear one."""
    return layers[1](jax.nn.relu(layers[0](x)))
