"""What every source of data gives: `Dataset`, and how it is cut into parts by a seed."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float, Int, Shaped

from aejax.files import InputError

MAX_BYTES = 8 * 2**30    # a set of images larger than this is refused, not loaded
TEST_FRACTION = 0.2      # held out by seed where a source brings no test part


@dataclass(frozen=True, eq=False)
class Standardiser:
    """z = (x − mean) / std for every column of a table; fitted on the training part alone.

    Attributes:
      mean: float32 (F,).
      std: float32 (F,), positive; 1 for a column that is constant in the training part.

    >>> scale = Standardiser.fit(np.array([[0., 5.], [2., 5.]]))
    >>> scale.apply(np.array([[4., 6.]])).tolist(), scale.invert(np.array([[3., 1.]])).tolist()
    ([[3.0, 1.0]], [[4.0, 6.0]])
    """

    mean: np.ndarray
    std: np.ndarray

    @classmethod
    def fit(cls, x: Float[np.ndarray, "n features"]) -> "Standardiser":
        """Mean and population standard deviation of the rows of `x`, summed in float64."""
        x = np.asarray(x, np.float64)
        mean, std = x.mean(0).astype(np.float32), x.std(0).astype(np.float32)
        # Constant is asked of the values: rounding can give a constant column a tiny std, which would blow it
        # up. A std that float32 rounds to 0 would divide by 0.
        return cls(mean, np.where((x == x[0]).all(0) | (std == 0), np.float32(1), std))

    def apply(self, x: np.ndarray) -> np.ndarray:
        """(…, F) in the table's units -> float32 (…, F), standardised."""
        return ((np.asarray(x, np.float64) - self.mean) / self.std).astype(np.float32)

    def invert(self, x: np.ndarray) -> np.ndarray:
        """float (…, F), standardised -> float32 (…, F) in the table's units."""
        return (np.asarray(x, np.float64) * self.std + self.mean).astype(np.float32)


