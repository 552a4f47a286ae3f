"""Tasks of the restoration experiment on photographs and faces, and the warning of the lecture's figure 9."""

import dataclasses
from typing import Any

import numpy as np

from aejax import corruptions
from aejax.applications import classifier as classifiers
from aejax.applications import super_resolution
from aejax.applications.super_resolution import downscale, repeat
from aejax.types import Autoencoder
from experiments._restoration_models import Budget, dense, scores, train, unet, unit
from experiments._restoration_tasks import Shown, Values, consistency

TRAIN_PICTURES = ("coffee", "rocket", "motorcycle_left", "retina", "grass", "brick", "gravel", "china")
TEST_PICTURES = ("astronaut", "chelsea", "camera", "flower")
SIDE, FACTOR = 64, 4
# rare, common: alike in the small pictures
PAIRS = {"mnist_mini": (9, 4), "mnist": (9, 4), "fashion_mnist": (2, 4)}   # 9 and 4; pullover and coat


def photographs(seed: int, budget: Budget) -> tuple[Values, Shown]:
    """16×16 to 64×64, patches of photographs; no picture has patches in training and in test."""
    rng = np.random.default_rng(seed)
    smaller = dataclasses.replace(budget, batch_size=min(8, budget.batch_size), rate=2 / 3 * budget.rate,
                                  steps=-(-budget.steps // 2))
    count = smaller.steps * smaller.batch_size
    patches = _patches(TRAIN_PICTURES, count, rng)
    test = unit(_patches(TEST_PICTURES, max(budget.test // 5, 4), np.random.default_rng(0)))   # the same for all seeds
    low = downscale(test, FACTOR)
    ae, params = train(unet((SIDE, SIDE, 1), budget), corruptions.downsample(FACTOR), patches, smaller, seed)
    return _compare(ae, params, unit(patches[:4000]), test, low, FACTOR)


def faces(seed: int, budget: Budget) -> tuple[Values, Shown]:
    """12×12 to 24×24: 100 faces of scikit-image, 80 to learn from and 20 to measure on.

    80 faces are few, and soon known by heart: most of what is learnt from are patches of photographs (the mixture and
    the steps were chosen on 20 of the 80).
    """
    import skimage.data
    x = np.rint(255 * skimage.data.lfw_subset()[:100, :24, :24, None]).astype(np.uint8)   # 25×25, the first 100 faces
    order = np.random.default_rng(0).permutation(100)
    own, test = np.concatenate([x[order[20:]], x[order[20:], :, ::-1]]), unit(x[order[:20]])
    rng = np.random.default_rng(seed)
    learn = rng.permutation(np.concatenate([np.tile(own, (2, 1, 1, 1)),
                                            _patches(TRAIN_PICTURES, 100 * len(own), rng, side=24)]))
    smaller = dataclasses.replace(budget, rate=2 / 3 * budget.rate, steps=-(-budget.steps // 2))
    ae, params = train(unet((24, 24, 1), budget), corruptions.downsample(2), learn, smaller, seed)
    return _compare(ae, params, unit(learn), test, downscale(test, 2), 2)


def _compare(ae: Autoencoder, params: Any, learn: np.ndarray, test: np.ndarray, low: np.ndarray, factor: int,
             ) -> tuple[Values, Shown]:
    ridge = super_resolution.local_regression(learn, downscale(learn, factor))
    found = {"bicubic": super_resolution.bicubic(low, factor), "Lanczos": super_resolution.lanczos(low, factor),
             "ridge on surroundings": ridge(low),
             "ours": np.clip(super_resolution.upscale(ae, params, low, factor, batch_size=64), 0, 1)}
    found["ours, consistent"] = super_resolution.consistent_with(found["ours"], low)
    return (scores(test, found) | consistency(found, low),
            [("input", repeat(low, factor)), *found.items(), ("truth", test)])


def _patches(names: tuple[str, ...], count: int, rng: np.random.Generator, *, side: int = SIDE) -> np.ndarray:
    """uint8 (count, side, side, 1): squares of the pictures, halved to hide the camera's and JPEG's traces, as grey."""
    pictures = [_grey(name) for name in names]
    found = []
    for index in range(count):
        picture = pictures[index % len(pictures)]
        top, left = (rng.integers(0, size - side + 1) for size in picture.shape)
        found.append(picture[top: top + side, left: left + side, None])
    return np.stack(found)


def _grey(name: str) -> np.ndarray:
    if name in ("china", "flower"):
        from sklearn.datasets import load_sample_image
        picture = load_sample_image(f"{name}.jpg")
    else:
        import skimage.data
        picture = getattr(skimage.data, name)() if name != "motorcycle_left" else skimage.data.stereo_motorcycle()[0]
    grey = picture if picture.ndim == 2 else picture[..., :3] @ np.array([0.299, 0.587, 0.114])
    grey = grey[: grey.shape[0] // 2 * 2, : grey.shape[1] // 2 * 2]
    return np.rint(downscale(grey[None, ..., None].astype(np.float64), 2)[0, ..., 0]).astype(np.uint8)


def warning(name: str, train_images: np.ndarray, labels: np.ndarray, test: np.ndarray, test_labels: np.ndarray,
            seed: int, budget: Budget) -> tuple[Values, Shown]:
    """×4 of a rare class: what share of it turns into the common one, if training saw 1 of the rare to 49 others?

    Two upscalers of the same size learn from as many images, one from equal numbers of both classes; the library's
    small classifier, which knows real images of ten classes, says which of the two their results look more like.
    """
    rare, common = PAIRS[name]
    few, many = (np.flatnonzero(labels == label) for label in (rare, common))
    size = min(len(few), len(many) // 2)   # so that both learn from as many images
    share = max(1, 2 * size // 50)
    parts = {"equal numbers": (few[:size], many[:size]), "1 of 50": (few[:share], many[: 2 * size - share])}
    small, large = (test[test_labels == label][: budget.test] for label in (rare, common))
    judge = classifiers.load(name)

    def commoner(images: np.ndarray) -> list[float]:
        """Percentage of the images that look more like the common class than like the rare one."""
        found = np.asarray(judge.probabilities(images))
        return [100 * float(np.mean(found[:, common] > found[:, rare]))]
    low = downscale(small, FACTOR)
    found = {"truth": small, "bicubic": super_resolution.bicubic(low, FACTOR)}
    fewer = dataclasses.replace(budget, dense_steps=max(budget.dense_steps // 4, 2))
    for label, (a, b) in parts.items():
        order = np.random.default_rng(seed).permutation(np.concatenate([a, b]))
        ae, params = train(dense(test.shape[1:], budget), corruptions.downsample(FACTOR), train_images[order], fewer,
                           seed)
        found[label] = np.clip(super_resolution.upscale(ae, params, low, FACTOR), 0, 1)
    drift = {f"taken for the common class: {label}": ("%", commoner(x)) for label, x in found.items()}
    drift["the common class taken for itself: truth"] = ("%", commoner(large))
    drift |= {f"PSNR: {label}": value for label, value in (
        (label, scores(small, {label: x})[f"PSNR: {label}"]) for label, x in found.items() if label != "truth")}
    return drift, [("input", repeat(low, FACTOR)), *[(k, x) for k, x in found.items() if k != "truth"],
                   ("truth", small)]
