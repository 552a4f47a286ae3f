"""Outliers made of normal images, on which `anomaly` chooses model and score, without labels and test images.

Five kinds, each with the same number of images: turned by a quarter, upside down, moved by six pixels (geometric
transformations: Golan and El-Yaniv, NeurIPS 2018), with a part cut out and pasted elsewhere (Li et al., "CutPaste",
CVPR 2021), and the left half of one beside the right half of another. Fixed before anything was chosen on them.
"""

import numpy as np

from aejax.metrics import auroc
from experiments import _anomaly_models as trial

SHIFT = 6   # pixels
AREA, ASPECT = (0.02, 0.15), (0.3, 3.3)   # of what CutPaste cuts out: share of the image, height over width


def outliers(x: np.ndarray, rng: np.random.Generator) -> dict[str, np.ndarray]:
    """{kind: as many images as `x`}, (N, H, H, 1)."""
    moved = np.zeros_like(x)
    moved[:, SHIFT:] = x[:, :-SHIFT]
    half = x.shape[2] // 2
    halves = np.concatenate([x[:, :, :half], np.roll(x, 1, axis=0)[:, :, half:]], axis=2)
    return {"quarter turn": np.rot90(x, axes=(1, 2)), "upside down": x[:, ::-1], "moved": moved,
            "halves of two": halves, "cut and pasted": np.stack([_cut_paste(image, rng) for image in x])}


def _cut_paste(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    area, aspect = rng.uniform(*AREA) * image[..., 0].size, np.exp(rng.uniform(*np.log(ASPECT)))
    size = np.clip(np.rint([np.sqrt(area * aspect), np.sqrt(area / aspect)]), 1, np.array(image.shape[:2]) - 1)
    (top, left), (to_top, to_left) = rng.integers(0, np.array(image.shape[:2]) - size.astype(int) + 1, (2, 2))
    height, width = size.astype(int)
    pasted = image.copy()
    pasted[to_top: to_top + height, to_left: to_left + width] = image[top: top + height, left: left + width]
    return pasted


def areas(model: trial.Model, x: np.ndarray, *, held_out: int, seed: int, epochs: int, batch_size: int,
          ) -> dict[str, list[float]]:
    """{score: [AUROC in %]} of held-out normal images against outliers made of them, the mean over kinds."""
    normal = x[-held_out:]
    made = outliers(normal, np.random.default_rng(seed))
    params = trial.train(model, x[:-held_out], seeds=(seed,), epochs=epochs, batch_size=batch_size)
    scores = trial.scored(model, params, x[:-held_out], np.concatenate([normal, *made.values()]))
    found = {}
    for name, (each,) in scores.items():
        ours, *odd = np.split(each, 1 + len(made))
        found[name] = [100 * float(np.mean([auroc(ours, one) for one in odd]))]
    return found
