"""The distribution of a pixel's value given the pixels before it and a guide: trained in floats, used in integers.

The guide is a coarse picture that both sides have, the decoder's reconstruction. A network of two hidden layers sees
the pixels above and to the left, the guide around the place, and the place itself; it answers with 256 weights.

Coder and decoder must agree on every weight, or all that follows is garbage. So the trained network is rounded to
integers, once: every factor, product and sum is then an integer below 2²⁴ (`integers` sees to it), which float32 holds
exactly, in whatever order, batch, thread or device they are added up (Ballé et al., "Integer networks for data
compression with latent-variable models", ICLR 2019, round their networks for this reason, to integer types).
"""

import functools
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, UInt8

from aejax import threefry
from aejax.types import ArrayLike, Autoencoder, Batch, InputError, Key, Metrics, Params, Scalar

RADIUS = 5              # rows above, and columns to either side, that are seen
GUIDE_RADIUS = 2        # the same of the guide, and rows below
WIDTHS = (128, 128)     # of the hidden layers
LEVELS = 16             # of the guide, 0 to 15; the network sees multiples of 17, 0 to 255
PIXEL, HIDDEN = 255, 1020   # integers that stand for 1 in the input and in hidden layers
NAT = 16                # steps of a log-weight a nat
LIMIT = 1 << 24         # below it float32 holds every integer
DEEPEST = 511           # steps below the greatest log-weight, from which on a weight is that of the last entry


class Geometry(NamedTuple):
    """How far the network sees."""

    radius: int = RADIUS
    guide_radius: int = GUIDE_RADIUS

    def causal(self, channels: int) -> np.ndarray:
        """Places of the pixels that come before, in a flattened window (radius + 1, 2 radius + 1, channels)."""
        row, column = np.divmod(np.arange((self.radius + 1) * (2 * self.radius + 1)), 2 * self.radius + 1)
        before = np.flatnonzero((row < self.radius) | (column < self.radius))
        return (before[:, None] * channels + np.arange(channels)).ravel()

    def pad(self, pictures: ArrayLike, *, guide: bool = False) -> ArrayLike:
        """Zeros around (N, H, W, C), so that each place has a whole window; those of the picture reach no row below."""
        side = self.guide_radius if guide else self.radius
        widths = ((0, 0), (side, side if guide else 0), (side, side), (0, 0))
        return (np if isinstance(pictures, np.ndarray) else jnp).pad(pictures, widths)

    def inputs(self, window: ArrayLike, guide: ArrayLike, channel: Scalar) -> Array:
        """What the network sees, uint8 (..., n), of windows (..., h, w, C) whose own place is the last row's middle."""
        channels = window.shape[-1]
        own = window[..., self.radius, self.radius, : channels - 1]   # of this pixel, the channels before `channel`
        own = jnp.where(jnp.broadcast_to(jnp.arange(channels - 1) < channel, own.shape), own, 0)
        flat = window.reshape(*window.shape[:-3], -1)[..., self.causal(channels)]
        return jnp.concatenate([flat, 17 * guide.reshape(*guide.shape[:-3], -1), own], axis=-1)


SEEN = Geometry()


class Layer(NamedTuple):
    """x W + b: integers as float32; the result is divided by 2^shift and rounded down."""

    kernel: Array
    bias: Array
    shift: Array


class PixelModel(NamedTuple):
    """The network in integers, which float32 arrays hold exactly.

    Attributes:
      geometry: (2,), radius and guide radius.
      layers: two hidden ones, and that of the log-weights; the first one's bias is 0, the three below stand for it.
      rows, columns, channels: what each place adds, (H, m), (W, m) and (C, m).
      weights: (DEEPEST + 1,), integers, the weight at each distance from the greatest log-weight.
      kept: (256,), uint8, the value that each value is kept as; see `grey_levels`.
    """

    geometry: np.ndarray
    layers: tuple[Layer, ...]
    rows: Array
    columns: Array
    channels: Array
    weights: Array
    kept: np.ndarray

    @property
    def exact(self) -> bool:
        """Whether every value is kept as it is."""
        return bool((np.asarray(self.kept) == np.arange(256)).all())

    @property
    def shape(self) -> tuple[int, int, int]:
        """(H, W, C) of the pictures."""
        return len(self.rows), len(self.columns), len(self.channels)


