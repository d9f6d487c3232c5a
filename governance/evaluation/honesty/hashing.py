"""A 64-bit number for each row, equal where the rows are equal whatever file, batch or width of type they came in."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

Hashes = NDArray[np.uint64]

#: The number that stands for a missing value, and for NaN.
_MISSING = np.uint64(0x9E3779B97F4A7C15)
_FIRST = np.uint64(0xBF58476D1CE4E5B9)
_SECOND = np.uint64(0x94D049BB133111EB)


def row_hashes(batch: pa.RecordBatch | pa.Table, columns: Sequence[str]) -> Hashes:
    """The hash of each row over these columns, in this order.

    Values are equal where a reader would call them so: 1 and 1.0, an int32 and an int64, a word and the same word in
    a dictionary; the word "1" is not the number 1. Missing equals missing. Mixed by the finaliser of SplitMix64
    (Steele, Lea & Flood 2014, OOPSLA), words by pandas' SipHash with its fixed key; two different rows of ten million
    collide with a chance of about one in 400,000.
    """
    hashes: Hashes = np.zeros(batch.num_rows, dtype=np.uint64)
    for name in columns:
        hashes = _mixed(hashes ^ value_hashes(batch.column(name)))
    return hashes


def value_hashes(values: pa.Array | pa.ChunkedArray) -> Hashes:
    """The hash of each value of one column."""
    array = values.combine_chunks() if isinstance(values, pa.ChunkedArray) else values
    if pa.types.is_dictionary(array.type):
        of_words = value_hashes(array.dictionary)
        codes = pc.fill_null(pc.cast(array.indices, pa.int64()), len(of_words))
        found: Hashes = np.append(of_words, _OF_MISSING)[codes.to_numpy(zero_copy_only=False)]
        return found
    numbers = _as_numbers(array)
    if numbers is None:
        words = pc.cast(array, pa.string()).to_numpy(zero_copy_only=False)
        hashes: Hashes = pd.util.hash_array(words, categorize=True).astype(np.uint64)
    else:
        hashes = _mixed(numbers)
    if array.null_count:
        hashes = np.where(pc.is_null(array).to_numpy(zero_copy_only=False), _OF_MISSING, hashes)
    return hashes


def _as_numbers(array: pa.Array) -> Hashes | None:
    """The bits of numbers, booleans and times; None for words. Whole numbers have the bits of int64 whatever they
    are stored as."""
    kind = array.type
    bits: Hashes
    if pa.types.is_boolean(kind) or pa.types.is_integer(kind):
        wide = pa.uint64() if pa.types.is_uint64(kind) else pa.int64()
        bits = pc.fill_null(pc.cast(array, wide), 0).to_numpy(zero_copy_only=False).view(np.uint64)
        return bits
    if pa.types.is_temporal(kind):
        if pa.types.is_date(kind) or pa.types.is_timestamp(kind):
            array = pc.cast(array, pa.timestamp("us"), safe=False)
        whole = pc.cast(array, pa.int64(), safe=False)
        bits = pc.fill_null(whole, 0).to_numpy(zero_copy_only=False).view(np.uint64)
        return bits
    if not (pa.types.is_floating(kind) or pa.types.is_decimal(kind)):
        return None
    numbers = pc.fill_null(pc.cast(array, pa.float64(), safe=False), np.nan).to_numpy(zero_copy_only=False)
    whole = np.zeros(len(numbers), dtype=bool)
    np.less(np.abs(numbers), 2.0**53, out=whole, where=~np.isnan(numbers))
    whole &= np.where(whole, numbers, 0.5) % 1 == 0
    bits = np.array(numbers, dtype=np.float64).view(np.uint64).copy()
    bits[whole] = numbers[whole].astype(np.int64).view(np.uint64)
    bits[np.isnan(numbers)] = _MISSING
    return bits


def _mixed(values: Any) -> Hashes:
    """A bijection of 64-bit numbers that leaves no bit where it was."""
    with np.errstate(over="ignore"):
        mixed = values + _MISSING
        mixed = (mixed ^ (mixed >> np.uint64(30))) * _FIRST
        mixed = (mixed ^ (mixed >> np.uint64(27))) * _SECOND
        found: Hashes = mixed ^ (mixed >> np.uint64(31))
    return found


_OF_MISSING = _mixed(np.array([_MISSING]))[0]
