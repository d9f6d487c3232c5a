"""Arrow's columns as numpy's. `to_numpy` does the same and imports pandas for it: 45 MB that a job need not have."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray


def numbers_of(column: Any, *, missing: float | None = None) -> NDArray[Any]:
    """Numbers or truth values of an Arrow array, `missing` where it has none. Without gaps numbers are Arrow's own and
    not to be written to. ValueError where a value is missing and nothing stands for it."""
    array = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    if pa.types.is_boolean(array.type):
        return numbers_of(pc.cast(array, pa.uint8()), missing=missing).astype(np.bool_)
    kind = np.dtype(array.type.to_pandas_dtype())
    buffer = array.buffers()[1]
    if buffer is None:
        held: NDArray[Any] = np.zeros(len(array), dtype=kind)
    else:
        held = np.frombuffer(buffer, dtype=kind, count=len(array), offset=array.offset * kind.itemsize)
    if not array.null_count:
        return held
    if missing is None:
        raise ValueError("a missing value is no number")
    filled = held.copy()
    filled[numbers_of(pc.is_null(array))] = missing
    return filled


def reals_of(column: Any) -> NDArray[np.float64]:
    """Numbers of any width as float64, a missing one as NaN."""
    return numbers_of(pc.cast(column, pa.float64(), safe=False), missing=float("nan"))
