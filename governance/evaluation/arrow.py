"""Arrow's columns as numpy's. `to_numpy` does the same and imports pandas for it: 45 MB that a job need not have."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray


def numbers_of(column: Any) -> NDArray[Any]:
    """Numbers or truth values of an Arrow array; numbers are Arrow's own and not to be written to. ValueError where a
    value is missing: fill the gaps first."""
    array = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    if array.null_count:
        raise ValueError("a missing value is no number")
    if pa.types.is_boolean(array.type):
        return numbers_of(pc.cast(array, pa.uint8())).astype(np.bool_)
    kind = np.dtype(array.type.to_pandas_dtype())
    buffer = array.buffers()[1]
    if buffer is None:
        return np.empty(0, dtype=kind)
    return np.frombuffer(buffer, dtype=kind, count=len(array), offset=array.offset * kind.itemsize)


def reals_of(column: Any) -> NDArray[np.float64]:
    """Numbers of any width as float64, a missing one as NaN."""
    wide = pc.cast(column, pa.float64(), safe=False)
    return numbers_of(pc.fill_null(wide, float("nan")) if wide.null_count else wide)
