"""The tasks of the restoration experiment: each trains on one data set from one seed, and measures all methods.

Every function takes (images, seed, budget) and returns the row's values, and labelled images for the figure.
"""

import functools
from collections.abc import Callable

import jax
import numpy as np

from aejax import corruptions, losses, metrics, networks, variants
from aejax.applications import denoising, inpainting, super_resolution
from aejax.applications.reconstruction import encode
from aejax.types import Key
from experiments._restoration_models import (
    FILL,
    Budget,
    Images,
    choose,
    corrupted,
    dense,
    narrow,
    psnr,
    scores,
    train,
    unet,
    unit,
)

Values = dict[str, tuple[str, list[float]]]
Shown = list[tuple[str, np.ndarray]]
Traces = dict[str, tuple[list[int], list[float]]]
STD = 0.5
NOTEBOOK = corruptions.masking_noise(0.5, fill=0.5, rescale=True)   # grey in [-1, 1], what is kept doubled


def noise(images: Images, seed: int, budget: Budget) -> tuple[Values, Shown]:
    """Gaussian noise of std ½, not clipped."""
    corruption = corruptions.gaussian_noise(STD)
    ae, params = train(unet(images.test.shape[1:], budget, residual=False), corruption, images.train, budget, seed)
    part = unit(images.train[: budget.linear])
    linear = denoising.linear_denoiser(part, corrupted(corruption, part, seed, 0))
    choice, noisy = (corrupted(corruption, x, seed, i) for i, x in ((1, images.choice), (2, images.test)))
    filters = {"median": (denoising.median, "size", (3, 5, 7)),
               "Gaussian blur": (denoising.gaussian, "std", (0.7, 1.0, 1.3, 1.6)),
               "total variation": (denoising.total_variation, "weight", (0.2, 0.3, 0.4, 0.5, 0.7)),
               "non-local means": (functools.partial(denoising.non_local_means, std=STD, patch_size=3), "strength",
                                   (0.4, 0.6, 0.7, 0.8, 1.0))}
    found, values = {"noisy": noisy}, {}
    for name, (function, option, strengths) in filters.items():
        chosen, strength = choose(function, option, strengths, images.choice, choice)
        found[name] = chosen(noisy)
        values[f"chosen {option}: {name}"] = ("", [float(strength)])
    found |= {"linear (Wiener)": linear(noisy), "ours": np.clip(denoising.denoise(ae, params, noisy), 0, 1)}
    return scores(images.test, found) | values, [("test image", images.test), *found.items()]


def masked(images: Images, seed: int, budget: Budget) -> tuple[Values, Shown]:
    """Half of the pixels black, and nobody says which."""
    corruption = corruptions.masking_noise(0.5)
    ae, params = train(unet(images.test.shape[1:], budget, residual=False), corruption, images.train, budget, seed,
                       share=0.6)
    part = unit(images.train[: budget.linear])
    linear = denoising.linear_denoiser(part, corrupted(corruption, part, seed, 0))
    choice, noisy = (corrupted(corruption, x, seed, i) for i, x in ((1, images.choice), (2, images.test)))
    median, size = choose(denoising.median, "size", (1, 3, 5), images.choice, choice)
    found = {"masked": noisy, "median": median(noisy), "linear, blind": linear(noisy),
             "ours": np.clip(denoising.denoise(ae, params, noisy), 0, 1)}
    values = scores(images.test, found) | {"chosen size: median": ("", [float(size)])}
    return values, [("test image", images.test), *found.items()]


