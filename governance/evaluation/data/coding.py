"""Columns of few different values as numbers into a list of names, filled piece by piece."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from governance.evaluation.arrow import numbers_of
from governance.evaluation.labels import canonical_label
from governance.evaluation.measures.rows import Coded, Codes
from governance.evaluation.measures.sorted_rows import blocks

MISSING_GROUP = "not stated"


class TooManyValues(Exception):
    """A column has more different values than can be kept apart."""


class Coder:
    """Takes a column's pieces; `coded` gives the whole, with the names in order. Values that are one label however
    they are written (1, 1.0, true) get one name."""

    def __init__(self, rows: int, *, most: int) -> None:
        self._codes: Codes = np.empty(rows, dtype=np.uint8)  # grows with the number of names
        self._places: dict[str, int] = {}
        self._filled = 0
        self._most = most

    def take(self, piece: Any) -> None:
        """Add the next piece. Raises TooManyValues."""
        encoded = piece if pa.types.is_dictionary(piece.type) else pc.dictionary_encode(piece)
        dictionary = encoded.dictionary
        indices = encoded.indices
        used = pc.drop_null(pc.unique(indices))
        # The last place is for rows without a value: -1 reaches it.
        places = np.zeros(len(dictionary) + 1, dtype=np.int32)
        for place, value in zip(used.to_pylist(), dictionary.take(used).to_pylist(), strict=True):
            places[place] = self._place(MISSING_GROUP if value is None else canonical_label(value))
        if indices.null_count:
            places[-1] = self._place(MISSING_GROUP)
        self._codes[self._filled : self._filled + len(piece)] = places[
            numbers_of(pc.cast(indices, pa.int64()), missing=-1)
        ]
        self._filled += len(piece)

    def _place(self, name: str) -> int:
        if name not in self._places:
            if len(self._places) >= self._most:
                raise TooManyValues
            self._places[name] = len(self._places)
            if len(self._places) - 1 > np.iinfo(self._codes.dtype).max:
                self._codes = self._codes.astype(np.int16 if self._codes.itemsize == 1 else np.int32)
        return self._places[name]

    def coded(self) -> Coded:
        """Everything taken, once the last piece has come."""
        names = sorted(self._places)
        order = np.empty(max(len(names), 1), dtype=np.int32)
        for place, name in enumerate(names):
            order[self._places[name]] = place
        codes = self._codes[: self._filled]
        for rows in blocks(len(codes)):  # in place, for a second column would be as large as the first
            codes[rows] = order[codes[rows]]
        self._places = {name: place for place, name in enumerate(names)}
        return Coded(tuple(names), codes)
