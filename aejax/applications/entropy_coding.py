"""Integers to bytes and back, by constriction's range coder, under tables of integers alone.

No floating-point number decides about a bit: a table that was written is the table that is read. Floats only carry the
integers to constriction, which takes nothing else; those used here are exact, and so is what it makes of them.
"""

import importlib
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Int

from aejax.types import InputError

BITS = 24                # of a probability
TOTAL = 1 << BITS
MOST_LEVELS = 1 << 16    # of one unit of a code


class Tables(NamedTuple):
    """Frequencies of each unit's levels low_j … low_j + size_j − 1; those of a unit are at least 1 and sum to `TOTAL`.

    Attributes:
      low, sizes: (d,).
      frequencies: those of all units one after the other.
    """

    low: Int[np.ndarray, " d"]
    sizes: Int[np.ndarray, " d"]
    frequencies: Int[np.ndarray, " levels"]

    def of(self, unit: int) -> Int[np.ndarray, " size"]:
        """The frequencies of one unit."""
        begin = int(self.sizes[:unit].sum())
        return self.frequencies[begin: begin + int(self.sizes[unit])]

    def clip(self, codes: np.ndarray) -> Int[np.ndarray, "batch d"]:
        """The nearest codes that have a frequency."""
        return np.clip(codes, self.low, self.low + self.sizes - 1).astype(np.int32)


def check_tables(tables: Tables) -> None:
    """Refuses tables that are no distributions, as of a damaged file.

    Raises:
      InputError: sizes, signs or sums are wrong.
    """
    low, sizes, frequencies = tables
    if not (len(low) == len(sizes) and (sizes >= 2).all() and sizes.sum() == len(frequencies)
            and (frequencies >= 1).all()
            and (np.add.reduceat(frequencies.astype(np.int64), np.cumsum(sizes) - sizes) == TOTAL).all()):
        raise InputError("coding tables that are no distributions: train the run again")


def fit_tables(codes: Int[np.ndarray, "batch d"]) -> Tables:
    """Tables from codes of training data: counts plus a half on every level between the least and the greatest.

    Raises:
      InputError: no codes, or one unit with more than `MOST_LEVELS` levels.

    >>> fit_tables(np.array([[0], [0], [2]])).of(0).tolist()
    [9320676, 1864135, 5592405]
    """
    if not len(codes):
        raise InputError("coding tables need some codes")
    low, high = (edge.astype(np.int64) for edge in (codes.min(axis=0), codes.max(axis=0)))
    sizes = np.maximum(high - low + 1, 2)
    if sizes.max() > MOST_LEVELS:
        raise InputError(f"unit {sizes.argmax()} of the code takes {sizes.max():,} levels, at most {MOST_LEVELS:,} can "
                         "be coded: train with a larger --weight")
    found = []
    for unit, size in enumerate(sizes):
        weights = 2 * np.bincount(codes[:, unit].astype(np.int64) - low[unit], minlength=size) + 1
        frequencies = 1 + (TOTAL - size) * weights // weights.sum()
        frequencies[weights.argmax()] += TOTAL - frequencies.sum()
        found.append(frequencies)
    return Tables(low.astype(np.int32), sizes.astype(np.int32), np.concatenate(found).astype(np.int32))


def encode_codes(codes: Int[np.ndarray, "batch d"], tables: Tables) -> bytes:
    """Bytes of codes that the tables hold, unit by unit; see `Tables.clip`."""
    coder = encoder()
    for unit in range(len(tables.low) if len(codes) else 0):
        coder.encode((codes[:, unit] - tables.low[unit]).astype(np.int32), _model(tables.of(unit)))
    return finish(coder)


def decode_codes(data: bytes, tables: Tables, count: int) -> Int[np.ndarray, "batch d"]:
    """The `count` codes again."""
    codes = np.zeros((count, len(tables.low)), np.int32)
    if count:
        coder = decoder(data)
        for unit, low in enumerate(tables.low):
            codes[:, unit] = coder.decode(_model(tables.of(unit)), count) + low
    return codes


def ideal_bits(codes: Int[np.ndarray, "batch d"], tables: Tables) -> float:
    """−Σ log₂ of the codes' probabilities: what no coder can be below on average."""
    return float(sum(BITS * len(codes) - np.log2(tables.of(unit)[codes[:, unit] - low]).sum()
                     for unit, low in enumerate(tables.low)))


def encoder() -> Any:
    """A range coder that writes."""
    return _constriction().stream.queue.RangeEncoder()


def decoder(data: bytes) -> Any:
    """A range coder that reads what `finish` gave."""
    return _constriction().stream.queue.RangeDecoder(np.frombuffer(data, "<u4").astype(np.uint32))


def finish(coder: Any) -> bytes:
    """What the coder has written."""
    return coder.get_compressed().astype("<u4").tobytes()


def rows() -> Any:
    """The model of symbols that come with a row of weights each: exact integers as float32, of a sum up to `TOTAL`.

    Every symbol gets at least the probability 1/`TOTAL`, also one of weight 0.
    """
    return _constriction().stream.model.Categorical(perfect=False)


def _model(frequencies: np.ndarray) -> Any:
    """constriction adds 1 to each frequency and scales the rest to TOTAL − size: less 1 each, this is by 1 exactly."""
    return _constriction().stream.model.Categorical((frequencies - 1).astype(np.float32), perfect=False)


def _constriction() -> Any:
    try:
        return importlib.import_module("constriction")
    except ImportError:
        raise InputError("constriction is not installed: pip install 'aejax[compress]'") from None