@dataclass(frozen=True, eq=False)
class Dataset:
    """Training and test data, in memory, as numpy arrays.

    Attributes:
      train: (N, *shape): images uint8 (N, H, W, C), or float32 within `range`; tables float32 (N, F),
        standardised.
      train_labels: int32 (N,), or None.
      test: (M, *shape), of the dtype of `train`.
      test_labels: int32 (M,), or None.
      name: of the set, or of the file or folder without its suffix.
      label_names: the name of each label, or None.
      source: one sentence: where it came from.
      standardiser: what gives a table its units back; None for everything else.
      range: lowest and highest value on the float scale: (0, 1) for uint8; None for tables.
      notes: what was done to the data that its user must know.
      train_groups: int32 (N,): training examples of one number belong together, as patches of one picture do, and no
        validation part cuts through them; or None.
    """

    train: np.ndarray
    train_labels: np.ndarray | None
    test: np.ndarray
    test_labels: np.ndarray | None
    name: str
    label_names: tuple[str, ...] | None = None
    source: str = ""
    standardiser: Standardiser | None = None
    range: tuple[float, float] | None = (0.0, 1.0)
    notes: tuple[str, ...] = ()
    train_groups: np.ndarray | None = None

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of one datum."""
        return tuple(int(n) for n in self.train.shape[1:])

    @property
    def digest(self) -> str:
        """sha256, in hex, of the names, dtypes, shapes and bytes of the four arrays."""
        total = hashlib.sha256()
        for name in ("train", "train_labels", "test", "test_labels"):
            array = getattr(self, name)
            if array is None:
                total.update(f"{name} None\n".encode())
                continue
            total.update(f"{name} {array.dtype.str} {array.shape}\n".encode())
            total.update(np.ascontiguousarray(array).reshape(-1).view(np.uint8))
        return total.hexdigest()


def cut(n: int, fraction: float, seed: int) -> tuple[Int[np.ndarray, " kept"], Int[np.ndarray, " held"]]:
    """Indices 0 … n−1 in two parts drawn by `seed`, each in ascending order; the second holds
    round(n·fraction).

    >>> kept, held = cut(5, 0.4, seed=0)
    >>> sorted([*kept.tolist(), *held.tolist()]), len(held)
    ([0, 1, 2, 3, 4], 2)
    """
    order = np.random.default_rng([seed, n]).permutation(n)
    held = round(n * fraction)
    return np.sort(order[held:]), np.sort(order[:held])


def split_validation(x: Shaped[np.ndarray, "n ..."], fraction: float | int, seed: int,
                     labels: Shaped[np.ndarray, " n"] | None = None, *,
                     groups: Int[np.ndarray, " n"] | None = None) -> tuple[np.ndarray, ...]:
    """Cuts a validation part from training data by seed; the order within each part is kept.

    Args:
      x: (N, *shape).
      fraction: share of the validation part, between 0 and 1; round(N·fraction) examples.
      seed: decides who goes where; the same seed and N give the same parts.
      labels: (N,), or None.
      groups: (N,), or None: examples of one number go to one part, and `fraction` counts numbers, at least one.
    Returns:
      (training part, validation part), and with `labels` also (…, their labels, their labels).
    Raises:
      InputError: `fraction` outside (0, 1), or a part that would be empty.

    >>> x = np.arange(10)
    >>> [len(part) for part in split_validation(x, 0.2, seed=0, labels=x)]
    [8, 2, 8, 2]
    """
    if not 0 < fraction < 1:
        raise InputError(f"validation fraction {fraction}: must lie between 0 and 1, for example 0.1")
    if groups is None:
        kept, held = cut(len(x), fraction, seed)
    else:
        numbers = np.unique(groups)
        chosen = numbers[cut(len(numbers), max(fraction, 1 / len(numbers)), seed)[1]]
        kept, held = np.flatnonzero(~np.isin(groups, chosen)), np.flatnonzero(np.isin(groups, chosen))
    if not len(kept) or not len(held):
        raise InputError(f"a validation fraction of {fraction} of {len(x)} examples leaves a part without "
                         "any; use more data or another fraction")
    parts = (x[kept], x[held])
    return parts if labels is None else (*parts, labels[kept], labels[held])


def hold_out(n: int, seed: int, where: str | Path) -> tuple[np.ndarray, np.ndarray, str]:
    """Indices of the training and the test part of `n` examples without one, and the note that says so."""
    if n < 2:
        raise InputError(f"{where}: {n} example{'' if n == 1 else 's'}, at least 2 are needed (one to train, "
                         "one to test); add data")
    kept, held = cut(n, max(TEST_FRACTION, 1 / n), seed)
    return kept, held, f"no test part: split 80/20 by seed {seed} ({len(kept)} train, {len(held)} test)"


def check_bytes(where: str | Path, count: int, shape: tuple[int, ...], itemsize: int = 1) -> None:
    """Refuses `count` data of `shape` when they would take more memory than `MAX_BYTES`."""
    total = count * int(np.prod(shape, dtype=object)) * itemsize
    if total > MAX_BYTES:
        raise InputError(f"{where}: {count} of shape {shape} would take {total / 2**30:.1f} GiB of memory, "
                         f"at most {MAX_BYTES / 2**30:g} are loaded; use fewer, or smaller ones with --size "
                         "HxW")


def encode_labels(parts: dict[str, np.ndarray | None], where: str | Path
                  ) -> tuple[dict[str, np.ndarray | None], tuple[str, ...] | None]:
    """Labels of several parts -> int32; names become their rank in the sorted union, and are returned too.

    Raises:
      InputError: labels that are neither names nor whole numbers from 0 to 2³¹ − 1.

    >>> encode_labels({"train": np.array(["b", "a"]), "test": np.array(["b"])}, "x.npz")
    ({'train': array([1, 0], dtype=int32), 'test': array([1], dtype=int32)}, ('a', 'b'))
    """
    given = [part for part in parts.values() if part is not None]
    if any(part.dtype.kind == "U" for part in given):
        names = np.unique(np.concatenate([part.astype(str) for part in given]))
        ranks = {key: None if part is None else np.searchsorted(names, part.astype(str)).astype(np.int32)
                 for key, part in parts.items()}
        return ranks, tuple(str(name) for name in names)
    for part in given:
        whole = part.dtype.kind in "uib" or (part.dtype.kind == "f" and bool(np.all(part == np.round(part))))
        if not whole or (part.size and not 0 <= part.min() <= part.max() < 2**31):
            raise InputError(f"{where}: labels must be names or whole numbers from 0 (found {part.dtype}, "
                             f"for example {_odd(part)}); save them as integers")
    return {key: None if part is None else part.astype(np.int32) for key, part in parts.items()}, None


def _odd(part: np.ndarray) -> str:
    if part.dtype.kind == "f":
        odd = part[(part != np.round(part)) | (part < 0)]
    else:
        odd = part[part < 0] if part.dtype.kind == "i" else part
    return str(odd[0] if len(odd) else part[0]).splitlines()[0]
