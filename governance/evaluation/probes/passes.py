"""What a probe asks and what it is told: streams of rows in, their scores out."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
import pyarrow as pa

from governance.evaluation.measures.estimate import FloatArray


@dataclass(frozen=True, slots=True)
class Pass:
    """Rows to score: `batches` is read once, when its turn has come, and together has `rows` rows. `title` tells
    people what is going on."""

    name: str
    title: str
    rows: int
    batches: Iterable[pa.RecordBatch]


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back for one pass: `scores` (rows, k), NaN where a batch was not answered; for each such batch a
    sentence; the seconds of every batch, measured outside the model's process."""

    scores: FloatArray
    refusals: tuple[str, ...]
    latencies: tuple[float, ...]

    @property
    def answered(self) -> float:
        """The share of rows with finite numbers."""
        return float(np.isfinite(self.scores).all(axis=1).mean())


@dataclass(slots=True)
class Found:
    """What a probe adds to the results and to the circumstances, and what it could not do: {"what", "why"}."""

    results: dict[str, Any] = field(default_factory=dict)
    circumstances: dict[str, Any] = field(default_factory=dict)
    not_measured: list[dict[str, str]] = field(default_factory=list)

    def add(self, other: Found) -> None:
        """Take in what another probe found."""
        self.results |= other.results
        self.circumstances |= other.circumstances
        self.not_measured += other.not_measured


class Asked(Protocol):
    """A probe that is to be asked."""

    def passes(self) -> list[Pass]:
        """The passes it wants, in order; none where there is nothing to ask."""

    def found(self, answers: Mapping[str, Answer]) -> Found:
        """What follows from the answers to its passes, by their names."""


class Chain:
    """Several passes as one stream of batches, and the answers cut apart again.

    Empty batches are left out, as the sandbox leaves them out. `begun` hears of each pass before its first batch.
    """

    def __init__(self, passes: Sequence[Pass], begun: Callable[[Pass], None]) -> None:
        self._passes = passes
        self._begun = begun
        self._sizes: list[list[int]] = []

    @property
    def rows(self) -> int:
        """Rows of all passes."""
        return sum(one.rows for one in self._passes)

    def __iter__(self) -> Iterator[pa.RecordBatch]:
        for one in self._passes:
            self._begun(one)
            self._sizes.append([])
            for batch in one.batches:
                if batch.num_rows:
                    self._sizes[-1].append(batch.num_rows)
                    yield batch

    def answers(
        self, scores: FloatArray, latencies: Sequence[float], refusals: Mapping[int, str]
    ) -> dict[str, Answer]:
        """One answer for each pass, by its name, once all batches were answered."""
        found, row, batch = {}, 0, 0
        for one, sizes in zip(self._passes, self._sizes, strict=True):
            last = batch + len(sizes)
            found[one.name] = Answer(
                scores[row : row + one.rows],
                tuple(refusals[number] for number in range(batch, last) if number in refusals),
                tuple(latencies[batch:last]),
            )
            row, batch = row + one.rows, last
        return found
