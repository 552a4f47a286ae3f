"""What the page asks a server for: codes decoded, examples reconstructed, holes filled in."""

from collections.abc import Callable

import jax
import numpy as np

from aejax.applications.inpainting import CodePrior, minimise_energy, project
from aejax.applications.reconstruction import decode, encode
from aejax.runs import Run
from aejax.types import InputError

MOST = 64          # codes or examples of one request
BLOCK = 16         # they are computed in blocks of this size, or one by one: two programs, whatever is asked
METHODS = ("energy", "projection")


class Operations:
    """A run's functions on the page's scale, images from 0 to 1 (`scene.scale_of`), for strangers' arrays.

    Args:
      run: a run that `scene.check_run` accepts.
      scale: from `scene.scale_of`.
      prior: of its codes.
    """

    def __init__(self, run: Run, scale: tuple[float, float], prior: CodePrior):
        self.run, self.prior = run, prior
        self.low, self.high = scale

    def decode(self, codes: np.ndarray) -> np.ndarray:
        """What codes (n, code_dim) decode to, (n, *shape).

        Raises:
          InputError: codes of another width, too many, or values that are not finite.
        """
        self._check("codes", codes, self.prior.mean.shape)
        return self._to_page(_in_blocks(lambda z: decode(self.run.ae, self.run.params, z), codes))

    def reconstruct(self, examples: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Codes of examples (n, *shape), and what these decode to. Raises as `decode`."""
        x = self._from_page(examples)
        codes = _in_blocks(lambda x: encode(self.run.ae, self.run.params, x), x)
        return codes, self.decode(codes)

    def inpaint(self, example: np.ndarray, known_mask: np.ndarray, method: str = "energy") -> np.ndarray:
        """One example (1, *shape) with its unknown values filled in; known ones come back as they were.

        Raises:
          InputError: an unknown method, nothing known, and as `decode`.
        """
        if method not in METHODS:
            raise InputError(f"unknown method {method!r}: one of {', '.join(METHODS)}")
        x = self._from_page(example)
        if len(x) != 1:
            raise InputError(f"one example is filled in at a time, got {len(x)}")
        if method == "projection":
            filled = project(self.run.ae, self.run.params, x, known_mask, steps=20)
        else:
            filled = minimise_energy(self.run.ae, self.run.params, x, known_mask, key=jax.random.key(0),
                                     prior=self.prior).images
        return np.where(known_mask, example, self._to_page(filled))

    def warm_up(self) -> None:
        """Compiles what the page will ask for, so that its first frame is as quick as the next."""
        code, blank = self.prior.mean[None], np.zeros((1, *self.run.shape), np.float32)
        self.decode(np.repeat(code, BLOCK, axis=0))
        self.reconstruct(blank)
        if len(self.run.shape) == 3:
            for method in METHODS:
                self.inpaint(blank, np.ones(blank.shape, bool), method)

    def _from_page(self, examples: np.ndarray) -> np.ndarray:
        self._check("examples", examples, self.run.shape)
        if self.run.ae.range is not None and (examples.min() < 0 or examples.max() > 1):
            raise InputError(f"values from {examples.min():g} to {examples.max():g}: images go from 0 to 1 here")
        return examples * np.float32(self.high - self.low) + np.float32(self.low)

    def _to_page(self, x: np.ndarray) -> np.ndarray:
        return (x - np.float32(self.low)) / np.float32(self.high - self.low)

    def _check(self, what: str, array: np.ndarray, shape: tuple[int, ...]) -> None:
        if array.ndim != len(shape) + 1 or array.shape[1:] != tuple(shape):
            raise InputError(f"{what} of shape {array.shape}: expected (n, {', '.join(map(str, shape))})")
        if not 1 <= len(array) <= MOST:
            raise InputError(f"{len(array)} {what}: from 1 to {MOST} in one request")
        if not np.isfinite(array).all():
            raise InputError(f"{what}: {(~np.isfinite(array)).sum()} values are NaN or infinite")


def _in_blocks(function: Callable[[np.ndarray], np.ndarray], x: np.ndarray) -> np.ndarray:
    """function(x), for one row or for blocks of `BLOCK` rows, so that no other size is ever compiled."""
    if len(x) == 1:
        return function(x)
    padded = np.concatenate([x, np.repeat(x[:1], -len(x) % BLOCK, axis=0)])
    return np.concatenate([function(padded[i: i + BLOCK]) for i in range(0, len(padded), BLOCK)])[: len(x)]
