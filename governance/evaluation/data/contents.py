"""What an evaluation knows of its data: labels and groups in memory, features as a stream."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from governance.evaluation.data.keys import hashed
from governance.evaluation.data.source import Source, Tick, rebatched
from governance.evaluation.data.targets import Labels
from governance.evaluation.measures.rows import Coded

BATCH_ROWS = 65_536


@dataclass(frozen=True, slots=True)
class Sample:
    """Some rows of the data, in their order: `index` holds their numbers from 0, ascending; the rest belongs to them,
    row by row."""

    index: NDArray[np.int64]
    features: pa.Table
    labels: Labels
    groups: dict[str, Coded]
    queries: Coded | None
    keys: NDArray[np.uint64] | None

    @property
    def rows(self) -> int:
        """Number of rows."""
        return len(self.index)


@dataclass(frozen=True)
class Features:
    """`features` names the columns the model asks for, in its order. The file must stay where it is: they are read
    from it anew at every call. `tick` hears how many rows were read and may raise to stop."""

    source: Source
    features: tuple[str, ...]
    tick: Tick = field(repr=False)

    @property
    def rows(self) -> int:
        """Number of rows."""
        return self.source.rows

    def batches(self, rows: int, *, start: int = 0, stop: int | None = None) -> Iterator[pa.RecordBatch]:
        """The features in file order in record batches of `rows` rows, the last one shorter, from the row numbered
        `start` up to before `stop`. Where `start` is a multiple of `rows` they are the same batches as without it."""
        wanted = self.rows if stop is None else min(stop, self.rows)
        yield from rebatched(self._pieces(self.features, start), rows, stop=wanted - start)

    def column(self, name: str) -> pa.ChunkedArray:
        """One column of the file, in memory."""
        return pa.chunked_array([piece.column(0) for piece in self._pieces((name,))])

    def _pieces(self, columns: tuple[str, ...], start: int = 0) -> Iterator[pa.RecordBatch]:
        seen = start
        for piece in self.source.pieces(columns, start=start):
            seen += piece.num_rows
            self.tick(seen)
            yield piece


@dataclass(frozen=True)
class EvaluationData(Features):
    """Features, and beside them in memory: `labels`, what happened, a row each: 0 or 1 (int8, 1 is the positive
    label), the place in `classes` (int32), a number or a relevance (float64); `groups`, the declared attributes;
    `queries`, the query each row answers, for a ranking."""

    labels: Labels
    classes: tuple[str, ...]
    groups: dict[str, Coded]
    queries: Coded | None
    row_key: str
    time_column: str

    @property
    def keys(self) -> NDArray[np.uint64] | None:
        """A 64-bit hash of each row's key, read anew; None where the dataset version declares no row key."""
        if not self.row_key:
            return None
        keys, read = np.empty(self.rows, dtype=np.uint64), 0
        for some in self.keys_by_piece():
            keys[read : read + len(some)] = some
            read += len(some)
        return keys

    def keys_by_piece(self) -> Iterator[NDArray[np.uint64]]:
        """The same, some rows after the others: of many rows they are more than need be held."""
        for piece in self._pieces((self.row_key,)):
            yield hashed(piece.column(0))

    def sample(self, rows: int, seed: int) -> Sample:
        """At most `rows` rows spread evenly over the file, one out of each stretch of equal length; the same ones for
        the same seed. All rows where there are no more."""
        return self.at(_spread(self.rows, rows, seed))

    def sample_of_queries(self, rows: int, seed: int) -> Sample:
        """Whole queries of a ranking, drawn one after the other as long as they have at most `rows` rows together;
        one at least. The same ones for the same seed."""
        if self.queries is None:
            raise ValueError("only a ranking has queries")
        sizes = np.bincount(self.queries.codes)
        order = np.random.default_rng(seed).permutation(len(sizes))
        drawn = max(int((np.cumsum(sizes[order]) <= rows).sum()), 1)
        return self.at(np.flatnonzero(np.isin(self.queries.codes, order[:drawn])))

    def at(self, index: NDArray[np.int64]) -> Sample:
        """The rows with these numbers, which must ascend."""
        columns = self.features
        if self.row_key and self.row_key not in columns:
            columns = (*columns, self.row_key)
        taken = []
        first = 0
        for batch in rebatched(self._pieces(columns), BATCH_ROWS, stop=self.rows):
            low, high = np.searchsorted(index, (first, first + batch.num_rows))
            taken.append(batch.take(pa.array(index[low:high] - first)))
            first += batch.num_rows
        table = pa.Table.from_batches(taken).combine_chunks()
        return Sample(
            index=index,
            features=table.select(list(self.features)),
            labels=self.labels[index],
            groups={name: coded.take(index) for name, coded in self.groups.items()},
            queries=None if self.queries is None else self.queries.take(index),
            keys=hashed(table[self.row_key]) if self.row_key else None,
        )


def _spread(total: int, wanted: int, seed: int) -> NDArray[np.int64]:
    if wanted >= total:
        return np.arange(total, dtype=np.int64)
    bounds = np.arange(wanted + 1, dtype=np.int64) * total // wanted
    return bounds[:-1] + np.random.default_rng(seed).integers(0, np.diff(bounds))
