"""Rows sorted by score: runs of equal scores, bins of whole runs, and passes over them in bounded memory.

The engine sorts once. What follows from the order alone is then read off in a few passes, a block of rows at a time,
so that ten million rows need little more room than their scores.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from governance.evaluation.measures.estimate import FloatArray, IntArray

#: Up to here resamples draw rows. Above, they draw the counts of bins of score, which is as good and never slower
#: than a second or two: a thousand resamples of ten million rows take an hour.
MANY_ROWS = 200_000
BINS = 2**14
BLOCK = 2**18


def ascending(scores: FloatArray) -> bool:
    """Whether the rows are sorted by score already."""
    return all(
        bool(
            (
                scores[begin + 1 : begin + BLOCK + 1]
                >= scores[begin : begin + BLOCK][: len(scores) - 1 - begin]
            ).all()
        )
        for begin in range(0, len(scores), BLOCK)
    )


def blocks(rows: int) -> Iterator[slice]:
    """So many rows at a time: few enough that what is computed of them stays in the cache."""
    for begin in range(0, rows, BLOCK):
        yield slice(begin, min(begin + BLOCK, rows))


def run_of(scores: FloatArray, row: int) -> tuple[int, int]:
    """Where the run of scores equal to this row's begins, and where it ends."""
    return int(np.searchsorted(scores, scores[row], "left")), int(
        np.searchsorted(scores, scores[row], "right")
    )


def bins(scores: FloatArray, most: int) -> IntArray:
    """Where at most `most` bins of equal count begin. A run of equal scores goes whole to the bin of its middle row."""
    rows = len(scores)

    def bin_of(run: tuple[int, int]) -> int:
        start, end = run
        return int(most * (start + (end - start - 1) / 2 + 0.5) / rows)

    firsts = [0]
    for place in range(1, most):
        run = run_of(scores, min(int(place * rows / most), rows - 1))
        first = run[0] if bin_of(run) >= place else run[1]
        if firsts[-1] < first < rows:
            firsts.append(first)
    return np.array(firsts, dtype=np.int64)


def counts(labels: NDArray[np.integer], firsts: IntArray) -> tuple[IntArray, IntArray]:
    """Rows and positive rows of each bin."""
    return np.diff(np.append(firsts, len(labels))), np.add.reduceat(labels, firsts, dtype=np.int64)


def run_blocks(scores: FloatArray) -> Iterator[slice]:
    """So many rows at a time, and the rest of the run the last of them stands in."""
    begin = 0
    while begin < len(scores):
        end = min(begin + BLOCK, len(scores))
        end = run_of(scores, end - 1)[1]
        yield slice(begin, end)
        begin = end


def runs(scores: FloatArray) -> tuple[IntArray, IntArray]:
    """For each row where the run of equal scores it stands in begins and ends."""
    starts = np.append(0, np.flatnonzero(np.diff(scores)) + 1)
    lengths = np.diff(np.append(starts, len(scores)))
    return np.repeat(starts, lengths), np.repeat(starts + lengths, lengths)
