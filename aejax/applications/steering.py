"""Transformations as walks in the code: decode(walk(z, α)) ≈ edit(decode(z), α), learnt (Jahanian et al. 2020).

A linear walk is z + αw; the other applies a small network's step n times. Either leaves the autoencoder as it is, or is
trained jointly with it. The baselines: doing nothing, which every walk has to beat, and `ceiling`, the reconstruction
of the edited image, which bounds what codes can say about it.
"""

import dataclasses
import functools
from collections.abc import Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Array, Float

from aejax.applications import edits
from aejax.applications.reconstruction import encode, reconstruct
from aejax.autoencoder import check_data, to_range
from aejax.metrics import to_unit
from aejax.train import fit
from aejax.types import ArrayLike, Autoencoder, InputError, Key, Params, Range

STEPS = 8      # of a nonlinear walk
WIDTH = 128    # of its network
WALKS = ("linear", "nonlinear")


@dataclasses.dataclass(frozen=True)
class Steering:
    """A walk that was learnt.

    Attributes:
      edit: a name of `edits.EDITS`.
      walk: "linear" or "nonlinear".
      joint: whether the autoencoder was trained with it.
      limit: |α| up to which it was trained.
      parameters: {"walk": …, "autoencoder": those that it belongs to}.
      history: of training, as of `fit`; "walk" is ½‖decode(walk(z, α)) − edited‖², a mean over examples.
    """

    edit: str
    walk: str
    joint: bool
    limit: float
    parameters: Mapping[str, Params]
    history: Mapping[str, list[float]] = dataclasses.field(default_factory=dict)

    @property
    def direction(self) -> np.ndarray | None:
        """w of z + αw, (code_dim,), in code units for each unit of α; None for a nonlinear walk."""
        if self.walk != "linear":
            return None
        found = self.parameters["walk"]
        return np.asarray(found["fixed"]["scale"] * found["step"]["w"] / self.limit)