def grey_levels(pictures: UInt8[np.ndarray, "..."], levels: int) -> UInt8[np.ndarray, "256"]:
    """The value that each of the 256 is kept as: the mean, in `pictures`, of those that share its level.

    Levels are of one width, but for the first and the last, which have half of it: 0 stays dark and 255 bright.

    Raises:
      InputError: fewer than 2 levels, or more than 256.

    >>> print(grey_levels(np.array([0, 100, 255], np.uint8), 3)[[0, 50, 70, 180, 200]])
    [  0   0 100 100 255]
    """
    if not 2 <= levels <= 256:
        raise InputError(f"grey levels are from 2 to 256, got {levels}")
    of = np.rint(np.arange(256) * ((levels - 1) / 255)).astype(int)
    counts = np.bincount(pictures.ravel(), minlength=256) + 1e-9   # where there is none, the middle of the level
    means = np.bincount(of, counts * np.arange(256)) / np.bincount(of, counts)
    return np.rint(means)[of].astype(np.uint8)


def row_weights(model: PixelModel, geometry: Geometry, window: UInt8[ArrayLike, "n h w c"],
                guide: UInt8[ArrayLike, "n g g c"], row: Scalar, column: Scalar, channel: Scalar,
                ) -> Float[Array, "n values"]:
    """Weights of the 256 values at one place of n pictures: integers, whose sum is at most 2²⁴."""
    x = geometry.inputs(window, guide, channel).astype(jnp.float32)
    place = model.rows[row] + model.columns[column] + model.channels[channel]
    for index, layer in enumerate(model.layers):
        product = jnp.matmul(x, layer.kernel, precision=jax.lax.Precision.HIGHEST)
        x = jnp.floor((product + (layer.bias if index else place)[None]) * jnp.exp2(-layer.shift))
        if index < len(model.layers) - 1:
            x = jnp.clip(x, 0, HIDDEN)
    depth = jnp.max(x, axis=1, keepdims=True) - x
    return model.weights[jnp.minimum(depth, DEEPEST).astype(jnp.int32)]


@functools.cache   # so that equal ones are compiled once
def pixel_trainer(shape: tuple[int, int, int], *, widths: tuple[int, int] = WIDTHS,
                  geometry: Geometry = SEEN, share: float = 0.25) -> Autoencoder:
    """What `train.fit` trains on (pictures, guides), both uint8 (N, H, W, C): the nats of a picture, given its guide.

    Args:
      shape: (H, W, C) of the pictures.
      widths: of the hidden layers.
      geometry: how far the network sees.
      share: of the rows that a step looks at, drawn anew for each step; the loss is scaled up to the picture.

    Returns:
      An `Autoencoder` without code: `init` and `loss` alone work.

    >>> ae = pixel_trainer((4, 4, 1), widths=(8, 8))
    >>> x = jnp.zeros((2, 4, 4, 1), jnp.uint8)
    >>> sorted(ae.loss(ae.init(jax.random.key(0), (x, x)), jax.random.key(1), (x, x))[1])
    ['bits_per_value', 'loss', 'penalty', 'reconstruction']
    """
    height, width, channels = shape
    seen = max(1, round(height * share))
    size = (len(geometry.causal(channels)) + (2 * geometry.guide_radius + 1) ** 2 * channels + channels - 1, *widths)

    def init(key: Key, x: Batch) -> Params:
        initialise = jax.nn.initializers.lecun_normal()
        params = {f"kernel_{i}": initialise(jax.random.fold_in(key, i), pair, jnp.float32)
                  for i, pair in enumerate(zip(size, (*widths, 256), strict=True))}
        places = {name: jnp.zeros((count, widths[0])) for name, count in
                  (("rows", height), ("columns", width), ("channels", channels))}
        return params | places | {"bias_1": jnp.full(widths[1], 0.25), "bias_2": jnp.zeros(256),
                                  "channels": jnp.full((channels, widths[0]), 0.25)}

    def log_probabilities(params: Params, inputs: Array, place: Array) -> Array:
        x = _rounded(inputs.astype(jnp.float32) / PIXEL @ params["kernel_0"] + place)
        x = _rounded(x @ params["kernel_1"] + params["bias_1"][None, None, None])
        return jax.nn.log_softmax(x @ params["kernel_2"] + params["bias_2"][None, None, None], axis=-1)

    def loss(params: Params, key: Key, x: Batch) -> tuple[Array, Metrics]:
        pictures, guides = map(jnp.asarray, x)
        order = jnp.argsort(threefry.uniform(key, 1, height)[0])[:seen]
        windows = _windows(geometry.pad(pictures), order, geometry.radius + 1, geometry.radius, width)
        around = 2 * geometry.guide_radius + 1
        guide = _windows(geometry.pad(guides, guide=True), order, around, geometry.guide_radius, width)
        nats = 0.0
        for channel in range(channels):
            place = params["rows"][order][:, None] + (params["columns"] + params["channels"][channel][None])[None]
            found = log_probabilities(params, geometry.inputs(windows, guide, channel), place[:, None])
            value = pictures[..., channel][:, order].swapaxes(0, 1).astype(jnp.int32)[..., None]
            nats -= jnp.sum(jnp.take_along_axis(found, value, axis=-1)) / len(pictures) * (height / seen)
        return nats, {"loss": nats, "reconstruction": nats, "penalty": jnp.zeros(()),
                      "bits_per_value": nats / (jnp.log(2.0) * height * width * channels)}

    def no_code(*_) -> Array:
        raise InputError("a model of pixels has no code: it gives distributions, see lossless.compress_pixels")
    return Autoencoder(init, no_code, no_code, loss, (0.0, 1.0))


