"""Row keys as 64-bit numbers: enough to know a row again, and nobody's name."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from countersign.jobs.handlers import JobFailed
from countersign.web.formats import plural
from governance.evaluation.honesty.siphash import text_hashes


def hashed(piece: Any) -> NDArray[np.uint64]:
    """A SipHash of each key as text, so that 7 and "7" are one key in two files. Two of ten million different keys
    have the same one in one file of 370,000."""
    if pa.types.is_dictionary(piece.type):
        piece = piece.cast(piece.type.value_type)
    return text_hashes(pc.cast(piece, pa.string()))


def refuse_duplicates(hashes: NDArray[np.uint64], gaps: int, row_key: str) -> None:
    """Raises JobFailed (row_keys_missing, duplicate_row_keys). How many, never which: a key may name a person. The
    hashes are left sorted."""
    if gaps:
        raise JobFailed(
            "row_keys_missing",
            f"{plural(gaps, 'row has', 'rows have')} no “{row_key}”, which is declared as the row key. Register the "
            "data with a key in every row, or without a row key.",
        )
    hashes.sort()
    repeats = int((hashes[1:] == hashes[:-1]).sum())
    if repeats:
        raise JobFailed(
            "duplicate_row_keys",
            f"{plural(repeats, 'row repeats', 'rows repeat')} the “{row_key}” of an earlier row, which is declared as "
            "the row key: rows counted twice make every interval too narrow. Register the data with each row once, "
            "or without a row key.",
        )