def learn(ae: Autoencoder, params: Params, x: ArrayLike, *, edit: str, key: Key, walk: str = "linear",
          joint: bool = False, limit: float | None = None, epochs: int = 10, batch_size: int = 256,
          learning_rate: float = 3e-3) -> Steering:
    """Learns a walk from images, with α drawn evenly from −limit to limit.

    Args:
      ae, params: any autoencoder of images.
      x: (N, H, W, C), uint8 or floats in `ae.range`.
      edit: a name of `edits.EDITS`.
      key: of parameters, order and α.
      walk: "linear", z + αw, or "nonlinear": z ← z + (α/n) g(z), n times, g a network with one hidden layer.
      joint: also train the autoencoder: on edited images, and to have the walk lead from an image's code to the edited
        image. Else it stays, bit for bit, and the walk leads to the edited reconstruction.
      limit: largest |α|; by default the edit's own.
      epochs, batch_size: as for `fit`.
      learning_rate: of Adam; falls to 0 by a cosine.

    Raises:
      InputError: an unknown edit or walk, no images, an unusable limit; and as `fit`.
    """
    limit = edits.find(edit).limit if limit is None else limit
    task = objective(ae, edit, walk=walk, joint=joint)
    steps = epochs * (len(x) // max(batch_size, 1))
    rate = optax.cosine_decay_schedule(learning_rate, max(steps, 1))
    start = initial(ae, params, x, walk=walk, limit=limit, key=jax.random.fold_in(key, 4))
    state, history = fit(task._replace(init=lambda key, x: start), x, optimizer=optax.adam(rate), key=key,
                         epochs=epochs, batch_size=batch_size)
    return Steering(edit, walk, joint, float(limit), jax.device_get(state.params), history)


def initial(ae: Autoencoder, params: Params, x: ArrayLike, *, walk: str, limit: float, key: Key) -> dict[str, Any]:
    """Parameters before the first step: a walk that stays where it is, beside the autoencoder's own.

    The step works in units of the codes' spread over the first 1,000 images, so that one learning rate fits all.
    """
    check_walk(walk, limit)
    if len(x.shape) != 4:
        raise InputError(f"steering takes images (N, H, W, C), got an array of shape {x.shape}")
    if ae.range is None:
        raise InputError("steering takes images of a known range, but this autoencoder's range is None")
    check_data(x, ae.range)
    codes = encode(ae, params, np.asarray(x[:1000]))
    d = codes.shape[1]
    fixed = {"mean": jnp.asarray(codes.mean(axis=0)), "scale": jnp.asarray(codes.std(axis=0) + 1e-6),
             "limit": jnp.float32(limit)}
    step = {"w": jnp.zeros(d)}
    if walk == "nonlinear":
        first = jax.nn.initializers.lecun_normal()(key, (d, WIDTH))
        step |= {"first": first, "bias": jnp.zeros(WIDTH), "second": jnp.zeros((WIDTH, d))}
    return {"walk": {"fixed": fixed, "step": step}, "autoencoder": jax.tree.map(jnp.asarray, params)}


def check_walk(walk: str, limit: float) -> None:
    """Refuses what no walk can be made of."""
    if walk not in WALKS:
        raise InputError(f"unknown walk {walk!r}: one of {', '.join(WALKS)}")
    if not 0 < limit < np.inf:
        raise InputError(f"limit of alpha must be a positive number, got {limit}")


def take_walk(walk: Params, codes: Float[Array, "batch code"], alpha: Float[Array, " batch"],
              ) -> Float[Array, "batch code"]:
    """walk(z, α) with the parameters of `initial`; which walk it is shows in them. α = 0 stays."""
    fixed, step = walk["fixed"], walk["step"]
    scale = fixed["scale"][None]
    share = (alpha / fixed["limit"])[:, None]
    if "first" not in step:
        return codes + share * scale * step["w"][None]

    def advance(_, codes: Array) -> Array:
        hidden = jnp.tanh((codes - fixed["mean"][None]) / scale @ step["first"] + step["bias"][None])
        return codes + share / STEPS * scale * (hidden @ step["second"] + step["w"][None])
    return jax.lax.fori_loop(0, STEPS, advance, codes)


@functools.cache
def objective(ae: Autoencoder, edit: str, *, walk: str = "linear", joint: bool = False) -> Autoencoder:
    """What `train` minimises: ½‖decode(walk(encode(x), α)) − target‖², a sum over the image, α even in ±limit.

    The target is edit(decode(encode(x)), α), and the autoencoder's parameters get no gradient; `joint`: it is
    edit(x, α), they do, and the autoencoder's own loss on images edited by another α is added. Parameters are those
    of `initial`; `init` is left open.
    """
    apply = edits.find(edit).apply

    def edited(x: Array, alpha: Array) -> Array:
        return _from_unit(apply(to_unit(x, ae.range), alpha), ae.range)

    def loss(params: Params, key: Key, x: Array) -> tuple[Array, dict[str, Array]]:
        keys = jax.random.split(key, 3)
        own = params["autoencoder"] if joint else jax.lax.stop_gradient(params["autoencoder"])
        steps = {"fixed": jax.lax.stop_gradient(params["walk"]["fixed"]), "step": params["walk"]["step"]}
        limit = steps["fixed"]["limit"]
        x = to_range(x, ae.range)
        alpha, other = (limit * jax.random.uniform(k, (x.shape[0],), minval=-1.0) for k in keys[:2])
        codes = ae.encode(own, x)
        target = jax.lax.stop_gradient(edited(x if joint else ae.decode(own, codes), alpha))
        error = ae.decode(own, take_walk(steps, codes, alpha)) - target
        error = 0.5 * jnp.mean(jnp.sum(jnp.square(error), axis=(1, 2, 3)))
        own_loss = ae.loss(own, keys[2], edited(x, other))[0] if joint else jnp.zeros(())
        return error + own_loss, {"loss": error + own_loss, "walk": error, "autoencoder": own_loss}
    return Autoencoder(init=None, encode=None, decode=None, loss=loss, range=ae.range)


def steer(ae: Autoencoder, steering: Steering, x: ArrayLike, alphas: ArrayLike | Sequence[float]) -> np.ndarray:
    """decode(walk(encode(x), α)) of every image and α.

    Args:
      ae: the autoencoder that the walk was learnt for.
      steering: from `learn`.
      x: (B, H, W, C), uint8 or floats in `ae.range`.
      alphas: (A,), finite; beyond the trained limit a walk goes on.

    Returns:
      (B, A, H, W, C), in `ae.range`.

    Raises:
      InputError: unusable images or α.
    """
    alphas = edits.check_alpha(alphas)
    if alphas.ndim != 1 or not len(alphas):
        raise InputError(f"alphas must be a list of numbers, got an array of shape {alphas.shape}")
    check_data(x, ae.range)
    return np.stack([np.asarray(_steer(steering.parameters, x, alpha, ae=ae)) for alpha in alphas], axis=1)


@functools.partial(jax.jit, static_argnames="ae")
def _steer(parameters: Params, x: ArrayLike, alpha: Array, *, ae: Autoencoder) -> Array:
    own = parameters["autoencoder"]
    codes = ae.encode(own, x)
    return ae.decode(own, take_walk(parameters["walk"], codes, jnp.full(codes.shape[0], alpha)))


def edited(ae: Autoencoder, edit: str, x: ArrayLike, alphas: ArrayLike | Sequence[float]) -> np.ndarray:
    """The images themselves edited by every α, (B, A, H, W, C), in `ae.range`: what a walk is measured against."""
    unit = to_unit(to_range(jnp.asarray(x), ae.range), ae.range)
    found = [edits.edit(edit, unit, float(alpha)) for alpha in edits.check_alpha(alphas)]
    return np.stack([np.asarray(_from_unit(images, ae.range)) for images in found], axis=1)


def ceiling(ae: Autoencoder, params: Params, edit: str, x: ArrayLike, alphas: ArrayLike | Sequence[float],
            ) -> np.ndarray:
    """decode(encode(edit(x, α))): the codes of the edited images are what a perfect walk would find."""
    targets = edited(ae, edit, x, alphas)
    flat = targets.reshape(-1, *targets.shape[2:])
    return reconstruct(ae, params, flat).reshape(targets.shape)


def errors(ae: Autoencoder, params: Params, steering: Steering, x: ArrayLike, alphas: ArrayLike | Sequence[float],
           ) -> dict[str, np.ndarray]:
    """Mean squared errors to the image edited by each α, (A,), on the [0, 1] scale.

    Returns:
      "walk": of what the walk reaches; "no edit": of the images as they are, which a walk has to beat; "edited image
      reconstructed": of `ceiling`, with `params`, about what the best walk could do without joint training.
    """
    targets = edited(ae, steering.edit, x, alphas)
    plain = np.asarray(to_range(jnp.asarray(x), ae.range))[:, None]
    found = {"walk": steer(ae, steering, x, alphas), "no edit": plain,
             "edited image reconstructed": ceiling(ae, params, steering.edit, x, alphas)}
    return {name: np.square(to_unit(images, ae.range) - to_unit(targets, ae.range)).mean(axis=(0, 2, 3, 4))
            for name, images in found.items()}


def _from_unit(x: Array, range: Range) -> Array:
    return range[0] + (range[1] - range[0]) * x
