"""Patches cut from pictures of any sizes: what a restorer of photographs is trained on."""

from pathlib import Path

import numpy as np

from aejax.data.dataset import Dataset, check_bytes
from aejax.data.pictures import plan_pictures, reading_notes
from aejax.files import InputError, read_picture

COVER = 4      # times its own area that training patches of a picture have together
MOST = 1000    # patches of one picture


def load_patches(folder: Path, patch: tuple[int, int], *, seed: int = 0) -> Dataset:
    """Patches (h, w) of a folder of pictures, uint8 (N, h, w, C); C is 1 if all pictures are grey, else 3.

    Pictures, not patches, are divided into training and test part: by `train/` and `test/`, else 80/20 by `seed`. For
    training each picture gives patches at random places, by `seed`, `COVER` times its area and at most `MOST`; for
    testing those of a grid without overlap, evenly chosen where there are more than `MOST`. A picture smaller than a
    patch gives none. `train_groups` tells of which picture a training patch is.

    Raises:
      InputError: no pictures, a damaged one, a part without a picture as large as a patch, or more than fits into
        memory.
    """
    plan = plan_pictures(folder, seed)
    cut: dict[str, list[np.ndarray]] = {"train": [], "test": []}
    rows: dict[str, list[int]] = {"train": [], "test": []}
    small, grey, total = [], 0, 0
    for part, indices in plan.rows.items():
        for row in indices.tolist():
            picture = read_picture(plan.paths[row])
            grey += picture.shape[2] == 1
            if min(n - m for n, m in zip(picture.shape, patch, strict=False)) < 0:
                small.append(plan.paths[row].name)
                continue
            corners = _anywhere(picture.shape, patch, [seed, row]) if part == "train" else _grid(picture.shape, patch)
            total += len(corners)
            check_bytes(folder, total, (*patch, picture.shape[2]))
            cut[part].append(np.stack([picture[y: y + patch[0], x: x + patch[1]] for y, x in corners]))
            rows[part] += [row] * len(corners)
        if not cut[part]:
            raise InputError(f"{folder}: no picture of the {part} part is as large as a patch of {patch[0]}x{patch[1]}"
                             "; give a smaller --patches")
    channels = max(images.shape[3] for images in cut["train"] + cut["test"])
    train, test = (np.concatenate([np.broadcast_to(images, (*images.shape[:3], channels)) for images in cut[part]])
                   for part in ("train", "test"))
    places = {part: np.asarray(rows[part], np.int32) for part in rows}
    labels = {part: None if (plan.labels[place] < 0).any() else plan.labels[place] for part, place in places.items()}
    notes = (f"{len(train)} training patches at random places, by seed {seed}, of {len(cut['train'])} pictures; "
             f"{len(test)} test patches of {len(cut['test'])} other pictures",
             *reading_notes(len(plan.paths), grey, 0, None), *plan.notes)
    if small:
        notes = (f"{len(small)} pictures smaller than a patch give none, for example {small[0]}", *notes)
    return Dataset(train, labels["train"], test, labels["test"], plan.name, plan.label_names,
                   f"{plan.name}: patches of {patch[0]}x{patch[1]} from {len(plan.paths)} pictures in {folder}",
                   notes=notes, train_groups=places["train"])


def _anywhere(shape: tuple[int, ...], patch: tuple[int, int], seed: list[int]) -> list[tuple[int, int]]:
    """Upper left corners at random."""
    count = min(MOST, max(1, round(COVER * shape[0] * shape[1] / (patch[0] * patch[1]))))
    rng = np.random.default_rng(seed)
    ranges = [shape[axis] - patch[axis] + 1 for axis in (0, 1)]
    return [tuple(corner) for corner in rng.integers(0, ranges, (count, 2)).tolist()]


def _grid(shape: tuple[int, ...], patch: tuple[int, int]) -> list[tuple[int, int]]:
    """Upper left corners of patches side by side."""
    corners = [(y, x) for y in range(0, shape[0] - patch[0] + 1, patch[0])
               for x in range(0, shape[1] - patch[1] + 1, patch[1])]
    chosen = np.linspace(0, len(corners) - 1, min(MOST, len(corners))).astype(int)
    return [corners[i] for i in chosen.tolist()]