def known_pixels(hidden: str, shape: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
    """bool (N, H, W, C), True where a pixel is known."""
    _, height, width, _ = shape
    known = np.ones(shape, bool)
    if hidden == "centre hole":
        known[:, height // 4: height - height // 4, width // 4: width - width // 4] = False
    elif hidden == "left half":
        known[:, :, : width // 2] = False
    else:
        rate = {"half known": 0.5, "random 80 %": 0.8}[hidden]
        known = np.broadcast_to(rng.random((*shape[:3], 1)) >= rate, shape).copy()
        known[:, 0, 0] |= ~known.any(axis=(1, 2))   # an image that is all unknown gives nothing to go by
    return known


def hole(images: Images, seed: int, budget: Budget, *, hidden: str) -> tuple[Values, Shown, Traces]:
    """Hidden pixels that are known to be hidden: three ways to fill them, and what they have to beat.

    Also returns how the energy falls, for two images from each start.
    """
    rng = np.random.default_rng(seed)
    shape = images.test.shape[1:]
    choice_known, known = (known_pixels(hidden, x.shape, rng) for x in (images.choice, images.test))
    regions = hidden in ("centre hole", "left half")
    if regions:
        mask = known[:1]

        def corruption(key: Key, x: jax.Array) -> jax.Array:
            return jax.numpy.where(mask, x, FILL)
    else:
        corruption = corruptions.masking_noise(0.5 if hidden == "half known" else 0.8, fill=FILL)
    network = dense(shape, budget) if regions else unet(shape, budget, unknown=FILL)
    ae, params = train(network, corruption, images.train, budget, seed, share=2.5)
    manifold, code_params = train(narrow(shape, budget), None, images.train, budget, seed)
    part = unit(images.train[: budget.linear])
    mean = part.mean(axis=0)
    prior = inpainting.code_prior(encode(manifold, code_params, part[:10_000]))
    energy = functools.partial(inpainting.minimise_energy, manifold, code_params, key=jax.random.key(seed),
                               prior=prior, restarts=3, steps=100, fill=mean)
    score = functools.partial(psnr, images.choice, hidden=~choice_known)
    weights = (0.02, 0.1, 0.5)
    on_choice = [score(energy(images.choice, choice_known, weight=weight).images) for weight in weights]
    weight = weights[int(np.argmax(on_choice))]
    ways: dict[str, Callable[..., np.ndarray]] = {
        "one pass": functools.partial(inpainting.one_pass, ae, params, fill=FILL),
        "projection": functools.partial(inpainting.project, manifold, code_params, fill=mean, steps=20),
        "energy": lambda x, m: energy(x, m, weight=weight).images}
    values = {f"validation PSNR: {way}": ("dB", [score(fill(images.choice, choice_known))])
              for way, fill in ways.items()} | {"chosen weight: energy": ("", [weight])}
    found = {"mean image": np.where(known, images.test, mean[None])}
    for name, function in (("Telea", inpainting.telea), ("Navier-Stokes", inpainting.navier_stokes)):
        chosen, radius = choose(function, "radius", (2.0, 3.0, 5.0), images.choice, images.choice, choice_known,
                                hidden=~choice_known)
        found[name] = chosen(images.test, known)
        values[f"chosen radius: {name}"] = ("", [radius])
    ridges = (1e-4, 1e-3, 1e-2)
    models = [inpainting.gaussian_model(part, ridge=ridge) for ridge in ridges]
    on_choice = [score(model.conditional_mean(images.choice, choice_known)) for model in models]
    found["conditional mean"] = models[int(np.argmax(on_choice))].conditional_mean(images.test, known)
    values["chosen ridge: conditional mean"] = ("", [ridges[int(np.argmax(on_choice))]])
    if hidden == "half known":
        found["the notebook's network"] = _notebook(images, known, seed, budget)
    result = energy(images.test, known, weight=weight)
    found |= {way: fill(images.test, known) for way, fill in ways.items() if way != "energy"}
    found["energy"] = result.images
    steps = [float(step) for step in range(0, result.trace.shape[2], 5)]
    traces = {f"image {i + 1}, start {start + 1}": (steps, result.trace[i, start, ::5].tolist())
              for i in range(2) for start in range(result.trace.shape[1])}
    shown = [("test image", images.test), ("hidden: grey", np.where(known, images.test, np.float32(0.5)))]
    return scores(images.test, found, ~known) | values, [*shown, *found.items()], traces


def _notebook(images: Images, known: np.ndarray, seed: int, budget: Budget) -> np.ndarray:
    """The lecture's own: one layer of 500, tanh, squared error in [-1, 1]; its output at hidden pixels."""
    import optax

    from aejax.train import fit
    network = networks.Dense(shape=images.test.shape[1:], code_dim=min(500, budget.width), kernel_init="torch_linear")
    ae = variants.denoising(network, corruption=NOTEBOOK, reconstruction=losses.mean_squared_error())
    size = min(budget.dense_batch_size, len(images.train))
    epochs = max(1, round(budget.dense_steps / (len(images.train) // size)))
    state, _ = fit(ae, images.train, optimizer=optax.adam(1e-3), key=jax.random.key(seed), epochs=epochs,
                   batch_size=size)
    seen = np.where(known, 2 * (2 * images.test - 1), np.float32(0))   # kept pixels doubled, as its dropout does
    found = metrics.to_unit(denoising.denoise(ae, state.params, seen), ae.range)
    return np.where(known, images.test, found)


def enlarged(images: Images, seed: int, budget: Budget, *, factor: int) -> tuple[Values, Shown]:
    """Super-resolution of box-downscaled images."""
    corruption = corruptions.downsample(factor)
    ae, params = train(unet(images.test.shape[1:], budget), corruption, images.train, budget, seed, share=0.5)
    part, low = unit(images.train[: budget.linear]), super_resolution.downscale(images.test, factor)
    linear = denoising.linear_denoiser(part, super_resolution.downscale(part, factor))
    found = {"bicubic": super_resolution.bicubic(low, factor), "Lanczos": super_resolution.lanczos(low, factor),
             "linear": linear(low), "ours": np.clip(super_resolution.upscale(ae, params, low, factor), 0, 1)}
    found["ours, consistent"] = super_resolution.consistent_with(found["ours"], low)
    return (scores(images.test, found) | consistency(found, low),
            [("input", super_resolution.repeat(low, factor)), *found.items(), ("truth", images.test)])


def consistency(found: dict[str, np.ndarray], low: np.ndarray) -> Values:
    """How far downscaling a result is from the input, root mean square, mean over images."""
    return {f"consistency error: {name}": ("[0, 1]", [float(np.mean(super_resolution.consistency_error(x, low)))])
            for name, x in found.items()}