def _rounded(x: Array) -> Array:
    """Clipped to [0, 1] and rounded to its steps, with the gradient of what was rounded."""
    x = jnp.clip(x, 0, 1)
    return x + jax.lax.stop_gradient(jnp.round(x * HIDDEN) / HIDDEN - x)


def _windows(padded: Array, rows: Array, height: int, radius: int, width: int) -> Array:
    """Windows (rows, N, W, height, 2 radius + 1, C) around each place of some rows."""
    bands = jax.vmap(lambda row: jax.lax.dynamic_slice_in_dim(padded, row, height, axis=1))(rows)
    return jnp.moveaxis(jnp.stack([bands[:, :, :, j: j + width] for j in range(2 * radius + 1)], axis=-2), 2, 3)


def integers(params: Params, geometry: Geometry = SEEN, kept: np.ndarray | None = None) -> PixelModel:
    """The trained network rounded to integers, as finely as sums below 2²⁴ allow; all values are `kept` by default.

    Raises:
      InputError: weights that are not finite, or so large that no rounding of them fits.
    """
    params = {name: np.asarray(leaf, np.float64) for name, leaf in params.items()}
    if not all(np.isfinite(leaf).all() for leaf in params.values()):
        raise InputError("the pixel model's parameters are not finite: lower --learning-rate")
    # log-weights come out as HIDDEN times the product: in steps of a nat it is to be NAT times
    params["kernel_2"], params["bias_2"] = (params[name] * (NAT / HIDDEN) for name in ("kernel_2", "bias_2"))
    places = [params[name] for name in ("rows", "columns", "channels")]
    extreme = sum(np.abs(place).max(axis=0) for place in places)
    layers, shift = [], 0
    for index, (one, bias) in enumerate(((PIXEL, extreme), (HIDDEN, params["bias_1"]), (HIDDEN, params["bias_2"]))):
        kernel = params[f"kernel_{index}"]
        most = (one * (np.abs(kernel).sum(axis=0) + np.abs(bias))).max() + 1e-9
        shift = int(np.floor(np.log2((LIMIT / 2 - one * (len(kernel) + 3)) / most)))   # one half for rounding
        if shift < 3:
            raise InputError("the pixel model's weights are too large for integers: lower --learning-rate")
        scale, half = 2.0**shift, 2.0 ** (shift - 3 if index == 0 else shift - 1)   # to the nearest, not down
        whole = np.rint(one * scale * bias) + half if index else 0 * bias
        if index == 0:
            places = [np.rint(one * scale * place) for place in places]
            places[2] = places[2] + half
        layers.append(Layer(np.rint(kernel * scale).astype(np.float32), whole.astype(np.float32),
                            np.float32(shift - 2 if index == 0 else shift)))
    weights = np.rint(2.0**16 * np.exp(-np.arange(DEEPEST + 1) / NAT)).astype(np.float32)
    model = PixelModel(np.array(geometry, np.int32), tuple(layers), *(a.astype(np.float32) for a in places), weights,
                       np.arange(256, dtype=np.uint8) if kept is None else kept)
    check_model(model)
    return model


def check_model(model: PixelModel) -> None:
    """Refuses a model that float32 might not compute exactly, as of a damaged file.

    Raises:
      InputError: not integers, or a sum that could reach 2²⁴.
    """
    arrays = [np.asarray(leaf, np.float64) for leaf in jax.tree.leaves(model)]
    exact = all((leaf == np.rint(leaf)).all() for leaf in arrays)
    place = sum(np.abs(np.asarray(part, np.float64)).max(axis=0) for part in model[2:5])
    for index, layer in enumerate(model.layers):
        sums = (HIDDEN if index else PIXEL) * np.abs(np.asarray(layer.kernel, np.float64)).sum(axis=0)
        exact = exact and (sums + np.abs(layer.bias) + (0 if index else place) < LIMIT).all()
    if not exact or not (np.asarray(model.weights) >= 0).all() or 256 * np.max(model.weights) > LIMIT:
        raise InputError("a pixel model that is not made of small integers: train the run again")
