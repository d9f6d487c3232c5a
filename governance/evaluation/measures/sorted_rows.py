"""Rows sorted by score: runs of equal scores, bins of whole runs, and passes over them in bounded memory.

The engine sorts once. What follows from the order alone is then read off in a few passes, a block of rows at a time,
so that ten million rows need little more room than their scores.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from governance.evaluation.measures.estimate import NO_SPREAD, FloatArray, IntArray

#: Up to here an interval sees each row. Above, it sees the counts of bins of score, which is as good and never slower
#: than a second or two.
MANY_ROWS = 200_000
BINS = 2**14
BLOCK = 2**18

#: How many parts of their range scores are sorted in, and how many of them tell where the parts end.
PARTS, SAMPLE = 16, 4096


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


def filled(rows: int, dtype: type[np.generic], part: Callable[[slice], NDArray[Any]]) -> NDArray[Any]:
    """A column made a block at a time, so that what is made on the way, positions above all, never takes the room of
    all rows."""
    column = np.empty(rows, dtype=dtype)
    for block in blocks(rows):
        column[block] = part(block)
    return column


def taken(column: NDArray[Any], order: NDArray[Any], dtype: type[np.generic] | None = None) -> NDArray[Any]:
    """The column in this order."""
    return filled(len(order), dtype or column.dtype.type, lambda rows: column[order[rows]])


def linear(at: Callable[[int], float], rows: int, share: float) -> float:
    """The quantile between the two nearest of numbers in order, `at` giving the one at a place, as numpy's (type 7 of
    Hyndman & Fan 1996, The American Statistician 50)."""
    place = (rows - 1) * share
    below = int(place)
    low, high = at(below), at(min(below + 1, rows - 1))
    part = place - below
    return low + (high - low) * part if part < 0.5 else high - (high - low) * (1 - part)


def order_of(*keys: NDArray[Any]) -> NDArray[np.int32]:
    """The rows by the last key, the scores, of equal scores by the key before it, else as they come: what `np.lexsort`
    gives, in a third of its room, as a part of the scores' range is sorted at a time."""
    scores = keys[-1]
    sample = np.sort(scores[:: max(len(scores) // SAMPLE, 1)])
    ends: list[float] = []
    if len(scores) > BLOCK:
        ends = np.unique(sample[len(sample) // PARTS :: max(len(sample) // PARTS, 1)]).tolist()
    order = np.empty(len(scores), dtype=np.int32)
    filled, least = 0, -np.inf
    for end in (*ends, np.inf):
        own = np.concatenate(
            [
                np.flatnonzero(_between(scores[rows], least, end)).astype(np.int32) + np.int32(rows.start)
                for rows in blocks(len(scores))
            ]
        )
        order[filled : filled + len(own)] = own[np.lexsort(tuple(key[own] for key in keys))]
        filled, least = filled + len(own), end
    return order


def _between(scores: FloatArray, least: float, end: float) -> NDArray[np.bool_]:
    """Those above `least` and not above `end`."""
    return (scores > least) & (scores <= end)


class Moments:
    """The mean of numbers, their squared deviations from it, the least and the largest, of any number of blocks (Chan,
    Golub & LeVeque 1983, The American Statistician 37)."""

    def __init__(self) -> None:
        self.n = 0
        self.mean = self.squares = 0.0
        self.least, self.most = np.inf, -np.inf

    @classmethod
    def of(cls, rows: int, part: Callable[[slice], FloatArray]) -> Moments:
        """Those of a column made a block at a time."""
        moments = cls()
        for block in blocks(rows):
            moments.add(part(block))
        return moments

    def add(self, values: FloatArray) -> None:
        """Take some more numbers."""
        if not len(values):
            return
        mean = float(values.mean())
        apart, before = mean - self.mean, self.n
        self.n += len(values)
        self.mean = self.mean + apart * len(values) / self.n if before else mean
        self.squares += float(np.sum((values - mean) ** 2)) + apart**2 * before * len(values) / self.n
        self.least, self.most = min(self.least, float(values.min())), max(self.most, float(values.max()))

    @property
    def variance(self) -> float:
        """The sample's variance; 0 of a single number."""
        return self.squares / (self.n - 1) if self.n > 1 else 0.0

    @property
    def standard_error(self) -> float:
        """That of the mean; 0 where the numbers show no spread beyond rounding."""
        if self.most - self.least <= NO_SPREAD * max(abs(self.least), abs(self.most)):
            return 0.0
        return float((self.variance / self.n) ** 0.5)


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
    ends = np.append(firsts[1:], len(labels))
    # reduceat with a wider type would copy all labels into that type first
    positives = [labels[first:end].sum() for first, end in zip(firsts, ends, strict=True)]
    return ends - firsts, np.array(positives, dtype=np.int64)


def cells(labels: NDArray[np.integer], scores: FloatArray) -> tuple[IntArray, IntArray]:
    """Rows and positive rows of each run of equal scores, or above `MANY_ROWS` of each of `BINS` bins."""
    if len(labels) > MANY_ROWS:
        return counts(labels, bins(scores, BINS))
    firsts = np.append(0, np.flatnonzero(np.diff(scores)) + 1)
    rows = np.diff(np.append(firsts, len(scores)))
    return rows, np.add.reduceat(labels, firsts, dtype=np.int64)


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
