"""Swapping: what two examples' codes make together must look like data to a critic that learns beside it."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from aejax import threefry
from aejax.autoencoder import autoencoder, to_range
from aejax.losses import squared_error
from aejax.networks import Convolutional, Dense
from aejax.types import Autoencoder, Batch, InputError, Key, Metrics, Network, Params, ReconstructionLoss, Scalar


def swapping(network: Network, *, weight: Scalar = 1.0, gradient_weight: Scalar = 1.0,
             reconstruction: ReconstructionLoss | None = None) -> Autoencoder:
    """Swapping autoencoder: L = mean ℓ(x, x̂) + λ [f(−D(x̃)) + f(D(x̃)) + f(−D(x)) + γ/2 ‖∂D/∂x‖²], f = softplus.

    x̃ is decoded from the first parts of one example's code and the rest of another's, cut at a place drawn for each:
    the styles of a `Style` network's layers, with fresh noise, and of any other network the code's numbers. The first
    term trains the autoencoder, the critic D being held; the others train the critic, the autoencoder being held. Its
    parameters are those named "critic". Of the paper's two critics this is the one of whole images.

    Args:
      weight: λ.
      gradient_weight: γ, of the critic's gradient at data (Mescheder et al. 2018).

    Source: Park et al., "Swapping autoencoder for deep image manipulation", NeurIPS 2020.

    >>> from aejax import networks, variants
    >>> ae = variants.swapping(networks.Style(shape=(28, 28, 1), code_dim=32), weight=1.0)
    """
    if isinstance(gradient_weight, (int, float)) and gradient_weight < 0:
        raise InputError(f"gradient_weight must not be negative, got {gradient_weight}")
    reconstruction = squared_error() if reconstruction is None else reconstruction

    def penalty(network: Network, params: Params, key: Key, x: Array, code: Array) -> tuple[Array, Metrics]:
        mixed = reconstruction.activation(mixtures(network, params, key, code))
        held, learning = jax.lax.stop_gradient((params["critic"], mixed))

        def judge(critic_params: Params, images: Array) -> Float[Array, " batch"]:
            shape = network.shape if hasattr(network, "shape") else images.shape[1:]
            images = images.reshape(images.shape[0], *shape)
            return critic(images.shape[1:]).apply({"params": critic_params}, images, method="encode")[:, 0]
        data, slope = jax.vjp(lambda images: judge(params["critic"], images), jax.lax.stop_gradient(x))
        squared = jnp.sum(jnp.square(slope(jnp.ones_like(data))[0]).reshape(x.shape[0], -1), axis=1)
        fooled = jax.nn.softplus(-judge(held, mixed))
        found = jax.nn.softplus(judge(params["critic"], learning)) + jax.nn.softplus(-data)
        return fooled + found + gradient_weight / 2 * squared, {
            "fooled": jnp.mean(fooled), "critic": jnp.mean(found), "critic_gradient": jnp.mean(squared)}

    ae = autoencoder(network, penalty=penalty, weight=weight, reconstruction=reconstruction)

    def init(key: Key, x: Batch) -> Params:
        params = ae.init(key, x)
        images = to_range(jnp.asarray(x), ae.range)
        judge = critic(images.shape[1:])
        return {**params, "critic": judge.init(threefry.fold_in(key, 1), images, method="encode")["params"]}
    init.check = ae.init.check
    return ae._replace(init=init)


def mixtures(network: Network, params: Params, key: Key, code: Float[Array, "batch code"]) -> Array:
    """The decoder's output for parts 0 … c − 1 of each code and the rest of its neighbour's, c drawn from 0 … parts."""
    cut_key, noise_key = threefry.split(key, 2)

    def apply(x: Array, method: str, *more: Key) -> Array:
        return network.apply({"params": params}, x, *more, method=method)
    styled = hasattr(network, "styles")
    parts = apply(code, "styles") if styled else code[:, :, None]
    cut = jax.random.randint(cut_key, (code.shape[0], 1, 1), 0, parts.shape[1] + 1)
    mixed = jnp.where(jnp.arange(parts.shape[1])[None, :, None] < cut, parts, jnp.roll(parts, 1, axis=0))
    return apply(mixed, "decode_styles", noise_key) if styled else apply(mixed[:, :, 0], "decode")


def critic(shape: tuple[int, ...]) -> Network:
    """D: an encoder whose code is one number; convolutional for images, dense for other data."""
    if len(shape) == 3:
        return Convolutional(shape=tuple(shape), code_dim=1, channels=(32, 64), activation="silu")
    return Dense(shape=tuple(shape), code_dim=1, widths=(128,), activation="silu", code_activation="identity")
