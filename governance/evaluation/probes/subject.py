"""The rows that disturbing probes start from, and what is known of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from governance.evaluation.measures.estimate import FloatArray, IntArray
from governance.evaluation.probes.headline import Headline, headline
from registry.versions.tasks import Task

#: Rows of one batch of a pass. A batch that cannot be answered takes all of its rows with it.
BATCH_ROWS = 5000


@dataclass(frozen=True, slots=True)
class Subject:
    """Some rows of the data: their `features`, one batch; their `labels` as `headline` wants them, and of a ranking
    the code of each row's query; the `scores` (rows, k) that the first process gave them.

    `changed` says of two arrays of scores in which rows they decide otherwise; None where a score decides nothing.
    `declared` is what the signature says of the features' types. `seed` fixes whatever is drawn."""

    task: Task
    features: pa.RecordBatch
    labels: NDArray[Any]
    queries: IntArray | None
    scores: FloatArray
    changed: Callable[[FloatArray, FloatArray], NDArray[np.bool_]] | None
    declared: Mapping[str, str]
    seed: int

    @property
    def rows(self) -> int:
        """Number of rows."""
        return int(self.features.num_rows)

    @property
    def headline(self) -> Headline:
        """The task's measure over these rows."""
        return headline(self.task, self.labels, queries=self.queries, seed=self.seed)

    def thinned(self, rows: int) -> Subject:
        """At most so many of the rows, evenly spread; of a ranking whole queries, one at least."""
        if rows >= self.rows:
            return self
        if self.queries is None:
            kept = np.arange(rows) * self.rows // rows
        else:
            sizes = np.bincount(self.queries)
            most = max(int((np.cumsum(sizes) <= rows).sum()), 1)
            kept = np.flatnonzero(self.queries < most)
        return self.at(kept)

    def at(self, places: NDArray[np.int64]) -> Subject:
        """The rows at these places."""
        return replace(
            self,
            features=self.features.take(pa.array(places)),
            labels=self.labels[places],
            queries=None if self.queries is None else self.queries[places],
            scores=self.scores[places],
        )


def in_batches(rows: pa.RecordBatch, size: int = BATCH_ROWS) -> Iterator[pa.RecordBatch]:
    """The rows in batches of at most `size`."""
    for first in range(0, rows.num_rows, size):
        yield rows.slice(first, size)


def with_columns(rows: pa.RecordBatch, changed: Mapping[str, pa.Array]) -> pa.RecordBatch:
    """The rows with these columns replaced, under the same schema: a stream of batches has one."""
    columns = [changed.get(name, rows[place]) for place, name in enumerate(rows.schema.names)]
    return pa.RecordBatch.from_arrays(columns, schema=rows.schema)
