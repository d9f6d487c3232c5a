"""Which columns can be disturbed how, and the disturbing of one column."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from governance.evaluation.measures.estimate import FloatArray

UNSEEN = "never seen before"


def numeric(schema: pa.Schema, declared: Mapping[str, str]) -> list[str]:
    """The columns that hold quantities: whole or floating-point numbers, unless declared to be categories."""
    return [
        field.name
        for field in schema
        if (pa.types.is_integer(field.type) or pa.types.is_floating(field.type))
        and not _declared_category(declared.get(field.name, ""))
    ]


def categorical(rows: pa.RecordBatch, declared: Mapping[str, str]) -> list[str]:
    """The columns that hold categories and can take one more: text, with or without a dictionary, and whole numbers
    declared to be categories."""
    found = []
    for field in rows.schema:
        kind = field.type
        if pa.types.is_dictionary(kind):
            room = len(rows[field.name].dictionary) <= _limits(kind.index_type)[1]
            if _text(kind.value_type) and room:
                found.append(field.name)
        elif _text(kind) or (pa.types.is_integer(kind) and _declared_category(declared.get(field.name, ""))):
            found.append(field.name)
    return found


def _text(kind: pa.DataType) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))


def _declared_category(name: str) -> bool:
    plain = name.strip().lower()
    return plain.startswith(("categor", "enum", "dictionary"))


def _limits(kind: pa.DataType) -> tuple[int, int]:
    found = np.iinfo(kind.to_pandas_dtype())
    return int(found.min), int(found.max)


def floats(column: pa.Array) -> FloatArray:
    """The column as float64, NaN where it is null or not finite."""
    values: FloatArray = np.array(pc.cast(column, pa.float64(), safe=False), dtype=np.float64)
    values[~np.isfinite(values)] = np.nan
    return values


def with_gaps(column: pa.Array, gaps: NDArray[np.bool_]) -> pa.Array:
    """Null where `gaps` is true; works for every type."""
    return column.take(pa.array(np.arange(len(column)), mask=gaps))


def with_numbers(column: pa.Array, values: FloatArray, where: NDArray[np.bool_]) -> pa.Array:
    """`values` where `where` is true, as far as the column's type reaches, whole ones in a column of whole numbers;
    what is missing stays missing."""
    kind = column.type
    where = where & np.isfinite(values)
    if pa.types.is_integer(kind):
        low, high = _limits(kind)
        # Python's numbers, because the largest of 64 bits are no floating-point ones.
        rounded = [min(max(int(value), low), high) for value in np.rint(values[where])]
        fresh = pa.array(rounded, type=kind)
    else:
        largest = float(np.finfo(kind.to_pandas_dtype()).max)
        fresh = pa.array(np.clip(values[where], -largest, largest)).cast(kind)
    held = pc.is_valid(column).to_numpy(zero_copy_only=False)
    return _placed(column, where & held, fresh.filter(pa.array(held[where])))


def with_unseen(column: pa.Array, where: NDArray[np.bool_]) -> pa.Array:
    """A category where `where` is true that the column does not hold: a text, or the next whole number."""
    kind = column.type
    if pa.types.is_dictionary(kind):
        entries = column.dictionary
        added = pa.concat_arrays([entries, pa.array([_fresh_text(entries)], type=entries.type)])
        code = pa.scalar(len(entries), type=kind.index_type)
        codes = pc.if_else(pa.array(where), code, column.indices)
        return pa.DictionaryArray.from_arrays(codes, added)
    if pa.types.is_integer(kind):
        largest = pc.max(column).as_py()
        fresh: Any = min((largest if largest is not None else 0) + 1, _limits(kind)[1])
    else:
        fresh = _fresh_text(pc.unique(column))
    return pc.if_else(pa.array(where), pa.scalar(fresh, type=kind), column)


def _fresh_text(entries: pa.Array) -> str:
    taken = set(entries.to_pylist())
    text = UNSEEN
    while text in taken:
        text += "_"
    return text


def _placed(column: pa.Array, where: NDArray[np.bool_], fresh: pa.Array) -> pa.Array:
    return pc.replace_with_mask(column, pa.array(where), fresh)
