"""The vocabulary of the library: what an autoencoder is, and what its parts look like to each other."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Array, Float

from aejax.errors import InputError

__all__ = ["ArrayLike", "Autoencoder", "Batch", "Bottleneck", "Callback", "Captioned", "Corruption", "InputError",
           "Key", "Masked", "Metrics", "Network", "Params", "Penalty", "Range", "ReconstructionLoss", "Scalar",
           "SplitEncoder"]

ArrayLike = Array | np.ndarray   # what a user may pass
Key = Array                      # a typed key, jax.random.key(seed)
Params = Any                     # a pytree of arrays
Batch = Any                      # an array, or a pytree of arrays, with one leading axis of examples
Metrics = dict[str, Array]       # scalars by name
Range = tuple[float, float]      # lowest and highest value of a datum
Scalar = float | int | Array     # a number that may be traced


class Autoencoder(NamedTuple):
    """Four pure functions and the range of the data; nothing downstream knows more than this.

    A method that `autoencoder.autoencoder` cannot express fills the fields by hand, and training and applications
    still work.

    Attributes:
      init: (key, x) -> params. Checks a concrete `x`: shape, range, finite values.
      encode: (params, x) -> code, (B, *shape) -> (B, code_dim).
      decode: (params, code) -> reconstruction, (B, code_dim) -> (B, *shape), inside `range`.
      loss: (params, key, x) -> (scalar, metrics); metrics hold at least "loss", "reconstruction" and "penalty".
      range: lowest and highest value of data and reconstruction; None: any finite float.
      reconstruct: (params, x) -> x̂ where that is not decode(encode(x)), as with skip connections; else None.
      posterior: (params, x) -> mean and log-variance of q(z|x), each (B, code_dim); None where there is no posterior.
      log_likelihood: (params, code, x) -> (B,), log p(x|z) in nats; None where there is no likelihood.
      codebook: params -> (K, D), the vectors that codes consist of, one after the other; None where codes are free.
      scheduled: step -> the autoencoder of that step of a training, where numbers of the loss change with it; step is
        traced, and this autoencoder itself is the one of the end. None where nothing changes.
    """

    init: Callable[[Key, Batch], Params]
    encode: Callable[[Params, Batch], Array]
    decode: Callable[[Params, Array], Array]
    loss: Callable[[Params, Key, Batch], tuple[Array, Metrics]]
    range: Range | None
    reconstruct: Callable[[Params, Batch], Array] | None = None
    posterior: Callable[[Params, Batch], tuple[Array, Array]] | None = None
    log_likelihood: Callable[[Params, Array, Batch], Array] | None = None
    codebook: Callable[[Params], Array] | None = None
    scheduled: "Callable[[Scalar], Autoencoder] | None" = None


class Masked(NamedTuple):
    """A batch of which some values are unknown; inside an autoencoder it is one array, NaN at unknown places.

    It needs a loss that leaves these out (`losses.known_values`) and a network that takes NaN (`networks.WithMask`).

    Attributes:
      values: (B, *shape), as data without a mask; what stands at unknown places does not matter, but is no NaN.
      known_mask: bool, (B, *shape), True where a value is observed.
    """

    values: Any
    known_mask: Any


class Captioned(NamedTuple):
    """A batch of pictures with captions, of which either may be missing (None) where a code is asked for.

    Attributes:
      tokens: int32, (B, words), numbers of words, 0 where a caption has ended.
      images: (B, H, W, C), as data without captions.
    """

    tokens: Any
    images: Any


@runtime_checkable
class Network(Protocol):
    """A flax.linen module with the methods `encode` and `decode`; `decode` ends before the output activation.

    Four optional attributes are understood: `shape`, that of one datum, which decoded images get back; `flat=True`,
    which asks for (B, n) arrays in `encode` and promises them from `decode`; `split_encoder(params)`, a
    `SplitEncoder`; and a method `reconstruct(x)`, which is trained instead of decode(encode(x)) where skip connections
    lead around the code.
    """

    def encode(self, x: Array) -> Array: ...
    def decode(self, code: Array) -> Array: ...


class SplitEncoder(NamedTuple):
    """An encoder that begins with an affine map, x -> rest(x W + b): what exact cheap Jacobian norms need to know.

    A network offers it by a method `split_encoder(params)`.

    Attributes:
      kernel: W, (n, m).
      bias: b, (m,).
      rest: (B, m) -> (B, d), from the first pre-activation to the code.
      elementwise: whether `rest` maps each value by itself, so that its Jacobian is diagonal (and d = m).
    """

    kernel: Array
    bias: Array
    rest: Callable[[Array], Array]
    elementwise: bool = False

    def __call__(self, x: Array) -> Array:
        return self.rest(x.reshape(x.shape[0], -1) @ self.kernel + self.bias[None])


@runtime_checkable
class Corruption(Protocol):
    """p(x̃|x) on the [0, 1] scale: (key, x) -> x̃ of the same shape; x̃ may leave the range.

    `elementwise = True` on the function promises that the image's shape does not matter, so that a flat network need
    not restore it.
    """

    def __call__(self, key: Key, x: Array) -> Array: ...


@runtime_checkable
class Penalty(Protocol):
    """Ω: one number per example, (B,), or a scalar where it is about the whole batch; or a pair of it and metrics.

    It sees the network and its parameters, so that a network may offer a cheaper exact form of its own Jacobian norm;
    `x` is what the encoder saw (after corruption), `code` what it answered. An attribute `check(network, params, x)`,
    where there is one, is called by `init` on concrete input.
    """

    def __call__(self, network: Network, params: Params, key: Key, x: Array, code: Array,
                 ) -> Array | tuple[Array, Metrics]: ...


class ReconstructionLoss(NamedTuple):
    """ℓ(x, x̂) with the activation and the range that belong to it, so that they meet in no other place.

    Attributes:
      per_example: (output, x) -> (B,), from the decoder's output before the activation.
      activation: output -> x̂.
      range: of x and x̂; None: any finite float, and uint8 is refused.
      nats: what −log p(x|x̂) of one value has more than its share of ℓ, where ℓ is a likelihood's; else None.
    """

    per_example: Callable[[Array, Array], Float[Array, " batch"]]
    activation: Callable[[Array], Array]
    range: Range | None
    nats: float | None = None


class Bottleneck(NamedTuple):
    """What lies between encoder and decoder.

    Attributes:
      code: h -> code, without randomness: what `encode` returns.
      sample: (key, h) -> (code, cost): what the decoder is trained on, and what it costs, (B,), 0 for a point; or
        instead of the cost a pair of it and metrics.
      posterior: h -> mean and log-variance of a Gaussian q(z|x), (B, code_dim) each; else None.
    """

    code: Callable[[Array], Array]
    sample: Callable[[Key, Array], tuple[Array, Array | tuple[Array, Metrics]]]
    posterior: Callable[[Array], tuple[Array, Array]] | None = None


class Callback:
    """What watches a training run: loggers, trackers, checkpoints. Override what you need.

    `state` is only valid during the call: its buffers are donated to the next epoch. Copy what you keep.
    """

    def on_train_begin(self, info: Mapping[str, Any]) -> None:
        """Called once; `info` has epochs, batch_size, steps_per_epoch, examples, left_out, parameters, device, and the
        history of what a resumed run had done before."""

    def on_epoch_end(self, epoch: int, logs: Mapping[str, float], state: Any) -> bool | None:
        """Called after each epoch (from 0) with its metrics as floats. Return True to stop training."""

    def on_train_end(self, history: Mapping[str, list[float]]) -> None:
        """Called once at the end, also after an early stop or a non-finite loss."""
