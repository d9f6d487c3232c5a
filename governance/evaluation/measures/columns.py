"""Columns of many rows in a file, read back some rows at a time."""

from __future__ import annotations

from collections.abc import Callable
from tempfile import TemporaryFile
from typing import Any

import numpy as np
from numpy.typing import NDArray

from governance.evaluation.measures.estimate import FloatArray
from governance.evaluation.measures.sorted_rows import blocks, filled

#: So many numbers are held in memory, 8 MB.
MOST_HELD = 2**20


class ColumnFile:
    """A column in a file without a name, read back in slices: of many rows they are more than memory should hold."""

    def __init__(self, dtype: type[np.generic]) -> None:
        self._file = TemporaryFile()  # noqa: SIM115  it ends with this object
        self._dtype, self._rows = np.dtype(dtype), 0

    def append(self, values: NDArray[Any]) -> None:
        """Some more."""
        self._file.write(values.tobytes())
        self._rows += len(values)

    def __len__(self) -> int:
        return self._rows

    def __getitem__(self, rows: slice) -> NDArray[Any]:
        start, stop, _ = rows.indices(self._rows)
        self._file.seek(self._dtype.itemsize * start)
        return np.frombuffer(self._file.read(self._dtype.itemsize * max(stop - start, 0)), dtype=self._dtype)


#: Numbers, a row each, read in slices.
Numbers = FloatArray | ColumnFile


def stored(rows: int, dtype: type[np.generic], part: Callable[[slice], NDArray[Any]]) -> Numbers:
    """A column made a block at a time, in a file where it is long."""
    if rows <= MOST_HELD:
        return filled(rows, dtype, part)
    file = ColumnFile(dtype)
    for block in blocks(rows):
        file.append(part(block).astype(dtype, copy=False))
    return file


def picked(column: Numbers, inside: NDArray[np.bool_]) -> Numbers:
    """The rows inside, in a file where they are many."""
    if np.count_nonzero(inside) <= MOST_HELD:
        return np.concatenate([column[rows][inside[rows]] for rows in blocks(len(inside))])
    file = ColumnFile(np.float64)
    for rows in blocks(len(inside)):
        file.append(column[rows][inside[rows]])
    return file
