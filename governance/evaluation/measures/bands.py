"""Columns as a few named bands of rows: numbers in quantile bands, words by value, missing by itself."""

from __future__ import annotations

import datetime
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from governance.evaluation.measures.estimate import IntArray

MOST_BANDS = 5
MOST_VALUES = 30
MISSING = "missing"
OTHER = "all other values"

#: From here on a number is written by its power of ten.
HUGE = 1e15


class Banded(NamedTuple):
    """A column whose row `i` belongs to `names[codes[i]]`."""

    column: str
    names: list[str]
    codes: IntArray


def banded(column: str, values: Any) -> Banded | None:
    """The bands of a column (a pyarrow array, or a numpy array of strings).

    Numbers, dates and times of more than 5 different values fall into at most 5 bands of equal count, whose edges
    are values that occur; words keep their 30 most frequent values and share one band for the rest; missing values
    (and NaN) have a band of their own. None where the values are neither numbers, words nor times. The order of rows
    plays no part.
    """
    array = values if isinstance(values, pa.Array | pa.ChunkedArray) else pa.array(values)
    if isinstance(array, pa.ChunkedArray):
        array = array.combine_chunks()
    if pa.types.is_dictionary(array.type):
        array = array.cast(array.type.value_type)
    kind = array.type
    if pa.types.is_floating(kind) or pa.types.is_integer(kind) or pa.types.is_decimal(kind):
        return _numbers(column, array)
    if pa.types.is_date(kind) or pa.types.is_timestamp(kind):
        return _times(column, array)
    if pa.types.is_boolean(kind) or pa.types.is_string(kind) or pa.types.is_large_string(kind):
        return _words(column, array)
    return None


def _numbers(column: str, array: pa.Array) -> Banded:
    whole = pa.types.is_integer(array.type)
    numbers = pc.cast(array, pa.float64(), safe=False).to_numpy(zero_copy_only=False)
    whole = whole or bool(np.all(np.mod(numbers[np.isfinite(numbers)], 1) == 0))
    return _bands(column, numbers, _whole if whole else _real, steps=whole)


def _times(column: str, array: pa.Array) -> Banded:
    stamps = pc.cast(array, pa.timestamp("us"), safe=False)
    numbers = pc.cast(pc.cast(stamps, pa.int64()), pa.float64(), safe=False).to_numpy(zero_copy_only=False)
    return _bands(column, numbers, _date, steps=False)


def _bands(column: str, numbers: Any, said: Any, *, steps: bool) -> Banded:
    """`steps`: the values are whole, so that a band is told by its first and last value."""
    missing = np.isnan(numbers)
    present = np.sort(numbers[~missing])
    values = np.unique(present)
    if len(values) <= MOST_BANDS:
        edges, names = values, [said(value) for value in values]
    else:
        places = (len(present) * np.arange(1, MOST_BANDS + 1) + MOST_BANDS - 1) // MOST_BANDS - 1
        edges = np.unique(present[places])
        firsts = values[np.append(0, np.searchsorted(values, edges[:-1], side="right"))]
        names = [
            _named(said, first, edge, at, len(edges), steps=steps)
            for at, (first, edge) in enumerate(zip(firsts, edges, strict=True))
        ]
    codes = np.where(missing, len(edges), np.searchsorted(edges, np.where(missing, 0, numbers)))
    return _with_missing(column, names, codes.astype(np.int64), missing)


def _named(said: Any, first: float, last: float, at: int, bands: int, *, steps: bool) -> str:
    if at == 0:
        return f"up to {said(last)}"
    if at == bands - 1:
        return f"{said(first)} and more"
    if first == last:
        return str(said(first))
    return f"{said(first)} to {said(last)}" if steps else f"from {said(first)} to {said(last)}"


def _whole(value: float) -> str:
    if abs(value) >= HUGE:
        return f"{value:.6g}"
    return f"{value:,.0f}" if abs(value) >= 10_000 else f"{value:.0f}"


def _real(value: float) -> str:
    return f"{value:,.0f}" if 1e6 <= abs(value) < HUGE else f"{value:,.6g}"


def _date(value: float) -> str:
    moment = datetime.datetime(1970, 1, 1) + datetime.timedelta(microseconds=value)
    return moment.date().isoformat()


def _words(column: str, array: pa.Array) -> Banded:
    encoded = pc.dictionary_encode(pc.cast(array, pa.string()))
    words = [str(word) for word in encoded.dictionary.to_pylist()]
    codes = pc.fill_null(pc.cast(encoded.indices, pa.int64()), -1).to_numpy(zero_copy_only=False)
    missing = codes < 0
    counts = np.bincount(codes[~missing], minlength=len(words))
    ranked = sorted(range(len(words)), key=lambda at: (-counts[at], words[at]))
    kept = sorted(words[at] for at in ranked[:MOST_VALUES])
    names = [*kept, OTHER] if len(words) > MOST_VALUES else kept
    place = {word: at for at, word in enumerate(kept)}
    position = np.array([place.get(word, len(kept)) for word in words] + [0], dtype=np.int64)
    found: IntArray = position[codes]
    return _with_missing(column, names, found, missing)


def _with_missing(column: str, names: list[str], codes: IntArray, missing: Any) -> Banded:
    if not missing.any():
        return Banded(column, names, codes)
    return Banded(column, [*names, MISSING], np.where(missing, len(names), codes))
