"""A 64-bit number for each row, equal where the rows are equal whatever file, batch or width of type they came in."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from governance.evaluation.arrow import numbers_of, reals_of
from governance.evaluation.honesty.siphash import text_hashes
from governance.evaluation.measures.columns import ColumnFile

Hashes = NDArray[np.uint64]
AnyLabel = TypeVar("AnyLabel", bound=np.generic)

#: The number that stands for a missing value, and for NaN.
_MISSING = np.uint64(0x9E3779B97F4A7C15)
_FIRST = np.uint64(0xBF58476D1CE4E5B9)
_SECOND = np.uint64(0x94D049BB133111EB)

#: Rows looked up at once, so that little memory is needed beside the hashes.
_AT_ONCE = 1 << 20

#: Below this every whole float64 is one whole number.
_EXACT = 2.0**53


def row_hashes(
    batch: pa.RecordBatch | pa.Table, columns: Sequence[str], before: Hashes | None = None
) -> Hashes:
    """The hash of each row over these columns, in this order; `before` is that of columns that come first.

    Values are equal where a reader would call them so: 1 and 1.0, an int32 and an int64, a word and the same word in
    a dictionary; the word "1" is not the number 1. Missing equals missing. Each column is mixed in by the finaliser
    of SplitMix64 (Steele, Lea & Flood 2014, OOPSLA); of ten million different rows two are taken for one with a chance
    of about one in 400,000.
    """
    hashes: Hashes = np.zeros(batch.num_rows, dtype=np.uint64) if before is None else before.copy()
    for name in columns:
        hashes ^= value_hashes(batch.column(name))
        _mix(hashes)
    return hashes


def mixed_in(hashes: Hashes, numbers: NDArray[np.float64]) -> Hashes:
    """The hashes with one more column, of numbers."""
    mixed = hashes ^ _of_reals(numbers)
    _mix(mixed)
    return mixed


def shared(rows: Hashes, known: Hashes) -> int:
    """How many of the rows stand among the known ones, which are in order."""
    found = 0
    for start in range(0, len(rows) if len(known) else 0, _AT_ONCE):
        some = np.sort(rows[start : start + _AT_ONCE])  # neighbours are found near each other
        places = np.minimum(np.searchsorted(known, some), len(known) - 1)
        found += int((known[places] == some).sum())
    return found


class HashFile(ColumnFile):
    """Hashes in a file without a name."""

    def __init__(self) -> None:
        super().__init__(np.uint64)


def shares(rows: Hashes | HashFile, labels: NDArray[AnyLabel]) -> Iterator[tuple[Hashes, NDArray[AnyLabel]]]:
    """The rows and their labels in shares of about a million, equal rows in one share: what is counted of equal rows
    can be counted share by share."""
    bits = max((len(rows) // _AT_ONCE).bit_length(), 0)
    for share in range(1 << bits):
        own_rows, own_labels = [], []
        for start in range(0, len(rows), _AT_ONCE):
            some = slice(start, start + _AT_ONCE)
            hashes = rows[some]
            own = slice(None) if not bits else hashes >> np.uint64(64 - bits) == share
            own_rows.append(hashes[own])
            own_labels.append(labels[some][own])
        if own_rows:
            yield np.concatenate(own_rows), np.concatenate(own_labels)


def distinct_in_each(rows: Hashes, labels: NDArray[np.integer]) -> Hashes:
    """The different hashes of the rows of each label, those of one after those of another, in no more room than the
    rows themselves take: they are sorted and thinned out in place."""
    held = np.empty_like(rows)
    kept = 0
    for label in np.unique(labels):
        end = kept
        for start in range(0, len(rows), _AT_ONCE):
            some = slice(start, start + _AT_ONCE)
            own = rows[some][labels[some] == label]
            held[end : end + len(own)] = own
            end += len(own)
        held[kept:end].sort()
        kept = _thinned(held, kept, end)
    return held[:kept]


def _thinned(held: Hashes, start: int, end: int) -> int:
    """Moves what is different in this sorted stretch to its beginning; where that ends now."""
    kept = start
    for begin in range(start, end, _AT_ONCE):
        some = held[begin : min(begin + _AT_ONCE, end)]
        first = np.append(kept == start or some[0] != held[kept - 1], some[1:] != some[:-1])
        own = some[first]
        held[kept : kept + len(own)] = own
        kept += len(own)
    return kept


def value_hashes(values: pa.Array | pa.ChunkedArray) -> Hashes:
    """A number for each value of one column: its bits, or of a word its SipHash."""
    array = values.combine_chunks() if isinstance(values, pa.ChunkedArray) else values
    hashes: Hashes
    if not pa.types.is_dictionary(array.type):
        numbers = _as_numbers(array)
        if numbers is not None:
            if array.null_count:
                numbers[numbers_of(pc.is_null(array))] = _MISSING
            return numbers
        array = pc.dictionary_encode(array)
    dictionary = array.dictionary
    numeric = _is_number(dictionary.type)
    of_values = value_hashes(dictionary) if numeric else text_hashes(_words(dictionary))
    hashes = np.append(of_values, _MISSING)[
        numbers_of(pc.cast(array.indices, pa.int64()), missing=len(of_values))
    ]
    return hashes


def _words(values: pa.Array) -> pa.Array:
    """Words, or bytes that need not be text."""
    kind = values.type
    raw = pa.types.is_binary(kind) or pa.types.is_large_binary(kind) or pa.types.is_fixed_size_binary(kind)
    return values if raw else pc.cast(values, pa.string())


def _is_number(kind: pa.DataType) -> bool:
    return bool(
        pa.types.is_boolean(kind)
        or pa.types.is_integer(kind)
        or pa.types.is_floating(kind)
        or pa.types.is_decimal(kind)
        or pa.types.is_temporal(kind)
    )


def _as_numbers(array: pa.Array) -> Hashes | None:
    """The bits of numbers, booleans and times, in memory of their own; None for words. Whole numbers have the bits of
    int64 whatever they are stored as."""
    kind = array.type
    if not _is_number(kind):
        return None
    if pa.types.is_floating(kind) or pa.types.is_decimal(kind):
        return _of_reals(reals_of(array))
    if pa.types.is_date(kind) or pa.types.is_timestamp(kind):
        array = pc.cast(array, pa.timestamp("us"), safe=False)
    wide = pa.uint64() if pa.types.is_uint64(kind) else pa.int64()
    whole = numbers_of(pc.cast(array, wide, safe=False), missing=0)
    bits: Hashes = np.array(whole).view(np.uint64)
    return bits


def _of_reals(numbers: NDArray[np.float64]) -> Hashes:
    bits: Hashes = np.array(numbers).view(np.uint64)
    whole = (np.rint(numbers) == numbers) & (np.abs(numbers) < _EXACT)  # NaN equals nothing
    if whole.any():
        bits[whole] = numbers[whole].astype(np.int64).view(np.uint64)
    gaps = np.isnan(numbers)
    if gaps.any():
        bits[gaps] = _MISSING
    return bits


def _mix(values: Hashes) -> None:
    """A bijection of 64-bit numbers that leaves no bit where it was, in place."""
    values += _MISSING
    values ^= values >> np.uint64(30)
    values *= _FIRST
    values ^= values >> np.uint64(27)
    values *= _SECOND
    values ^= values >> np.uint64(31)
