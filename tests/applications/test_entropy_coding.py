import sys

import numpy as np
import pytest

from aejax.applications.entropy_coding import (
    TOTAL,
    Tables,
    check_tables,
    decode_codes,
    decoder,
    encode_codes,
    encoder,
    finish,
    fit_tables,
    ideal_bits,
    rows,
)
from aejax.types import InputError

RNG = np.random.default_rng(0)


def drawn(count, d):
    return np.rint(RNG.laplace(size=(count, d)) * np.linspace(0.1, 30, d)).astype(np.int32)


@pytest.mark.parametrize("d", [1, 2, 17])
@pytest.mark.parametrize("count", [1, 2, 1000])
def test_codes_come_back(count, d):
    tables = fit_tables(drawn(500, d))
    codes = tables.clip(drawn(count, d))
    np.testing.assert_array_equal(decode_codes(encode_codes(codes, tables), tables, count), codes)


def test_no_codes_take_no_bytes():
    tables = fit_tables(drawn(5, 3))
    assert encode_codes(np.zeros((0, 3), np.int32), tables) == b""
    assert decode_codes(b"", tables, 0).shape == (0, 3)


@pytest.mark.parametrize("codes", [drawn(1000, 9), np.full((3, 2), -7, np.int32), np.array([[0], [60_000]], np.int32)])
def test_cumulative_integers_rise_and_end_at_the_total(codes):
    tables = fit_tables(codes)
    check_tables(tables)
    for unit in range(codes.shape[1]):
        cumulative = np.concatenate([[0], np.cumsum(tables.of(unit), dtype=np.int64)])
        assert (np.diff(cumulative) > 0).all() and cumulative[-1] == TOTAL


def test_length_is_the_ideal_one():
    codes = drawn(20_000, 5)
    tables = fit_tables(codes)
    ideal = ideal_bits(codes, tables)
    assert ideal <= 8 * len(encode_codes(codes, tables)) <= 1.001 * ideal + 64
    counts = [np.unique(column, return_counts=True)[1] / len(codes) for column in codes.T]
    entropy = -sum((p * np.log2(p)).sum() for p in counts) * len(codes)
    assert entropy < ideal < 1.01 * entropy   # the tables are those of the data


@pytest.mark.parametrize("symbol", [0, 1, 2])
def test_constriction_takes_the_very_integers(symbol):
    """A thousand symbols of frequency f take 1000 · (24 − log₂ f) bits, up to the coder's last word."""
    frequencies = np.array([1, TOTAL - 4, 3], np.int32)
    tables = Tables(np.zeros(1, np.int32), np.array([3], np.int32), frequencies)
    bits = 8 * len(encode_codes(np.full((1000, 1), symbol, np.int32), tables))
    assert abs(bits - 1000 * (24 - np.log2(frequencies[symbol]))) <= 64


def test_rows_of_weights_code_near_the_ideal_and_hold_weight_0():
    weights = RNG.integers(0, 1000, (3000, 256)).astype(np.float32)
    symbols = RNG.integers(0, 256, 3000).astype(np.int32)
    symbols[0], weights[0, symbols[0]] = 5, 0
    coder = encoder()
    coder.encode(symbols, rows(), weights)
    data = finish(coder)
    np.testing.assert_array_equal(decoder(data).decode(rows(), weights), symbols)
    shares = (weights / weights.sum(axis=1, keepdims=True))[np.arange(3000), symbols]
    ideal = -np.log2(np.maximum(shares, 2.0**-24)).sum()
    assert abs(8 * len(data) - ideal) < 0.01 * ideal


@pytest.mark.parametrize("change", [
    lambda t: t._replace(frequencies=t.frequencies * 0), lambda t: t._replace(frequencies=t.frequencies[:-1]),
    lambda t: t._replace(low=t.low[:1]), lambda t: t._replace(sizes=t.sizes * 0 + 1),
    lambda t: t._replace(frequencies=t.frequencies + np.eye(1, len(t.frequencies), dtype=np.int32)[0])])
def test_damaged_tables_are_refused(change):
    with pytest.raises(InputError, match="no distributions"):
        check_tables(change(fit_tables(drawn(9, 2))))


def test_unusable_codes_are_refused():
    with pytest.raises(InputError, match="need some codes"):
        fit_tables(np.zeros((0, 2), np.int32))
    with pytest.raises(InputError, match="unit 1 of the code takes 100,001 levels"):
        fit_tables(np.array([[0, 0], [0, 100_000]]))


def test_a_missing_coder_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "constriction", None)
    with pytest.raises(InputError, match=r"pip install 'aejax\[compress\]'"):
        encode_codes(np.zeros((1, 1), np.int32), fit_tables(np.array([[0], [1]])))
