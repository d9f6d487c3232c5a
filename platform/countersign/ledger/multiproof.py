"""One proof for all entries of a bundle: in order, the roots of the largest subtrees that hold none of them.

A whole log or one period needs at most 2·log2(n) hashes; `offline/verify.py` checks it in ten lines.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache

from countersign.ledger.proofs import ReadRun, subtree_reader
from countersign.ledger.tree import TILE_WIDTH, split

Run = tuple[int, int]
"""First index, and how many follow each other from there."""


def runs_of(indexes: Iterable[int]) -> list[Run]:
    """Ascending indexes as runs. Raises ValueError when they do not ascend."""
    runs: list[Run] = []
    for index in indexes:
        end = sum(runs[-1]) if runs else 0
        if index < end:
            raise ValueError("the indexes of a bundle ascend")
        if runs and index == end:
            runs[-1] = (runs[-1][0], runs[-1][1] + 1)
        else:
            runs.append((index, 1))
    return runs


def multiproof(runs: Sequence[Run], size: int, read_run: ReadRun) -> Iterator[bytes]:
    """The hashes for `runs` in the tree of `size` leaves, in order."""
    starts = [first for first, _ in runs]
    subtree = subtree_reader(_by_tile(read_run, size))

    def parts(low: int, high: int) -> Iterator[bytes]:
        at = bisect_right(starts, high - 1) - 1  # the last run that begins before `high`
        first, count = runs[at] if at >= 0 else (0, 0)
        if first + count <= low:
            yield subtree(low, high)
        elif first > low or first + count < high:  # neither without entries nor only entries
            middle = low + split(high - low)
            yield from parts(low, middle)
            yield from parts(middle, high)

    if size:
        yield from parts(0, size)


def _by_tile(read_run: ReadRun, size: int) -> ReadRun:
    """Reads whole tiles and keeps the last ones, so that neighbours cost one query."""

    @lru_cache(maxsize=64)
    def tile(level: int, number: int) -> Sequence[bytes]:
        first = number * TILE_WIDTH
        return read_run(level, first, min(TILE_WIDTH, size // TILE_WIDTH**level - first))

    def read(level: int, first: int, count: int) -> Sequence[bytes]:
        within = first % TILE_WIDTH
        return tile(level, first // TILE_WIDTH)[within : within + count]

    return read
